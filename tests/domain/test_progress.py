"""Progress, rate and time left, computed from whatever a worker has stored."""

from datetime import UTC, datetime, timedelta

import pytest

from jobctl.domain.job import Job
from jobctl.domain.progress import progress_of
from jobctl.domain.status import JobStatus

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STARTED = NOW - timedelta(seconds=100)


def running(**values: object) -> Job:
    fields: dict[str, object] = {"status": JobStatus.PROCESSING, "started_at": STARTED} | values
    return Job(id="j", **fields)  # type: ignore[arg-type] # each test names real fields


def test_rows_give_percentage_rate_and_time_left() -> None:
    progress = progress_of(running(total_rows=400, processed_rows=100), now=NOW)
    assert progress.percentage == 25
    assert progress.remaining_rows == 300
    assert progress.elapsed == timedelta(seconds=100)
    assert progress.rate == 1
    assert progress.eta == timedelta(seconds=300)


def test_rows_count_before_a_stored_percentage() -> None:
    progress = progress_of(running(total_rows=400, processed_rows=100, percentage=90.0), now=NOW)
    assert progress.percentage == 25


def test_a_percentage_gives_the_time_left_where_there_are_no_rows() -> None:
    progress = progress_of(running(percentage=20.0), now=NOW)
    assert progress.percentage == 20
    assert progress.eta == timedelta(seconds=400)


def test_an_estimate_gives_the_time_left_where_there_is_nothing_else() -> None:
    assert progress_of(running(estimated_duration=130.0), now=NOW).eta == timedelta(seconds=30)
    assert progress_of(running(estimated_duration=30.0), now=NOW).eta == timedelta(0)


@pytest.mark.parametrize("status", [one for one in JobStatus if one is not JobStatus.PROCESSING])
def test_only_a_processing_job_has_time_left(status: JobStatus) -> None:
    job = running(status=status, total_rows=400, processed_rows=100, percentage=25.0)
    assert progress_of(job, now=NOW).eta is None


def test_a_job_that_has_not_started_has_neither_elapsed_time_nor_rate() -> None:
    progress = progress_of(running(started_at=None, total_rows=4, processed_rows=1), now=NOW)
    assert (progress.elapsed, progress.rate, progress.eta) == (None, None, None)
    assert progress.percentage == 25


def test_the_clock_of_a_job_that_has_ended_stands_still() -> None:
    ended = STARTED + timedelta(seconds=50)
    job = running(status=JobStatus.COMPLETED, completed_at=ended, total_rows=100, processed_rows=50)
    assert progress_of(job, now=NOW).elapsed == timedelta(seconds=50)
    assert progress_of(job, now=NOW).rate == 1


def test_an_ended_job_without_an_end_or_that_ended_before_it_began_has_no_elapsed_time() -> None:
    assert progress_of(running(status=JobStatus.FAILED), now=NOW).elapsed is None
    earlier = running(status=JobStatus.FAILED, completed_at=STARTED - timedelta(seconds=1))
    assert progress_of(earlier, now=NOW).elapsed is None


def test_a_job_that_starts_in_the_future_has_no_elapsed_time() -> None:
    job = running(started_at=NOW + timedelta(seconds=5), processed_rows=3, total_rows=9)
    assert progress_of(job, now=NOW).elapsed is None
    assert progress_of(job, now=NOW).eta is None


def test_a_completed_job_is_at_one_hundred_percent() -> None:
    job = running(status=JobStatus.COMPLETED, percentage=40.0)
    assert progress_of(job, now=NOW).percentage == 100


@pytest.mark.parametrize(
    ("values", "percentage"),
    [
        ({"percentage": 250.0}, 100),
        ({"percentage": -5.0}, 0),
        ({"total_rows": 10, "processed_rows": 25}, 100),
        ({"total_rows": 10, "processed_rows": -5}, 0),
        ({"total_rows": 0, "processed_rows": 0}, None),
        ({"total_rows": 0, "processed_rows": 0, "percentage": 30.0}, 30),
        ({"processed_rows": 5}, None),
        ({"total_rows": 5}, None),
        ({}, None),
    ],
)
def test_a_percentage_stays_between_0_and_100(
    values: dict[str, object], percentage: float | None
) -> None:
    assert progress_of(running(**values), now=NOW).percentage == percentage


def test_more_rows_than_there_are_leave_none_and_never_a_negative_number() -> None:
    progress = progress_of(running(total_rows=10, processed_rows=25), now=NOW)
    assert progress.remaining_rows == 0
    assert progress.eta == timedelta(0)


@pytest.mark.parametrize(
    "values",
    [
        {"total_rows": 10**18, "processed_rows": 1},
        {"total_rows": 10**400, "processed_rows": 10**400},
        {"total_rows": 10, "processed_rows": 10**400},
        {"percentage": 1e-300},
        {"percentage": 5e-324},
        {"estimated_duration": 1e300},
        {"total_rows": -5, "processed_rows": -1},
    ],
)
def test_absurd_numbers_in_a_record_break_nothing(values: dict[str, object]) -> None:
    progress = progress_of(running(**values), now=NOW)
    assert progress.eta is None or progress.eta >= timedelta(0)
