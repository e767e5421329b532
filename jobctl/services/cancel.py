"""`cancel`: ends jobs that are under way. Their documents stay, so that they can be retried."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from jobctl.domain.job import Job
from jobctl.domain.status import CANCELLED_MESSAGE, JobStatus, TtlPolicy
from jobctl.errors import ConflictError
from jobctl.services.bulk import Bulk, Plan, QueuedEntries, Verb, change_jobs
from jobctl.services.operations import Operation, OperationList
from jobctl.services.ports import JobRecord, JobStore, Mutation


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelJobs:
    """`stored_as` is how a cancelled job is written: one of the services knows no `cancelled`."""

    bulk: Bulk
    actor: str
    new_op_id: Callable[[], str]
    ttl: TtlPolicy
    reason: str = ""
    stored_as: Literal[JobStatus.CANCELLED, JobStatus.FAILED] = JobStatus.CANCELLED
    ignore_terminal: bool = False


def cancel(request: CancelJobs, *, jobs: JobStore) -> OperationList:
    """Each in one step: status, reason, deadline, token, queue entries, index and audit."""
    return change_jobs(_Cancellation(request), request.bulk, jobs=jobs)


class _Cancellation(Verb):
    action: ClassVar = "cancel"

    def __init__(self, request: CancelJobs) -> None:
        self._request = request

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job = record.job
        if job.status is JobStatus.CANCELLED:
            return Plan(job=job, operation=_unchanged(job, "cancelled already"))
        if job.is_terminal and self._request.ignore_terminal:
            return Plan(job=job, operation=_unchanged(job, "has ended already"))
        if job.is_terminal:
            raise ConflictError(
                f"job {job.id} is {job.shown_status}; only a job that has not ended can be "
                "cancelled",
                hint="--ignore-terminal passes over such jobs",
                job_id=job.id,
            )
        mutation = self._mutation(job, now, queued)
        operation = Operation(
            id=job.id,
            action=self.action,
            changed=True,
            previous_status=job.shown_status,
            status=JobStatus.CANCELLED.value,
            op_id=mutation.op_id,
            notes=_notes(job),
        )
        return Plan(job=job, mutation=mutation, operation=operation)

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
        return Mutation(
            job_id=job.id,
            action=self.action,
            op_id=request.new_op_id(),
            actor=request.actor,
            at=now,
            expected_status=job.raw_status or "",
            to_status=stored_as,
            reason=job.redactor.text(request.reason),
            fields=fields,
            removed_fields=("approval_token",) if job.approval_token else (),
            ttl=request.ttl.lifetime(JobStatus.CANCELLED),
            closes_approval=True,
            held_token=job.approval_token,
            drop_queue_entries=queued(job.id),
        )


def _notes(job: Job) -> tuple[str, ...]:
    if job.celery_task_id:
        return (f"Celery task {job.celery_task_id} was not revoked: it may still run",)
    if job.status is JobStatus.PROCESSING:
        return ("a worker that does not look may still finish it",)
    return ()


def _unchanged(job: Job, note: str) -> Operation:
    return Operation(
        id=job.id,
        action="cancel",
        changed=False,
        previous_status=job.shown_status,
        status=job.shown_status,
        notes=(note,),
    )
