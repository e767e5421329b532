"""`retry`: sends jobs that failed or were cancelled through everything once more."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from jobctl.domain.job import Decision, Job
from jobctl.domain.moments import format_stored
from jobctl.domain.status import JobStatus, TtlPolicy
from jobctl.errors import ConflictError
from jobctl.services.authors import Author
from jobctl.services.bulk import Bulk, Plan, QueuedEntries, Verb, change_jobs
from jobctl.services.documents import Documents
from jobctl.services.operations import OperationList, operation_on
from jobctl.services.ports import JobRecord, JobStore, Mutation
from jobctl.services.refusals import Refusals

_RETRIABLE = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})
# What an attempt leaves in the record. The new one begins without it: an old result, error or
# decision would pass for its own.
_OF_AN_ATTEMPT = (
    "approval_decision",
    "approval_expires_at",
    "approval_token",
    "approved_at",
    "cancel_reason",
    "cancelled_at",
    "celery_task_id",
    "completed_at",
    "confidence_score",
    "correction_results",
    "denial_decision",
    "denied_at",
    "error",
    "error_details",
    "error_message",
    "failed_rows",
    "percentage",
    "processed_rows",
    "processing_phase",
    "result_url",
    "started_at",
    "successful_rows",
    "summary",
    "verification_summary",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryJobs(Author):
    """`verify` asks whether the document is still there."""

    bulk: Bulk
    ttl: TtlPolicy
    reason: str = ""
    verify: bool = True


def retry(
    request: RetryJobs, *, jobs: JobStore, documents: Documents, refusals: Refusals | None = None
) -> OperationList:
    """Each in one step. The earlier attempts are kept in the record, the field `attempts`."""
    return change_jobs(_Retrial(request, documents), request.bulk, jobs=jobs, refusals=refusals)


class _Retrial(Verb):
    action: ClassVar = "retry"

    def __init__(self, request: RetryJobs, documents: Documents) -> None:
        self._request = request
        self._documents = documents
        self.verifies = request.verify

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job = record.job
        if job.status is JobStatus.QUEUED and job.attempt > 1:
            note = f"attempt {job.attempt} is queued already"
            return Plan(job=job, operation=operation_on(job, self.action, notes=(note,)))
        if job.status not in _RETRIABLE:
            raise ConflictError(
                f"job {job.id} is {job.shown_status}; only failed or cancelled jobs can be retried",
                hint="a denied job has lost its document"
                if job.status is JobStatus.DENIED
                else "jobctl status tells what it is doing",
                job_id=job.id,
            )
        if job.cleanup_state is not None:
            raise ConflictError(
                f"job {job.id}: its documents are being deleted",
                hint="jobctl cleanup finishes that; there is nothing to retry then",
                job_id=job.id,
            )
        if any(problem.startswith("attempts ") for problem in job.problems):
            raise ConflictError(
                f"job {job.id}: what is kept of its earlier attempts cannot be read",
                hint="it would be lost; mend or remove the field attempts first",
                job_id=job.id,
            )
        mutation = self._mutation(job, now, queued)
        note = f"attempt {job.attempt + 1}"
        operation = operation_on(
            job, self.action, status=JobStatus.QUEUED, op_id=mutation.op_id, notes=(note,)
        )
        return Plan(job=job, mutation=mutation, operation=operation)

    def verify(self, job: Job) -> None:
        self._documents.require(job)

    def _mutation(self, job: Job, now: datetime, queued: QueuedEntries) -> Mutation:
        request = self._request
        return replace(
            request.change_of(
                job, now, self.action, reason=request.reason, ends_approval=queued(job.id)
            ),
            to_status=JobStatus.QUEUED,
            summary=f"attempt {job.attempt + 1}",
            fields={
                "status": JobStatus.QUEUED.value,
                "updated_at": now,
                "attempt": job.attempt + 1,
                "attempts": [*job.attempts, _attempt(job)],
            },
            removed_fields=_OF_AN_ATTEMPT,
            ttl=request.ttl.lifetime(JobStatus.QUEUED),
        )


def _attempt(job: Job) -> Mapping[str, Any]:
    """What is kept of an attempt; texts are masked, as jobctl shows them."""
    moments = {
        "started_at": job.started_at,
        "approved_at": job.approved_at,
        "denied_at": job.denied_at,
        "ended_at": job.ended_at or job.updated_at,
    }
    kept: dict[str, Any] = {
        "attempt": job.attempt,
        "status": job.shown_status,
        "error": job.error,
        "cancel_reason": job.cancel_reason,
        "approved_by": _reviewer(job.approval_decision),
        "denied_by": _reviewer(job.denial_decision),
        **{name: format_stored(at) for name, at in moments.items() if at is not None},
    }
    return {name: value for name, value in kept.items() if value is not None}


def _reviewer(decision: Decision | None) -> str | None:
    return decision.reviewed_by if decision else None
