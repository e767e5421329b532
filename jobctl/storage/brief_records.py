"""The few fields of a record that tell its status, and whether it is due for a cleanup."""

from collections.abc import Mapping, Sequence

from jobctl.domain.status import CANCELLED_MESSAGE, JobStatus, parse_status

# What tells whether a job is due for a cleanup; no text of it that could hold PII.
_TELLING = ("error_message", "error", "summary")
BRIEF = (
    "job_id",
    "status",
    "created_at",
    "updated_at",
    "cancelled_at",
    "approval_expires_at",
    "cleanup_state",
    "cleanup_stamp",
    "s3_key",
    *_TELLING,
)


def brief_record(values: Sequence[str | None]) -> Mapping[str, str]:
    """The stored fields for the *values* of `BRIEF`. Texts are there if they tell of a user's
    cancellation, since what would mask their PII is not."""
    return {
        name: value
        for name, value in zip(BRIEF, values, strict=True)
        if value is not None and (name not in _TELLING or value == CANCELLED_MESSAGE)
    }


MEANING = ("status", "cancelled_at", *_TELLING)


def meaning(raw: str | None, cancelled_at: str | None, *messages: str | None) -> JobStatus | None:
    """The status, by the stored values of `MEANING`: some services store a cancelled job as a
    failed one."""
    status = parse_status(raw)
    if status is JobStatus.FAILED and (cancelled_at or CANCELLED_MESSAGE in messages):
        return JobStatus.CANCELLED
    return status
