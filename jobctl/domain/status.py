"""The statuses of a job: names, aliases, which are final, and the moves between them."""

import re
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache

# What a foreign service stores as the message of a job that a user cancelled.
CANCELLED_MESSAGE = "Job cancelled by user"


class JobStatus(StrEnum):
    QUEUED = "queued"
    PII_SCANNING = "pii_scanning"
    AWAITING_APPROVAL = "awaiting_approval"
    PROCESSING_QUEUED = "processing_queued"
    WAITING_FOR_REMOTE_WORKER = "waiting_for_remote_worker"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    DENIED = "denied"
    CANCELLED = "cancelled"


TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.DENIED, JobStatus.CANCELLED})
ACTIVE = frozenset(JobStatus) - TERMINAL

ALIASES: dict[str, JobStatus] = {
    "pending": JobStatus.QUEUED,
    "running": JobStatus.PROCESSING,
    "finished": JobStatus.COMPLETED,
    "canceled": JobStatus.CANCELLED,
    "timeout": JobStatus.FAILED,
}

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}", re.ASCII)
_BY_NAME: dict[str, JobStatus] = {status.value: status for status in JobStatus} | ALIASES

# What `update` may do. Approving and denying are decisions with a reason and an approver,
# so no update leaves awaiting_approval except to a failure.
_WORKER_MOVES: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset(
        {
            JobStatus.PII_SCANNING,
            JobStatus.PROCESSING_QUEUED,
            JobStatus.WAITING_FOR_REMOTE_WORKER,
            JobStatus.PROCESSING,
            JobStatus.FAILED,
        }
    ),
    JobStatus.PII_SCANNING: frozenset(
        {
            JobStatus.AWAITING_APPROVAL,
            JobStatus.PROCESSING_QUEUED,
            JobStatus.PROCESSING,
            JobStatus.FAILED,
        }
    ),
    JobStatus.AWAITING_APPROVAL: frozenset({JobStatus.FAILED}),
    JobStatus.PROCESSING_QUEUED: frozenset(
        {JobStatus.WAITING_FOR_REMOTE_WORKER, JobStatus.PROCESSING, JobStatus.FAILED}
    ),
    JobStatus.WAITING_FOR_REMOTE_WORKER: frozenset({JobStatus.PROCESSING, JobStatus.FAILED}),
    JobStatus.PROCESSING: frozenset({JobStatus.COMPLETED, JobStatus.FAILED}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.DENIED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
}


@lru_cache(maxsize=1_000)
def parse_status(raw: str | None) -> JobStatus | None:
    """The canonical status for *raw*, or None for one that jobctl does not know."""
    return None if raw is None else _BY_NAME.get(raw.strip().lower())


def named_status(raw: str | None) -> str:
    """*raw* as a record may hold it: what is no name of a status may be anything, PII included."""
    if not raw:
        return ""
    return raw if parse_status(raw) or _NAME.fullmatch(raw) else "(unreadable)"


def worker_moves_from(status: JobStatus | None) -> frozenset[JobStatus]:
    """The statuses that `update` may set on a job in *status* (none for an unknown one)."""
    return frozenset() if status is None else _WORKER_MOVES[status]


def names_of(status: JobStatus) -> tuple[str, ...]:
    """Every stored spelling that means *status*, canonical first, in lower case."""
    return (status.value, *(alias for alias, target in ALIASES.items() if target is status))


class TtlPolicy:
    """How long a record is kept after its last change, by status."""

    __slots__ = ("_active", "_by_status")

    def __init__(
        self,
        *,
        completed: timedelta = timedelta(days=30),
        failed: timedelta = timedelta(days=30),
        cancelled: timedelta = timedelta(days=30),
        denied: timedelta = timedelta(days=7),
        active: timedelta = timedelta(days=7),
    ) -> None:
        self._active = active
        self._by_status = {
            JobStatus.COMPLETED: completed,
            JobStatus.FAILED: failed,
            JobStatus.CANCELLED: cancelled,
            JobStatus.DENIED: denied,
        }

    @property
    def shortest(self) -> timedelta:
        """No record expires sooner after its last change."""
        return min(self._active, *self._by_status.values())

    def lifetime(self, status: JobStatus | None) -> timedelta:
        return self._active if status is None else self._by_status.get(status, self._active)
