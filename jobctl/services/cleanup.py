"""`cleanup`: carries out a plan, or shows it. A sweep looks again before it changes anything."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from jobctl.domain.limits import DeletionLimit
from jobctl.domain.retention import Due, Sweep
from jobctl.errors import ExitCode, RefusedError
from jobctl.services.approval_timeouts import ApprovalTimeout
from jobctl.services.bulk import Bulk, Verb, operations_on_jobs
from jobctl.services.cleanup_plan import CleanupPlan
from jobctl.services.documents import Documents
from jobctl.services.expired_entries import ExpiredEntries
from jobctl.services.expiry import Expiry
from jobctl.services.operations import Operation, OperationList, counted
from jobctl.services.orphans import Orphans
from jobctl.services.ports import JobStore
from jobctl.services.stuck_jobs import StuckJob
from jobctl.services.sweeps import SweepContext
from jobctl.services.throttle import Throttle

if TYPE_CHECKING:
    from jobctl.services.object_store import Versions

# So many ids are held in memory at a time, and so many entries of expired records pruned together.
_CHUNK = 10_000
_ENTRIES = 1_000
_SOON = 60.0  # seconds
# The sweeps that delete documents: stuck jobs keep theirs.
_DELETING = (Sweep.APPROVALS, Sweep.RETENTION, Sweep.INDEX, Sweep.ORPHANS)


def check_limit(limit: DeletionLimit, plan: CleanupPlan) -> None:
    """RefusedError where more jobs than that may lose their documents."""
    counts = {sweep: plan.counts[sweep] for sweep in _DELETING}
    counts[Sweep.RETENTION] -= plan.let_go
    counts = {sweep: count for sweep, count in counts.items() if count}
    due, most = sum(counts.values()), limit.most(plan.header.total)
    if due <= most:
        return
    parts = ", ".join(f"{sweep} {count:,}" for sweep, count in counts.items())
    hint = "look at --dry-run; --max-delete N or P% raises the limit"
    if Sweep.INDEX in counts:
        hint += "; backfill-index --prune takes out entries alone and leaves documents"
    raise RefusedError(
        f"{counted(due, 'deletion')} ({parts}) at {counted(plan.header.total, 'job')}, and the "
        f"limit is {most:,}; nothing was changed",
        hint=hint,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`rate` is jobs a second; the time budget counts from `started`, by the monotonic clock."""

    rate: float | None = None
    started: float = field(default_factory=time.monotonic)
    time_budget: timedelta | None = None
    interrupted: Callable[[], ExitCode | None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    plan: CleanupPlan
    pace: Pace
    context: SweepContext


class CleanupReport(OperationList):
    """An OperationList of what was due, with counts by action. `versioned` says of buckets what
    they keep of deleted documents, and `eviction_policy` is the server's, None where it cannot be
    told. `when_over` are told of the end of the run, with its exit code."""

    def __init__(
        self,
        items: Iterator[Operation],
        *,
        plan: CleanupPlan,
        dry_run: bool,
        interrupted: Callable[[], ExitCode | None] = lambda: None,
    ) -> None:
        super().__init__(items, requested=len(plan), dry_run=dry_run, interrupted=interrupted)
        self.plan = plan
        self.done: Counter[str] = Counter()
        self.objects = 0
        self.started = time.monotonic()
        self.out_of_time = False
        self.versioned: Mapping[str, Versions] = {}
        self.eviction_policy: str | None = None
        self.when_over: list[Callable[[CleanupReport, ExitCode], None]] = []

    def __iter__(self) -> Iterator[Operation]:
        for item in super().__iter__():
            self.done[item.action] += item.changed
            self.objects += item.objects
            yield item

    @property
    def may_evict(self) -> bool:
        """Whether the server drops jobs by itself when its memory is full."""
        return self.eviction_policy not in (None, "noeviction")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def exit_code(self) -> ExitCode:
        """What the time budget left for the next run is no failure."""
        if self.out_of_time and not self.failed and self.halted is None:
            return ExitCode.DONE
        return super().exit_code


def preview(plan: CleanupPlan) -> CleanupReport:
    """What the plan would do, an operation a job; nothing is changed."""
    return CleanupReport(map(_planned, plan.entries()), plan=plan, dry_run=True)


_ACTIONS: dict[Sweep, str] = {
    Sweep.APPROVALS: ApprovalTimeout.action,
    Sweep.STUCK: StuckJob.action,
    Sweep.RETENTION: Expiry.action,
    Sweep.INDEX: ExpiredEntries.action,
    Sweep.ORPHANS: Orphans.action,
}


def _planned(due: Due) -> Operation:
    return Operation(
        id=due.job_id,
        action=Expiry.letting_go if due.lets_go else _ACTIONS[due.sweep],
        changed=False,
        previous_status=due.status or None,
        status=due.status or None,
        notes=(due.reason,),
    )


def clean_up(request: CleanUp, *, jobs: JobStore, documents: Documents) -> CleanupReport:
    """The work is done while the report is read."""
    run = _Run(request, jobs, documents)
    report = CleanupReport(
        run.operations(),
        plan=request.plan,
        dry_run=False,
        interrupted=request.pace.interrupted,
    )
    report.started = request.pace.started
    run.report = report
    return report


class _Run:
    report: CleanupReport

    def __init__(self, request: CleanUp, jobs: JobStore, documents: Documents) -> None:
        self._request = request
        self._context = replace(request.context, stopped=lambda: self._stopped() is not None)
        self._jobs = jobs
        self._documents = documents
        self._passed = 0
        self._throttle = Throttle(
            request.pace.rate,
            renew=request.context.lease.renew,
            stopped=lambda: self._stopped() is not None,
        )

    def operations(self) -> Iterator[Operation]:
        context = self._context
        self._check_buckets()
        expiry = Expiry(context, self._jobs, self._documents)
        verbs: dict[Sweep, Verb] = {
            Sweep.APPROVALS: ApprovalTimeout(context, self._jobs, self._documents),
            Sweep.STUCK: StuckJob(context),
            Sweep.RETENTION: expiry,
        }
        for sweep, verb in verbs.items():
            for several in self._chunks(sweep, _CHUNK):
                if sweep is Sweep.RETENTION:
                    expiry.look_for({due.job_id: due.key or None for due in self._soon(several)})
                bulk = Bulk(
                    ids=[due.job_id for due in several],
                    batch=min(self._batch or verb.batch, verb.batch),
                    interrupted=self._stopped,
                    checkpoint=lambda: self._throttle.wait(self._passed),
                )
                yield from self._counted(operations_on_jobs(verb, bulk, jobs=self._jobs))
        expired = ExpiredEntries(context, self._jobs, self._documents)
        for several in self._chunks(Sweep.INDEX, self._batch or _ENTRIES):
            ids = [due.job_id for due in several]
            yield from self._counted(expired.prune(ids))
        orphans = Orphans(context, self._jobs, self._documents)
        for several in self._chunks(Sweep.ORPHANS, self._batch or _ENTRIES):
            yield from self._counted(orphans.delete(several))
        if self.report.objects:
            self.report.versioned = self._documents.keeping_versions(self._buckets)

    @property
    def _buckets(self) -> Sequence[str]:
        buckets = self._documents.buckets
        return (buckets.documents, *([buckets.results] if self._context.results else ()))

    def _check_buckets(self) -> None:
        """Before anything is changed: an approval is failed before its documents are looked for."""
        counts = self._request.plan.counts
        if any(counts[sweep] for sweep in Sweep if sweep is not Sweep.STUCK):
            for bucket in self._buckets:
                self._documents.objects.check_bucket(bucket)

    @property
    def _batch(self) -> int | None:
        """What is done at once is not more than the rate has for a second."""
        rate = self._request.pace.rate
        return max(1, int(rate)) if rate else None

    def _soon(self, several: Sequence[Due]) -> Sequence[Due]:
        """Those whose turn comes within a minute."""
        rate = self._request.pace.rate
        return several[: max(1, int(rate * _SOON))] if rate else several

    def _counted(self, operations: Iterator[Operation]) -> Iterator[Operation]:
        for operation in operations:
            self._passed += 1
            yield operation

    def _chunks(self, sweep: Sweep, size: int) -> Iterator[Sequence[Due]]:
        if not self._request.plan.counts[sweep]:
            return
        entries = self._request.plan.entries(sweep)
        while chunk := list(islice(entries, size)):
            self._throttle.wait(self._passed)
            if self._stopped() is not None:
                return
            yield chunk

    def _stopped(self) -> ExitCode | None:
        budget = self._request.pace.time_budget
        if budget is not None and self.report.seconds > budget.total_seconds():
            self.report.out_of_time = True
            return ExitCode.DONE
        return self._request.pace.interrupted()
