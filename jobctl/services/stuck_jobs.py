"""The sweep `stuck`: fails jobs that nobody has worked on for too long. Their documents stay."""

from datetime import datetime
from typing import ClassVar

from jobctl.domain.job import Job
from jobctl.domain.retention import Sweep
from jobctl.domain.status import JobStatus
from jobctl.services.bulk import Plan, QueuedEntries
from jobctl.services.operations import Operation
from jobctl.services.ports import JobRecord, Mutation
from jobctl.services.sweeps import SweepContext, Sweeping, no_longer_due


class StuckJob(Sweeping):
    action: ClassVar = "fail-stuck"

    def __init__(self, context: SweepContext) -> None:
        self._context = context

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:
        job = record.job
        due = self._context.policy.judge(
            job, indexed_at=record.indexed_at, deadline=record.deadline
        )
        if due is None or due.sweep is not Sweep.STUCK:
            return Plan(job=job, operation=no_longer_due(job, self.action))
        mutation = self._mutation(job, now, queued, due.reason)
        operation = Operation(
            id=job.id,
            action=self.action,
            changed=True,
            previous_status=job.shown_status,
            status=JobStatus.FAILED.value,
            op_id=mutation.op_id,
            notes=(due.reason,),
        )
        return Plan(job=job, mutation=mutation, operation=operation)

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
            summary=f"stuck: {why}",
            fields={
                "status": JobStatus.FAILED.value,
                "updated_at": now,
                "completed_at": now,
                "error_message": f"Stuck: {why}",
            },
            ttl=self._context.ttl.lifetime(JobStatus.FAILED),
            drop_queue_entries=queued(job.id),
        )
