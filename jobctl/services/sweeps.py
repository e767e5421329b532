"""What the sweeps of a cleanup work with, and what they have in common."""

from collections.abc import Callable
from dataclasses import dataclass

from jobctl.domain.job import Job
from jobctl.domain.retention import RetentionPolicy
from jobctl.domain.status import TtlPolicy
from jobctl.services.archive import Archive
from jobctl.services.bulk import Verb
from jobctl.services.operations import Operation
from jobctl.services.ports import Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepContext:
    """Every change is fenced by *lease*."""

    policy: RetentionPolicy
    ttl: TtlPolicy
    actor: str
    new_op_id: Callable[[], str]
    lease: Lease
    results: bool = False
    archive: Archive | None = None


class Sweeping(Verb):
    """A verb whose jobs are those of a plan: one that is gone by now is no failure."""

    def absent(self, job_id: str) -> Operation:
        return Operation(
            id=job_id,
            action=self.action,
            changed=False,
            previous_status=None,
            status=None,
            notes=("it is gone already",),
        )


def no_longer_due(job: Job, action: str) -> Operation:
    return Operation(
        id=job.id,
        action=action,
        changed=False,
        previous_status=job.shown_status,
        status=job.shown_status,
        notes=("not due any more: it has changed since",),
    )
