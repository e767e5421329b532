"""`deny`: ends jobs that await a decision, and deletes their documents.

The decision comes first, and marks the job until its documents are gone: killed anywhere, or
while S3 does not answer, the same command finishes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from jobctl.domain.job import Job
from jobctl.domain.retention import PENDING
from jobctl.domain.status import JobStatus, TtlPolicy
from jobctl.services.bulk import Bulk, Plan, QueuedEntries, Verb, change_jobs
from jobctl.services.decisions import Deciding, already_decided
from jobctl.services.documents import Documents
from jobctl.services.operations import Operation, OperationList, operation_on, require_status
from jobctl.services.pending_documents import PendingDocuments, denial
from jobctl.services.ports import JobRecord, JobStore, Mutation
from jobctl.services.refusals import Refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyJobs:
    bulk: Bulk
    deciding: Deciding
    ttl: TtlPolicy


def deny(
    request: DenyJobs, *, jobs: JobStore, documents: Documents, refusals: Refusals | None = None
) -> OperationList:
    """Each denial is one step; its documents, exactly its own, are deleted behind it."""
    return change_jobs(
        _Denial(request, jobs, documents), request.bulk, jobs=jobs, refusals=refusals
    )


class _Denial(Verb):
    action: ClassVar = "deny"

    def __init__(self, request: DenyJobs, jobs: JobStore, documents: Documents) -> None:
        self._request = request
        self._cleanup = PendingDocuments(
            denial(request.deciding),
            jobs,
            documents,
        )

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job, deciding = record.job, self._request.deciding
        if job.status is JobStatus.DENIED:
            unfinished = job.cleanup_state == PENDING
            operation = operation_on(job, self.action, notes=("denied already",))
            return Plan(job=job, unfinished=unfinished, operation=operation)
        require_status(job, deciding.expect_status)
        if job.status is not JobStatus.AWAITING_APPROVAL:
            raise already_decided(job, "denied")
        deciding.check(job, now)
        mutation = self._mutation(job, now, queued)
        operation = operation_on(job, self.action, status=JobStatus.DENIED, op_id=mutation.op_id)
        return Plan(job=job, mutation=mutation, operation=operation)

    def _mutation(self, job: Job, now: datetime, queued: QueuedEntries) -> Mutation:
        deciding = self._request.deciding
        return replace(
            deciding.change_of(
                job, now, self.action, reason=deciding.reason, ends_approval=queued(job.id)
            ),
            to_status=JobStatus.DENIED,
            summary=job.redactor.text(deciding.summary),
            fields={
                "status": JobStatus.DENIED.value,
                "updated_at": now,
                "denied_at": now,
                "denial_decision": deciding.record("denied", now),
                "cleanup_state": PENDING,
            },
            ttl=self._request.ttl.lifetime(JobStatus.DENIED),
        )

    def complete(self, plans: Sequence[Plan]) -> Mapping[str, Operation]:
        outcomes = self._cleanup.complete(plans)
        self.unreachable = self._cleanup.unreachable
        return outcomes
