"""`cancel`: ends jobs that are under way. Their documents stay, so that they can be retried."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Literal

from jobctl.domain.job import Job
from jobctl.domain.status import CANCELLED_MESSAGE, JobStatus, TtlPolicy
from jobctl.errors import ConflictError
from jobctl.services.authors import Author
from jobctl.services.bulk import Bulk, Plan, QueuedEntries, Verb, change_jobs
from jobctl.services.operations import OperationList, operation_on
from jobctl.services.ports import JobRecord, JobStore, Mutation
from jobctl.services.refusals import Refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelJobs(Author):
    """`stored_as` is how a cancelled job is written: one of the services knows no `cancelled`."""

    bulk: Bulk
    ttl: TtlPolicy
    reason: str = ""
    stored_as: Literal[JobStatus.CANCELLED, JobStatus.FAILED] = JobStatus.CANCELLED
    ignore_terminal: bool = False


def cancel(
    request: CancelJobs, *, jobs: JobStore, refusals: Refusals | None = None
) -> OperationList:
    """Each in one step: status, reason, deadline, token, queue entries, index and audit."""
    return change_jobs(_Cancellation(request), request.bulk, jobs=jobs, refusals=refusals)


class _Cancellation(Verb):
    action: ClassVar = "cancel"

    def __init__(self, request: CancelJobs) -> None:
        self._request = request

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job = record.job
        if job.status is JobStatus.CANCELLED:
            return self._unchanged(job, "cancelled already")
        if job.is_terminal and self._request.ignore_terminal:
            return self._unchanged(job, "has ended already")
        if job.is_terminal:
            raise ConflictError(
                f"job {job.id} is {job.shown_status}; only a job that has not ended can be "
                "cancelled",
                hint="--ignore-terminal passes over such jobs",
                job_id=job.id,
            )
        mutation = self._mutation(job, now, queued)
        operation = operation_on(
            job,
            self.action,
            status=JobStatus.CANCELLED,
            op_id=mutation.op_id,
            notes=_notes(job),
        )
        return Plan(job=job, mutation=mutation, operation=operation)

    def _unchanged(self, job: Job, note: str) -> Plan:
        return Plan(job=job, operation=operation_on(job, self.action, notes=(note,)))

    def _mutation(self, job: Job, now: datetime, queued: QueuedEntries) -> Mutation:
        request = self._request
        stored_as = request.stored_as
        fields: dict[str, object] = {
            "status": stored_as.value,
            "updated_at": now,
            "cancelled_at": now,
            "completed_at": now,
        }
        if request.reason:
            fields["cancel_reason"] = request.reason
        if stored_as is JobStatus.FAILED:
            fields["error_message"] = CANCELLED_MESSAGE
        return replace(
            request.change_of(
                job, now, self.action, reason=request.reason, ends_approval=queued(job.id)
            ),
            to_status=stored_as,
            fields=fields,
            ttl=request.ttl.lifetime(JobStatus.CANCELLED),
        )


def _notes(job: Job) -> tuple[str, ...]:
    if job.celery_task_id:
        return (f"Celery task {job.celery_task_id} was not revoked: it may still run",)
    if job.status is JobStatus.PROCESSING:
        return ("a worker that does not look may still finish it",)
    return ()
