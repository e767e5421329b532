"""`approve`: lets jobs that await a decision go on to the workers."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from jobctl.domain.job import Job
from jobctl.domain.status import JobStatus, TtlPolicy
from jobctl.services.approval_window import processing_entry
from jobctl.services.bulk import Bulk, Plan, QueuedEntries, Verb, change_jobs
from jobctl.services.decisions import Deciding, already_decided, is_approved
from jobctl.services.documents import Documents
from jobctl.services.operations import OperationList, operation_on, require_status
from jobctl.services.ports import JobRecord, JobStore, Mutation
from jobctl.services.refusals import Refusals

# Where an approved job may be. One that failed or was cancelled since is not what was asked for.
_AFTER_APPROVAL = frozenset(
    {
        JobStatus.PROCESSING_QUEUED,
        JobStatus.WAITING_FOR_REMOTE_WORKER,
        JobStatus.PROCESSING,
        JobStatus.COMPLETED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveJobs:
    """`verify` asks whether the document is still there; `pushes_to_queue` tells the workers."""

    bulk: Bulk
    deciding: Deciding
    ttl: TtlPolicy
    verify: bool = True
    pushes_to_queue: bool = True


def approve(
    request: ApproveJobs, *, jobs: JobStore, documents: Documents, refusals: Refusals | None = None
) -> OperationList:
    """Each approval is one step: decision, status, deadline, token, queues, index and audit."""
    return change_jobs(_Approval(request, documents), request.bulk, jobs=jobs, refusals=refusals)


class _Approval(Verb):
    action: ClassVar = "approve"

    def __init__(self, request: ApproveJobs, documents: Documents) -> None:
        self._request = request
        self._documents = documents
        self.verifies = request.verify

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job, deciding = record.job, self._request.deciding
        if job.status in _AFTER_APPROVAL and is_approved(job):
            return Plan(
                job=job, operation=operation_on(job, self.action, notes=("approved already",))
            )
        require_status(job, deciding.expect_status)
        if job.status is not JobStatus.AWAITING_APPROVAL:
            raise already_decided(job, "approved")
        deciding.check(job, now)
        mutation = self._mutation(job, now, queued)
        note = (
            "queued for the workers"
            if mutation.push_processing
            else "recorded only: nothing starts it"
        )
        operation = operation_on(
            job,
            self.action,
            status=JobStatus.PROCESSING_QUEUED,
            op_id=mutation.op_id,
            notes=(note,),
        )
        return Plan(job=job, mutation=mutation, operation=operation)

    def verify(self, job: Job) -> None:
        self._documents.require(job)

    def _mutation(self, job: Job, now: datetime, queued: QueuedEntries) -> Mutation:
        deciding = self._request.deciding
        entry = processing_entry(job.id, job.s3_key or "", now)
        return replace(
            deciding.change_of(
                job, now, self.action, reason=deciding.reason, ends_approval=queued(job.id)
            ),
            to_status=JobStatus.PROCESSING_QUEUED,
            summary=job.redactor.text(deciding.summary),
            fields={
                "status": JobStatus.PROCESSING_QUEUED.value,
                "updated_at": now,
                "approved_at": now,
                "approval_decision": deciding.record("approved", now),
            },
            ttl=self._request.ttl.lifetime(JobStatus.PROCESSING_QUEUED),
            push_processing=entry if self._request.pushes_to_queue else None,
        )
