"""The sweep `approvals`: ends jobs whose time for a decision is over, and deletes their documents.

It also finishes what denials have left: documents that could not be deleted at the time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from jobctl.domain.job import Job
from jobctl.domain.retention import PENDING, Sweep
from jobctl.domain.status import JobStatus
from jobctl.services.bulk import Plan, QueuedEntries
from jobctl.services.documents import Documents
from jobctl.services.operations import Operation
from jobctl.services.pending_documents import Ending, PendingDocuments
from jobctl.services.ports import JobRecord, JobStore, Mutation
from jobctl.services.sweeps import SweepContext, Sweeping, no_longer_due

TIMED_OUT_MESSAGE = "Approval timed out"


class ApprovalTimeout(Sweeping):
    action: ClassVar = "time-out"

    def __init__(self, context: SweepContext, jobs: JobStore, documents: Documents) -> None:
        self._context = context
        endings = {
            JobStatus.FAILED: ("timed out", "time-out-cleanup"),
            JobStatus.DENIED: ("denied", "deny-cleanup"),
        }
        self._cleanups = {
            status: PendingDocuments(
                Ending(
                    status=status,
                    how=how,
                    action=action,
                    actor=context.actor,
                    new_op_id=context.new_op_id,
                    lease=context.lease,
                ),
                jobs,
                documents,
            )
            for status, (how, action) in endings.items()
        }

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job = record.job
        due = self._context.policy.judge(
            job, indexed_at=record.indexed_at, deadline=record.deadline
        )
        if due is None or due.sweep is not Sweep.APPROVALS:
            return Plan(job=job, operation=no_longer_due(job, self.action))
        if job.cleanup_state == PENDING:
            return Plan(job=job, operation=_operation(job, op_id=None), unfinished=True)
        mutation = self._mutation(job, now, queued, due.reason)
        return Plan(job=job, mutation=mutation, operation=_operation(job, op_id=mutation.op_id))

    def complete(self, plans: Sequence[Plan]) -> Mapping[str, Operation]:
        outcomes: dict[str, Operation] = {}
        for status, cleanup in self._cleanups.items():
            own = [plan for plan in plans if plan.operation.status == status]
            if own:
                outcomes |= cleanup.complete(own)
                self.unreachable = self.unreachable or cleanup.unreachable
        return outcomes

    def _mutation(self, job: Job, now: datetime, queued: QueuedEntries, why: str) -> Mutation:
        return Mutation(
            job_id=job.id,
            action=self.action,
            op_id=self._context.new_op_id(),
            actor=self._context.actor,
            at=now,
            expected_status=job.raw_status or "",
            expected_stamp=job.stamp or "",
            lease=self._context.lease.claim,
            to_status=JobStatus.FAILED,
            summary=f"approvals: {why}",
            fields={
                "status": JobStatus.FAILED.value,
                "updated_at": now,
                "completed_at": now,
                "error_message": TIMED_OUT_MESSAGE,
                "cleanup_state": PENDING,
            },
            removed_fields=("approval_token",) if job.approval_token else (),
            ttl=self._context.ttl.lifetime(JobStatus.FAILED),
            closes_approval=True,
            held_token=job.approval_token,
            drop_queue_entries=queued(job.id),
        )


def _operation(job: Job, *, op_id: str | None) -> Operation:
    return Operation(
        id=job.id,
        action="time-out",
        changed=op_id is not None,
        previous_status=job.shown_status,
        status=JobStatus.FAILED.value if op_id else job.shown_status,
        op_id=op_id,
    )
