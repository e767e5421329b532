"""`approve`: lets jobs that await a decision go on to the workers."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from jobctl.domain.job import Job
from jobctl.domain.status import JobStatus, TtlPolicy
from jobctl.services.approval_window import processing_entry
from jobctl.services.bulk import Bulk, Plan, QueuedEntries, Verb, change_jobs
from jobctl.services.decisions import Deciding, already_decided, is_approved
from jobctl.services.documents import Documents
from jobctl.services.operations import Operation, OperationList
from jobctl.services.ports import JobRecord, JobStore, Mutation

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


def approve(request: ApproveJobs, *, jobs: JobStore, documents: Documents) -> OperationList:
    """Each approval is one step: decision, status, deadline, token, queues, index and audit."""
    return change_jobs(_Approval(request, documents), request.bulk, jobs=jobs)


class _Approval(Verb):
    action: ClassVar = "approve"

    def __init__(self, request: ApproveJobs, documents: Documents) -> None:
        self._request = request
        self._documents = documents
        self.verifies = request.verify

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job, deciding = record.job, self._request.deciding
        if job.status in _AFTER_APPROVAL and is_approved(job):
            return Plan(job=job, operation=_operation(job, op_id=None))
        deciding.check_expected(job)
        if job.status is not JobStatus.AWAITING_APPROVAL:
            raise already_decided(job, "approved")
        deciding.check(job, now)
        mutation = self._mutation(job, now, queued)
        note = (
            "queued for the workers"
            if mutation.push_processing
            else "recorded only: nothing starts it"
        )
        return Plan(
            job=job, mutation=mutation, operation=_operation(job, op_id=mutation.op_id, note=note)
        )

    def verify(self, job: Job) -> None:
        self._documents.require(job)

    def _mutation(self, job: Job, now: datetime, queued: QueuedEntries) -> Mutation:
        deciding = self._request.deciding
        entry = processing_entry(job.id, job.s3_key or "", now)
        return Mutation(
            job_id=job.id,
            action=self.action,
            op_id=deciding.new_op_id(),
            actor=deciding.actor,
            at=now,
            expected_status=job.raw_status or "",
            to_status=JobStatus.PROCESSING_QUEUED,
            reason=job.redactor.text(deciding.reason),
            summary=job.redactor.text(deciding.summary),
            fields={
                "status": JobStatus.PROCESSING_QUEUED.value,
                "updated_at": now,
                "approved_at": now,
                "approval_decision": deciding.record("approved", now),
            },
            removed_fields=("approval_token",) if job.approval_token else (),
            ttl=self._request.ttl.lifetime(JobStatus.PROCESSING_QUEUED),
            closes_approval=True,
            held_token=job.approval_token,
            push_processing=entry if self._request.pushes_to_queue else None,
            drop_queue_entries=queued(job.id),
        )


def _operation(job: Job, *, op_id: str | None, note: str = "approved already") -> Operation:
    return Operation(
        id=job.id,
        action="approve",
        changed=op_id is not None,
        previous_status=job.shown_status,
        status=JobStatus.PROCESSING_QUEUED.value if op_id else job.shown_status,
        op_id=op_id,
        notes=(note,),
    )
