"""Changes many jobs, each on its own: read in batches, planned one by one, applied together.

Whatever happens to one job stops neither the others nor is it hidden. A job that somebody else
changes between reading and writing is read and planned again, so the answer is about what it is.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from jobctl.domain.job import NOT_A_HASH, Job
from jobctl.errors import (
    ChangedMeanwhileError,
    ExitCode,
    HeldError,
    JobctlError,
    UnavailableError,
)
from jobctl.services.operations import (
    Operation,
    OperationList,
    failed_operation,
    no_such_job,
    unique,
)
from jobctl.services.parallel import CONCERNS_ALL, in_parallel
from jobctl.services.ports import Applied, JobRecord, JobStore, Mutation, QueueEntry
from jobctl.services.refusals import Refusal, Refusals, refused_by

_LOOKS = 5  # at a job that others keep changing
_PAUSE_SECONDS = 0.2  # while the approval service holds a job


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """`wait` is how long to try again while the approval service holds a job. `interrupted`, the
    exit code of a signal, is asked between batches and ends the work there; `checkpoint` is
    called there too, and ends it by raising. `batch` overrides the verb's own size."""

    ids: Sequence[str]
    dry_run: bool = False
    wait: timedelta = timedelta(0)
    batch: int | None = None
    interrupted: Callable[[], ExitCode | None] = lambda: None
    checkpoint: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to become of a job: `operation`, once `mutation` is applied.

    Without a mutation the job is already what it should be; `unfinished` says that something
    remains to be completed all the same.
    """

    job: Job
    operation: Operation
    mutation: Mutation | None = None
    unfinished: bool = False


QueuedEntries = Callable[[str], Sequence[QueueEntry]]


class Verb(ABC):
    """What a bulk command does to one job."""

    action: ClassVar[str]
    batch: int = 100
    """How many jobs are read, planned and changed together."""
    verifies: bool = False
    """Whether `verify` has anything to ask."""
    unreachable: JobctlError | None = None
    """Why it makes no sense to go on with further jobs."""

    @abstractmethod
    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        """Decide on what was read alone; JobctlError refuses."""

    def absent(self, job_id: str) -> Operation:
        """What it comes to that there is no such job."""
        raise no_such_job(job_id)

    def verify(self, job: Job) -> None:  # noqa: B027 - most verbs have nothing to ask
        """Raise unless what is outside of Redis permits the change. Called from several threads."""

    def prepare(self, plans: Sequence[Plan]) -> Mapping[str, JobctlError | None]:  # noqa: ARG002 - as above
        """What must be done before anything is changed. The answer is what must not be changed,
        and why, by id; None leaves it, and the work ends there. What it raises ends it at once."""
        return {}

    def complete(self, plans: Sequence[Plan]) -> Mapping[str, Operation]:  # noqa: ARG002 - as above
        """What remains to be done once the changes stand; the operations that it alters, by id."""
        return {}


def change_jobs(
    verb: Verb, bulk: Bulk, *, jobs: JobStore, refusals: Refusals | None = None
) -> OperationList:
    """The work is done while the list is read."""
    return OperationList(
        _Run(verb, bulk, jobs, refusals).operations(),
        requested=len(unique(bulk.ids)),
        dry_run=bulk.dry_run,
        interrupted=bulk.interrupted,
    )


def operations_on_jobs(verb: Verb, bulk: Bulk, *, jobs: JobStore) -> Iterator[Operation]:
    """As change_jobs, one after another; what ends the work is raised."""
    return _Run(verb, bulk, jobs).operations()


class _Run:
    def __init__(
        self, verb: Verb, bulk: Bulk, jobs: JobStore, refusals: Refusals | None = None
    ) -> None:
        self._verb = verb
        self._bulk = bulk
        self._jobs = jobs
        self._refusals = None if bulk.dry_run else refusals
        self._ids = unique(bulk.ids)
        self._batch: Sequence[str] = ()
        self._seen: dict[str, Job] = {}
        self._now: datetime
        self._entries: Mapping[str, Sequence[QueueEntry]] | None = None
        self._newest: Mapping[str, Sequence[QueueEntry]] | None = None

    def operations(self) -> Iterator[Operation]:
        size = self._bulk.batch or self._verb.batch
        for start in range(0, len(self._ids), size):
            self._bulk.checkpoint()
            if self._bulk.interrupted() is not None:
                return
            batch = self._batch = self._ids[start : start + size]
            self._newest = None
            self._seen = {}
            outcomes = self._settle(batch)
            self._record_refusals(outcomes)
            yield from (outcomes[job_id] for job_id in batch if job_id in outcomes)
            if len(outcomes) < len(batch):
                return
            if self._verb.unreachable is not None and batch[-1] != self._ids[-1]:
                raise self._verb.unreachable

    def _settle(self, batch: Sequence[str]) -> Mapping[str, Operation]:
        """One operation for each, in as many looks as it takes."""
        outcomes: dict[str, Operation] = {}
        give_up = time.monotonic() + self._bulk.wait.total_seconds()
        looks = 0
        waiting = batch
        while waiting:
            try:
                self._attempt(waiting, outcomes)
            except JobctlError as error:
                if waiting is batch:
                    raise
                # Others of the batch have been changed by then.
                return outcomes | {one: replace(outcomes[one], error=error) for one in waiting}
            changed = _failed_by(ChangedMeanwhileError, waiting, outcomes)
            held = _failed_by(HeldError, waiting, outcomes)
            looks += bool(changed)
            if looks >= _LOOKS:
                changed = []
            if time.monotonic() >= give_up or self._bulk.interrupted() is not None:
                held = []
            elif held and not changed:
                time.sleep(_PAUSE_SECONDS)
            waiting = [*changed, *held]
            if waiting:
                self._entries = None  # whoever was faster may have queued something
        return outcomes

    def _record_refusals(self, outcomes: Mapping[str, Operation]) -> None:
        """With the jobs as they were when they were refused."""
        if self._refusals is None:
            return
        refused = [
            Refusal(job_id=job_id, job=self._seen.get(job_id), error=error)
            for job_id, outcome in outcomes.items()
            if (error := refused_by(outcome)) is not None
        ]
        self._refusals.record(self._verb.action, refused, self._now)

    def _attempt(self, ids: Sequence[str], outcomes: dict[str, Operation]) -> None:
        plans = self._plan(ids, outcomes)
        self._verify(plans, outcomes)
        if self._bulk.dry_run:
            outcomes |= {
                job_id: replace(plan.operation, changed=False, op_id=None)
                for job_id, plan in plans.items()
            }
            return
        for job_id, reason in self._verb.prepare([*plans.values()]).items():
            plan = plans.pop(job_id)
            outcomes.pop(job_id, None)
            if reason is not None:
                outcomes[job_id] = self._failed(plan.job, reason)
        self._apply(plans, outcomes)
        unfinished = [plan for plan in plans.values() if plan.mutation or plan.unfinished]
        if unfinished:
            outcomes |= self._verb.complete(unfinished)

    def _plan(self, ids: Sequence[str], outcomes: dict[str, Operation]) -> dict[str, Plan]:
        reading = self._jobs.read(ids)
        self._now = reading.now
        plans = {}
        for job_id, record in zip(ids, reading.records, strict=True):
            if record is not None:
                self._seen[job_id] = record.job
            if record is not None and NOT_A_HASH in record.job.problems:
                outcomes[job_id] = self._failed(record.job, _no_hash(job_id))
                continue
            try:
                if record is None:
                    outcomes[job_id] = self._verb.absent(job_id)
                else:
                    plans[job_id] = self._verb.plan(record, reading.now, self._queued)
            except CONCERNS_ALL:
                raise  # the queues could not be read
            except JobctlError as error:
                status = record.job.shown_status if record else None
                outcomes[job_id] = failed_operation(job_id, self._verb.action, error, status=status)
        return plans

    def _queued(self, job_id: str) -> Sequence[QueueEntry]:
        """The queues are read once for all: that takes longer than all the rest."""
        if self._bulk.dry_run:
            return ()
        if self._entries is None:
            self._entries = self._jobs.queue_entries(self._ids)
            self._newest = {}
        elif self._newest is None:
            # Of later batches something may have been queued since.
            self._newest = self._jobs.newest_queue_entries(self._batch)
        known, newest = self._entries[job_id], (self._newest or {}).get(job_id, ())
        texts = {(entry.queue, entry.text) for entry in known}
        return (*known, *(one for one in newest if (one.queue, one.text) not in texts))

    def _verify(self, plans: dict[str, Plan], outcomes: dict[str, Operation]) -> None:
        """Take out of *plans* what may not be done."""
        if not self._verb.verifies:
            return
        asked = [plan.job for plan in plans.values() if plan.mutation]
        answers = in_parallel(self._verb.verify, asked)
        if answers and isinstance(answers[0], CONCERNS_ALL):
            raise answers[0]
        refused = {
            job.id: (job, answer)
            for job, answer in zip(asked, answers, strict=True)
            if answer is not None
        }
        # Whoever denied a job meanwhile has deleted its document: it is the denial that counts.
        records = self._jobs.read([*refused]).records if refused else ()
        for (job, answer), record in zip(refused.values(), records, strict=True):
            del plans[job.id]
            moved = record is None or record.job.raw_status != job.raw_status
            outcomes[job.id] = self._failed(job, _moved(job, answer) if moved else answer)

    def _apply(self, plans: dict[str, Plan], outcomes: dict[str, Operation]) -> None:
        """Leave in *plans* what holds now."""
        mutations = {job_id: plan.mutation for job_id, plan in plans.items() if plan.mutation}
        applied = dict(
            zip(mutations, self._jobs.apply_all([*mutations.values()]), strict=True)
            if mutations
            else ()
        )
        for job_id, plan in tuple(plans.items()):
            answer = applied.get(job_id)
            if answer is None or isinstance(answer, Applied):
                outcomes[job_id] = plan.operation
            else:
                del plans[job_id]
                outcomes[job_id] = self._failed(plan.job, answer)

    def _failed(self, job: Job, error: JobctlError) -> Operation:
        return failed_operation(job.id, self._verb.action, error, status=job.shown_status)


def _no_hash(job_id: str) -> JobctlError:
    return UnavailableError(
        f"job {job_id}: its record is not a hash, so it is not a job's; nothing was changed",
        hint="check the setting namespace, or move that key away",
        job_id=job_id,
    )


def _moved(job: Job, answer: JobctlError) -> JobctlError:
    return ChangedMeanwhileError(answer.message, hint=answer.hint, job_id=job.id)


def _failed_by(
    kind: type[JobctlError], ids: Sequence[str], outcomes: Mapping[str, Operation]
) -> list[str]:
    return [
        job_id for job_id in ids if job_id in outcomes and isinstance(outcomes[job_id].error, kind)
    ]
