"""How far a job is, how fast it goes and when it may end."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from jobctl.domain.job import Job
from jobctl.domain.status import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`rate` is rows a second; `elapsed` runs to the end of a job that has ended."""

    percentage: float | None
    remaining_rows: int | None
    elapsed: timedelta | None
    rate: float | None
    eta: timedelta | None


def progress_of(job: Job, *, now: datetime) -> Progress:
    """Computed, never stored. Rows count before a stored percentage: workers update them."""
    remaining = None
    if job.total_rows is not None and job.processed_rows is not None:
        remaining = max(job.total_rows - job.processed_rows, 0)
    elapsed = _elapsed(job, now)
    seconds = elapsed.total_seconds() if elapsed else 0.0
    rate = _ratio(job.processed_rows, seconds)
    return Progress(
        percentage=_percentage(job),
        remaining_rows=remaining,
        elapsed=elapsed,
        rate=rate,
        eta=_eta(job, remaining=remaining, rate=rate, elapsed=elapsed),
    )


def _percentage(job: Job) -> float | None:
    if job.total_rows and job.processed_rows is not None:
        return _clamped(_ratio(100 * max(job.processed_rows, 0), job.total_rows))
    if job.status is JobStatus.COMPLETED:
        return 100.0
    return _clamped(job.percentage)


def _elapsed(job: Job, now: datetime) -> timedelta | None:
    if job.started_at is None:
        return None
    end = job.ended_at if job.is_terminal else now
    return None if end is None or end < job.started_at else end - job.started_at


def _eta(
    job: Job, *, remaining: int | None, rate: float | None, elapsed: timedelta | None
) -> timedelta | None:
    if job.status is not JobStatus.PROCESSING or elapsed is None:
        return None
    if remaining is not None and rate:
        return _seconds(_ratio(remaining, rate))
    if job.percentage and 0 < job.percentage < 100:  # noqa: PLR2004 - percent
        share = _ratio(100 - job.percentage, job.percentage)
        return None if share is None else _seconds(elapsed.total_seconds() * share)
    estimated = _seconds(job.estimated_duration)
    return max(estimated - elapsed, timedelta(0)) if estimated else None


def _ratio(part: float | None, whole: float) -> float | None:
    """*part* / *whole* where that is a number: stored values may be absurd."""
    if part is None or part < 0 or whole <= 0:
        return None
    try:
        return part / whole
    except OverflowError:
        return None


def _clamped(percentage: float | None) -> float | None:
    return None if percentage is None else min(100.0, max(0.0, percentage))


def _seconds(count: float | None) -> timedelta | None:
    try:
        return None if count is None else timedelta(seconds=count)
    except OverflowError:
        return None
