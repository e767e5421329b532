"""The sweep `approvals`: ends jobs whose time for a decision is over, and deletes their documents.

It also finishes what denials have left: documents that could not be deleted at the time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from jobctl.domain.retention import PENDING, Sweep
from jobctl.domain.status import JobStatus
from jobctl.errors import JobctlError
from jobctl.services.bulk import Plan, QueuedEntries
from jobctl.services.documents import Documents, Owned
from jobctl.services.operations import Operation, operation_on
from jobctl.services.pending_documents import Ending, PendingDocuments, denial
from jobctl.services.ports import JobRecord, JobStore
from jobctl.services.sweeps import SweepContext, Sweeping

TIMED_OUT_MESSAGE = "Approval timed out"


class ApprovalTimeout(Sweeping):
    action: ClassVar = "time-out"

    def __init__(self, context: SweepContext, jobs: JobStore, documents: Documents) -> None:
        super().__init__(context)
        timeout = Ending(
            status=JobStatus.FAILED, how="timed out", action="time-out-cleanup", author=context
        )
        self._cleanups = {
            ending.status: PendingDocuments(ending, jobs, documents, keep=self._keep)
            for ending in (timeout, denial(context))
        }

    def _keep(self, found: Mapping[str, Owned]) -> Mapping[str, JobctlError | None]:
        """All of it: those that are not kept have ended already."""
        return self.context.keep(found, Sweep.APPROVALS, stops=False)

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job = record.job
        due = self.still_due(record, Sweep.APPROVALS)
        if due is None:
            return self.no_longer_due(job)
        if job.cleanup_state == PENDING:
            return Plan(job=job, operation=operation_on(job, self.action), unfinished=True)
        mutation = self.failing(
            job,
            now,
            why=f"approvals: {due.reason}",
            message=TIMED_OUT_MESSAGE,
            entries=queued(job.id),
            cleanup_state=PENDING,
        )
        operation = operation_on(job, self.action, status=JobStatus.FAILED, op_id=mutation.op_id)
        return Plan(job=job, mutation=mutation, operation=operation)

    def complete(self, plans: Sequence[Plan]) -> Mapping[str, Operation]:
        outcomes: dict[str, Operation] = {}
        for status, cleanup in self._cleanups.items():
            own = [plan for plan in plans if plan.operation.status == status]
            if own:
                outcomes |= cleanup.complete(own)
                self.unreachable = self.unreachable or cleanup.unreachable
        return outcomes
