"""What is wrong with a record, seen from outside: each anomaly has a code and a sentence."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from jobctl.domain.job import Job
from jobctl.domain.moments import format_duration
from jobctl.domain.status import JobStatus

_STALE_SCORE = timedelta(seconds=2)
_RUNNING = frozenset({JobStatus.PII_SCANNING, JobStatus.PROCESSING, JobStatus.PROCESSING_QUEUED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    code: str
    message: str


def anomalies_of(
    job: Job,
    *,
    now: datetime,
    ttl: timedelta | None,
    indexed_at: datetime | None,
    deadline: datetime | None,
    stuck_after: timedelta,
) -> tuple[Anomaly, ...]:
    """Every anomaly of a record, in a fixed order; an empty tuple for a sound one."""
    found = [("unreadable_field", problem) for problem in job.problems]
    if ttl is None:
        found.append(("no_ttl", "the record never expires: it was written after it had expired"))
    found += _index_anomalies(job, indexed_at)
    found += _approval_anomalies(job, now=now, deadline=deadline)
    found += _overwritten_decisions(job)
    silent_for = now - job.last_activity if job.last_activity else None
    if job.status in _RUNNING and silent_for is not None and silent_for > stuck_after:
        found.append(("stuck", f"no activity for {format_duration(silent_for)}"))
    if job.cleanup_state:
        found.append(("cleanup_pending", f"a deletion was begun ({job.cleanup_state})"))
    return tuple(Anomaly(code=code, message=message) for code, message in found)


def _index_anomalies(job: Job, indexed_at: datetime | None) -> list[tuple[str, str]]:
    if indexed_at is None:
        return [("not_indexed", "not in the index: `list` does not show it")]
    if job.updated_at and job.updated_at - indexed_at > _STALE_SCORE:
        behind = format_duration(job.updated_at - indexed_at)
        return [("stale_score", f"the index is {behind} behind the record")]
    return []


def _approval_anomalies(
    job: Job, *, now: datetime, deadline: datetime | None
) -> list[tuple[str, str]]:
    if job.status is not JobStatus.AWAITING_APPROVAL:
        return []
    found = []
    if deadline is None:
        found.append(("no_deadline", "awaits approval without a deadline: nothing times it out"))
    if job.approval_token is None:
        found.append(("no_token", "awaits approval without a token"))
    if job.approval_expires_at is None:
        found.append(("no_expiry", "awaits approval without a readable approval_expires_at"))
    elif job.approval_expires_at <= now:
        ago = format_duration(now - job.approval_expires_at)
        found.append(("approval_expired", f"the approval expired {ago} ago"))
    return found


def _overwritten_decisions(job: Job) -> list[tuple[str, str]]:
    """A worker's late result written over a decision: some workers do not look before."""
    decided = (
        (JobStatus.CANCELLED, "cancelled", job.cancelled_at),
        (JobStatus.DENIED, "denied", job.denied_at),
    )
    return [
        ("overwritten", f"it was {word}, and is {job.shown_status} now")
        for status, word, at in decided
        if at is not None and job.status is not status
    ]
