"""The sweep `stuck`: fails jobs that nobody has worked on for too long. Their documents stay."""

from datetime import datetime
from typing import ClassVar

from jobctl.domain.retention import Sweep
from jobctl.domain.status import JobStatus
from jobctl.services.bulk import Plan, QueuedEntries
from jobctl.services.operations import operation_on
from jobctl.services.ports import JobRecord
from jobctl.services.sweeps import Sweeping


class StuckJob(Sweeping):
    action: ClassVar = "fail-stuck"

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job = record.job
        due = self.still_due(record, Sweep.STUCK)
        if due is None:
            return self.no_longer_due(job)
        mutation = self.failing(
            job,
            now,
            why=f"stuck: {due.reason}",
            message=f"Stuck: {due.reason}",
            entries=queued(job.id),
        )
        operation = operation_on(
            job,
            self.action,
            status=JobStatus.FAILED,
            op_id=mutation.op_id,
            notes=(due.reason,),
        )
        return Plan(job=job, mutation=mutation, operation=operation)
