"""`deny`: ends jobs that await a decision, and deletes their documents.

The decision comes first, and marks the job until its documents are gone: killed anywhere, or
while S3 does not answer, the same command finishes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from jobctl.domain.job import Job
from jobctl.domain.retention import PENDING
from jobctl.domain.status import JobStatus, TtlPolicy
from jobctl.services.bulk import Bulk, Plan, QueuedEntries, Verb, change_jobs
from jobctl.services.decisions import Deciding, already_decided
from jobctl.services.documents import Documents
from jobctl.services.operations import Operation, OperationList
from jobctl.services.pending_documents import Ending, PendingDocuments
from jobctl.services.ports import JobRecord, JobStore, Mutation


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyJobs:
    bulk: Bulk
    deciding: Deciding
    ttl: TtlPolicy


def deny(request: DenyJobs, *, jobs: JobStore, documents: Documents) -> OperationList:
    """Each denial is one step; its documents, exactly its own, are deleted behind it."""
    return change_jobs(_Denial(request, jobs, documents), request.bulk, jobs=jobs)


class _Denial(Verb):
    action: ClassVar = "deny"

    def __init__(self, request: DenyJobs, jobs: JobStore, documents: Documents) -> None:
        self._request = request
        self._cleanup = PendingDocuments(
            Ending(
                status=JobStatus.DENIED,
                how="denied",
                action="deny-cleanup",
                actor=request.deciding.actor,
                new_op_id=request.deciding.new_op_id,
            ),
            jobs,
            documents,
        )

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job, deciding = record.job, self._request.deciding
        if job.status is JobStatus.DENIED:
            unfinished = job.cleanup_state == PENDING
            return Plan(job=job, unfinished=unfinished, operation=_operation(job, op_id=None))
        deciding.check_expected(job)
        if job.status is not JobStatus.AWAITING_APPROVAL:
            raise already_decided(job, "denied")
        deciding.check(job, now)
        mutation = self._mutation(job, now, queued)
        return Plan(job=job, mutation=mutation, operation=_operation(job, op_id=mutation.op_id))

    def _mutation(self, job: Job, now: datetime, queued: QueuedEntries) -> Mutation:
        deciding = self._request.deciding
        return Mutation(
            job_id=job.id,
            action=self.action,
            op_id=deciding.new_op_id(),
            actor=deciding.actor,
            at=now,
            expected_status=job.raw_status or "",
            to_status=JobStatus.DENIED,
            reason=job.redactor.text(deciding.reason),
            summary=job.redactor.text(deciding.summary),
            fields={
                "status": JobStatus.DENIED.value,
                "updated_at": now,
                "denied_at": now,
                "denial_decision": deciding.record("denied", now),
                "cleanup_state": PENDING,
            },
            removed_fields=("approval_token",) if job.approval_token else (),
            ttl=self._request.ttl.lifetime(JobStatus.DENIED),
            closes_approval=True,
            held_token=job.approval_token,
            drop_queue_entries=queued(job.id),
        )

    def complete(self, plans: Sequence[Plan]) -> Mapping[str, Operation]:
        outcomes = self._cleanup.complete(plans)
        self.unreachable = self._cleanup.unreachable
        return outcomes


def _operation(job: Job, *, op_id: str | None) -> Operation:
    return Operation(
        id=job.id,
        action="deny",
        changed=op_id is not None,
        previous_status=job.shown_status,
        status=JobStatus.DENIED.value,
        op_id=op_id,
        notes=() if op_id else ("denied already",),
    )
