"""What the sweeps of a cleanup work with, and what they have in common."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from jobctl.domain.job import Job
from jobctl.domain.retention import Due, RetentionPolicy, Sweep
from jobctl.domain.status import JobStatus, TtlPolicy
from jobctl.errors import JobctlError, LockedError
from jobctl.services.archive import Archive
from jobctl.services.authors import Author
from jobctl.services.bulk import Plan, Verb
from jobctl.services.document_search import DocumentSearch
from jobctl.services.documents import Documents, Owned
from jobctl.services.operations import Operation, operation_on, without_job
from jobctl.services.ports import JobRecord, JobStore, Lease, Mutation, QueueEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepContext(Author):
    """Every change is fenced by *lease*. `stopped` says that nothing further is to be begun."""

    policy: RetentionPolicy
    ttl: TtlPolicy
    lease: Lease
    results: bool = False
    archive: Archive | None = None
    stopped: Callable[[], bool] = lambda: False

    def search(self, documents: Documents) -> DocumentSearch:
        return DocumentSearch(
            documents=documents,
            results=self.results,
            hold=self.lease.hold,
            stopped=self.stopped,
        )

    def keep(
        self, found: Mapping[str, Owned], sweep: Sweep, *, stops: bool = True
    ) -> Mapping[str, JobctlError | None]:
        """See `Archive.keep`; without an archive nothing has to be kept."""
        if self.archive is None or not found:
            return {}
        return self.archive.keep(
            found,
            sweep=sweep,
            hold=self.lease.hold,
            stopped=self.stopped if stops else lambda: False,
        )


class Sweeping(Verb):
    """A verb whose jobs are those of a plan: one that is gone by now is no failure."""

    def __init__(self, context: SweepContext) -> None:
        self.context = context

    def absent(self, job_id: str) -> Operation:
        return without_job(job_id, self.action, "it is gone already")

    def still_due(self, record: JobRecord, sweep: Sweep) -> Due | None:
        """What the plan said, judged again on what was read."""
        due = self.context.policy.judge(
            record.job, indexed_at=record.indexed_at, deadline=record.deadline
        )
        return due if due is not None and due.sweep is sweep else None

    def failing(
        self,
        job: Job,
        now: datetime,
        *,
        why: str,
        message: str,
        entries: Sequence[QueueEntry],
        cleanup_state: str | None = None,
    ) -> Mutation:
        """Ends *job* as failed with *message*, if it is still as it was read."""
        fields = {
            "status": JobStatus.FAILED.value,
            "updated_at": now,
            "completed_at": now,
            "error_message": message,
            "cleanup_state": cleanup_state,
        }
        return replace(
            self.context.change_of(job, now, self.action, ends_approval=entries),
            expected_stamp=job.stamp or "",
            to_status=JobStatus.FAILED,
            summary=why,
            fields={name: value for name, value in fields.items() if value is not None},
            ttl=self.context.ttl.lifetime(JobStatus.FAILED),
        )

    def no_longer_due(self, job: Job) -> Plan:
        note = "not due any more: it has changed since"
        return Plan(job=job, operation=operation_on(job, self.action, notes=(note,)))


def record_all(
    context: SweepContext, ids: Iterable[str], action: str, summary: str, *, jobs: JobStore
) -> Mapping[str, JobctlError | None]:
    """A record about each of *ids*, none of which is a job's; why there is none for some.

    LockedError where the lease is lost: nothing may follow then.
    """
    records = [
        replace(
            context.record_of(job_id, context.policy.cutoff, action),
            summary=summary,
            only_recorded=True,
        )
        for job_id in ids
    ]
    answers = jobs.apply_all(records) if records else ()
    for answer in answers:
        if isinstance(answer, LockedError):
            raise answer
    return {
        one.job_id: answer if isinstance(answer, JobctlError) else None
        for one, answer in zip(records, answers, strict=True)
    }
