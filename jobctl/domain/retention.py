"""Which jobs are due for what: one judgement for the preview, the plan and the real run.

Age is the time since the last change, not since creation: a job that ended a second ago may be
a month old.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from jobctl.domain.job import Job
from jobctl.domain.moments import EARLIEST, LATEST, format_duration, parse_timestamp
from jobctl.domain.status import TERMINAL, JobStatus, parse_status

PENDING = "pending"
DELETING = "deleting"
"""The states of `cleanup_state`: a decided job that still has its documents, and one that is
being deleted altogether."""

_ENDED_WITH_DOCUMENTS = frozenset({JobStatus.DENIED, JobStatus.FAILED})
_KIN = (JobStatus.FAILED, JobStatus.CANCELLED)
_RUNNING = frozenset({JobStatus.PII_SCANNING, JobStatus.PROCESSING, JobStatus.PROCESSING_QUEUED})


class Sweep(StrEnum):
    """The parts of a cleanup, in the order in which they are done."""

    APPROVALS = "approvals"
    STUCK = "stuck"
    RETENTION = "retention"
    INDEX = "index"
    ORPHANS = "orphans"


DEFAULT_GRACE = timedelta(days=2)
USUAL_SWEEPS = frozenset(Sweep) - {Sweep.ORPHANS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is due for a job, and why. `stamp` is its `updated_at` as it is stored; `key` is
    its document's, or with `bucket` the object that is an orphan. `lets_go`: nothing is deleted,
    for somebody has revived the job behind the mark of its deletion."""

    job_id: str
    sweep: Sweep
    status: str
    stamp: str
    last_activity: datetime | None
    reason: str
    bucket: str = ""
    key: str = ""
    lets_go: bool = False


class Stored(Protocol):
    """The stored texts that sort out most jobs without decoding them."""

    @property
    def status(self) -> str | None: ...
    @property
    def updated_at(self) -> str | None: ...
    @property
    def cleanup_state(self) -> str | None: ...
    @property
    def score(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """*cutoff* is the moment that all ages are measured at, by the store's clock."""

    cutoff: datetime
    sweeps: frozenset[Sweep]
    keep: Mapping[JobStatus, timedelta]
    stuck_after: timedelta
    grace: timedelta = DEFAULT_GRACE

    def judge(
        self, job: Job, *, indexed_at: datetime | None, deadline: datetime | None
    ) -> Due | None:
        """What is due for *job* at the cutoff; None for nothing. Nothing is due on a guess: a
        job whose last change nobody can tell is not."""
        last = last_change(job, indexed_at)
        found = self._unfinished(job) or self._expired_approval(job, deadline)
        if found is None and last is not None:
            found = self._stuck(job, last) or self._outlived(job, last)
        if found is None or found[0] not in self.sweeps:
            return None
        sweep, reason = found
        return Due(
            job_id=job.id,
            sweep=sweep,
            status=job.raw_status or "",
            stamp=job.stamp or "",
            last_activity=last,
            reason=reason,
            key=job.s3_key or "",
            lets_go=job.cleanup_state == DELETING and is_revived(job),
        )

    def sieve(self) -> Callable[[Stored], bool]:
        """Tells whether `judge` could find anything; it errs on the side of a closer look."""
        before = {status: self.cutoff - limit for status, limit in self._limits().items()}
        if Sweep.APPROVALS in self.sweeps:
            before[JobStatus.AWAITING_APPROVAL] = LATEST

        def may_concern(stored: Stored) -> bool:
            if stored.cleanup_state:
                return True
            status = parse_status(stored.status)
            if status not in before:
                return False
            return (parse_timestamp(stored.updated_at) or EARLIEST) < before[status]

        return may_concern

    def _limits(self) -> dict[JobStatus, timedelta]:
        """How long a job is left in peace at least, by what its status may mean."""
        found = dict.fromkeys(_RUNNING, self.stuck_after) if Sweep.STUCK in self.sweeps else {}
        if Sweep.RETENTION in self.sweeps:
            found |= self.keep
            # A failed job may turn out to be a cancelled one.
            kept = [self.keep[one] for one in _KIN if one in self.keep]
            if kept:
                found[JobStatus.FAILED] = min(kept)
        return found

    def _unfinished(self, job: Job) -> tuple[Sweep, str] | None:
        if job.cleanup_state == DELETING:
            changed = "has changed since its deletion was begun: it is let go"
            return Sweep.RETENTION, changed if is_revived(job) else "its deletion was begun"
        if job.cleanup_state == PENDING and job.status in _ENDED_WITH_DOCUMENTS:
            return Sweep.APPROVALS, f"{job.shown_status}, with its documents still there"
        return None

    def _expired_approval(self, job: Job, deadline: datetime | None) -> tuple[Sweep, str] | None:
        if job.status is not JobStatus.AWAITING_APPROVAL:
            return None
        expires_at = job.approval_expires_at or deadline
        if expires_at is None or expires_at > self.cutoff:
            return None
        ago = format_duration(self.cutoff - expires_at)
        return Sweep.APPROVALS, f"its approval expired {ago} ago"

    def _stuck(self, job: Job, last: datetime) -> tuple[Sweep, str] | None:
        silent = self.cutoff - last
        if job.status not in _RUNNING or silent <= self.stuck_after:
            return None
        limit = format_duration(self.stuck_after)
        return (
            Sweep.STUCK,
            f"{job.shown_status}, silent for {format_duration(silent)} (limit {limit})",
        )

    def _outlived(self, job: Job, last: datetime) -> tuple[Sweep, str] | None:
        keep = self.keep.get(job.status) if job.status in TERMINAL and job.status else None
        if keep is None or self.cutoff - last <= keep:
            return None
        age = format_duration(self.cutoff - last)
        return Sweep.RETENTION, f"{job.shown_status} for {age} (kept {format_duration(keep)})"


def is_revived(job: Job) -> bool:
    """Whether somebody has changed a job behind the mark of its deletion. Some workers write the
    status and no time of change."""
    moved = job.cleanup_stamp is not None and job.cleanup_stamp != (job.stamp or "")
    return moved or not job.is_terminal


def last_change(job: Job, indexed_at: datetime | None) -> datetime | None:
    """None where nobody can tell: whoever wrote a time that cannot be read may have done so just
    now, and has not touched the index."""
    if job.stamp and job.updated_at is None:
        return None
    return max((at for at in (job.last_activity, indexed_at) if at is not None), default=None)
