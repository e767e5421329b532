"""Who changes jobs, and what every change of a job that was read has in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobctl.domain.job import Job
from jobctl.services.ports import Lease, Mutation, QueueEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """`new_op_id` gives each change an operation id of its own; a *lease* fences them all."""

    actor: str
    new_op_id: Callable[[], str]
    lease: Lease | None = None

    def change_of(
        self,
        job: Job,
        now: datetime,
        action: str,
        *,
        reason: str = "",
        ends_approval: Sequence[QueueEntry] | None = None,
    ) -> Mutation:
        """A compare-and-set on the status of *job*, to be completed by what it changes.

        With *ends_approval*, the job's queue entries, they, its deadline and its token go too.
        The job's PII is masked in *reason*.
        """
        ends = ends_approval is not None
        return Mutation(
            job_id=job.id,
            action=action,
            op_id=self.new_op_id(),
            actor=self.actor,
            at=now,
            expected_status=job.raw_status or "",
            lease=self.lease.claim if self.lease else None,
            reason=job.redactor.text(reason),
            closes_approval=ends,
            held_token=job.approval_token if ends else None,
            removed_fields=("approval_token",) if ends and job.approval_token else (),
            drop_queue_entries=ends_approval or (),
        )

    def record_of(self, job_id: str, now: datetime, action: str) -> Mutation:
        """A record about a job that has none: nothing is changed unless more is said."""
        return Mutation(
            job_id=job_id,
            action=action,
            op_id=self.new_op_id(),
            actor=self.actor,
            at=now,
            expected_status=None,
            lease=self.lease.claim if self.lease else None,
        )
