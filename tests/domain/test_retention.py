"""What is due, by one judgement."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobctl.domain.job import Job
from jobctl.domain.retention import DELETING, PENDING, USUAL_SWEEPS, Due, RetentionPolicy, Sweep
from jobctl.domain.status import JobStatus
from jobctl.services.ports import Glimpse

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
MONTH = 30 * DAY
KEEP = {
    JobStatus.COMPLETED: MONTH,
    JobStatus.FAILED: MONTH,
    JobStatus.CANCELLED: 2 * MONTH,
    JobStatus.DENIED: 7 * DAY,
}
RUNNING = (JobStatus.PII_SCANNING, JobStatus.PROCESSING, JobStatus.PROCESSING_QUEUED)


def _policy(**changes: Any) -> RetentionPolicy:
    values: dict[str, Any] = {
        "cutoff": NOW,
        "sweeps": USUAL_SWEEPS,
        "keep": KEEP,
        "stuck_after": 2 * HOUR,
    }
    return RetentionPolicy(**(values | changes))


def _job(status: JobStatus | None, age: timedelta | None, **fields: Any) -> Job:
    at = None if age is None else NOW - age
    values: dict[str, Any] = {
        "id": "job-1",
        "status": status,
        "raw_status": status,
        "updated_at": at,
        "stamp": at.isoformat() if at else None,
        "created_at": NOW - 400 * DAY,
    }
    return Job(**(values | fields))


def _judge(
    job: Job,
    *,
    indexed_at: datetime | None = None,
    deadline: datetime | None = None,
    **changes: Any,
) -> Due | None:
    return _policy(**changes).judge(job, indexed_at=indexed_at, deadline=deadline)


def _sweep(job: Job, **around: Any) -> Sweep | None:
    due = _judge(job, **around)
    return due.sweep if due else None


@pytest.mark.parametrize(("status", "limit"), KEEP.items())
def test_a_job_is_deleted_once_it_is_older_than_its_status_is_kept(
    status: JobStatus, limit: timedelta
) -> None:
    assert _sweep(_job(status, limit + SECOND)) is Sweep.RETENTION
    assert _sweep(_job(status, limit)) is None


@pytest.mark.parametrize("status", RUNNING)
def test_a_job_is_stuck_once_nothing_was_heard_of_it_for_longer_than_the_limit(
    status: JobStatus,
) -> None:
    assert _sweep(_job(status, 2 * HOUR + SECOND)) is Sweep.STUCK
    assert _sweep(_job(status, 2 * HOUR)) is None


@pytest.mark.parametrize(
    "status",
    [JobStatus.QUEUED, JobStatus.AWAITING_APPROVAL, JobStatus.WAITING_FOR_REMOTE_WORKER, None],
)
def test_no_age_makes_a_job_due_that_waits_or_has_an_unknown_status(
    status: JobStatus | None,
) -> None:
    assert _judge(_job(status, 400 * DAY, raw_status=status or "paused")) is None


@pytest.mark.parametrize("status", [*KEEP, *RUNNING])
def test_the_index_may_know_of_a_later_change_than_the_record(status: JobStatus) -> None:
    assert _judge(_job(status, 100 * DAY), indexed_at=NOW - SECOND) is None


@pytest.mark.parametrize("status", [*KEEP, *RUNNING])
def test_the_record_may_know_of_a_later_change_than_the_index(status: JobStatus) -> None:
    assert _judge(_job(status, SECOND), indexed_at=NOW - 100 * DAY) is None


@pytest.mark.parametrize("status", [*KEEP, *RUNNING])
def test_a_time_of_change_that_cannot_be_read_is_not_replaced_by_an_older_one(
    status: JobStatus,
) -> None:
    """The worker that wrote it may have done so just now, and the index may be stale."""
    job = _job(status, None, stamp="2026-03-01T11:59:59")
    assert _judge(job, indexed_at=NOW - 100 * DAY) is None


def test_a_job_that_was_never_changed_is_as_old_as_its_creation() -> None:
    assert _sweep(_job(JobStatus.COMPLETED, None, created_at=NOW - 31 * DAY)) is Sweep.RETENTION
    assert _sweep(_job(JobStatus.COMPLETED, None, created_at=NOW - 29 * DAY)) is None


def test_nothing_is_due_for_a_job_without_any_date() -> None:
    assert _judge(_job(JobStatus.COMPLETED, None, created_at=None)) is None


def test_a_status_that_the_policy_leaves_out_is_kept_for_ever() -> None:
    keep = {JobStatus.DENIED: DAY}
    assert _judge(_job(JobStatus.COMPLETED, 400 * DAY), keep=keep) is None


@pytest.mark.parametrize(
    ("expires_at", "deadline", "due"),
    [
        (NOW, None, True),
        (NOW + SECOND, None, False),
        (None, NOW - SECOND, True),
        (None, NOW + SECOND, False),
        (None, None, False),
    ],
)
def test_an_approval_expires_at_its_deadline(
    expires_at: datetime | None, deadline: datetime | None, due: bool
) -> None:
    job = _job(JobStatus.AWAITING_APPROVAL, SECOND, approval_expires_at=expires_at)
    assert (_sweep(job, deadline=deadline) is Sweep.APPROVALS) is due


def test_a_deadline_that_a_decided_job_has_kept_does_not_matter() -> None:
    job = _job(JobStatus.PROCESSING, SECOND, approval_expires_at=NOW - DAY)
    assert _judge(job, deadline=NOW - DAY) is None


@pytest.mark.parametrize("status", [JobStatus.DENIED, JobStatus.FAILED])
def test_documents_that_a_decision_has_left_are_due_at_any_age(status: JobStatus) -> None:
    assert _sweep(_job(status, SECOND, cleanup_state=PENDING)) is Sweep.APPROVALS


def test_a_mark_that_a_revived_job_has_kept_does_not_matter() -> None:
    assert _judge(_job(JobStatus.QUEUED, SECOND, cleanup_state=PENDING)) is None


def test_a_deletion_that_was_begun_is_due_at_any_age() -> None:
    assert _sweep(_job(JobStatus.COMPLETED, SECOND, cleanup_state=DELETING)) is Sweep.RETENTION


@pytest.mark.parametrize("sweep", sorted(USUAL_SWEEPS))
def test_what_is_due_for_a_sweep_that_was_not_chosen_is_not_due(sweep: Sweep) -> None:
    jobs = {
        Sweep.RETENTION: _job(JobStatus.COMPLETED, 100 * DAY),
        Sweep.STUCK: _job(JobStatus.PROCESSING, 100 * DAY),
        Sweep.APPROVALS: _job(JobStatus.AWAITING_APPROVAL, DAY, approval_expires_at=NOW - DAY),
    }
    found = {_sweep(job, sweeps=USUAL_SWEEPS - {sweep}) for job in jobs.values()}
    assert found - {None} == jobs.keys() - {sweep}


@pytest.mark.parametrize("status", [*JobStatus, None])
@pytest.mark.parametrize("age", [SECOND, HOUR, 3 * HOUR, 8 * DAY, 31 * DAY, 61 * DAY])
@pytest.mark.parametrize("state", [None, PENDING, DELETING])
def test_the_first_look_never_passes_over_what_the_second_finds_due(
    status: JobStatus | None, age: timedelta, state: str | None
) -> None:
    job = _job(status, age, cleanup_state=state, approval_expires_at=NOW - SECOND)
    texts = (job.raw_status, job.stamp, None, None, state)
    seen = Glimpse(job.id, 0.0, True, *texts)
    policy = _policy()
    if policy.judge(job, indexed_at=None, deadline=None):
        assert policy.sieve()(seen)


def test_the_first_look_knows_that_a_failed_job_may_be_a_cancelled_one() -> None:
    stamp = (NOW - 2 * DAY).isoformat()
    seen = Glimpse("job-1", 0.0, True, "failed", stamp, None, None, None)
    assert _policy(keep={JobStatus.CANCELLED: DAY}).sieve()(seen)
    assert not _policy(keep={JobStatus.FAILED: 3 * DAY}).sieve()(seen)
