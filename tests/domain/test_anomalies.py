"""What is wrong with a record, each anomaly alone and a sound record without any."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobctl.domain.anomalies import anomalies_of
from jobctl.domain.job import Job, Secret
from jobctl.domain.status import JobStatus

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHANGED = NOW - timedelta(minutes=5)
SOUND: dict[str, Any] = {"id": "j", "created_at": CHANGED, "updated_at": CHANGED}
AWAITING: dict[str, Any] = {
    "status": JobStatus.AWAITING_APPROVAL,
    "approval_token": Secret("t0ken-t0ken"),
    "approval_expires_at": NOW + timedelta(hours=1),
}


def codes(
    values: dict[str, Any],
    *,
    ttl: timedelta | None = timedelta(days=7),
    indexed_at: datetime | None = CHANGED,
    deadline: datetime | None = None,
) -> list[str]:
    found = anomalies_of(
        Job(**(SOUND | values)),
        now=NOW,
        ttl=ttl,
        indexed_at=indexed_at,
        deadline=deadline,
        stuck_after=timedelta(hours=2),
    )
    assert all(one.message for one in found)
    return [one.code for one in found]


@pytest.mark.parametrize("status", [one for one in JobStatus if one != "awaiting_approval"])
def test_a_sound_record_has_no_anomaly(status: JobStatus) -> None:
    assert codes({"status": status}) == []


def test_a_sound_request_for_approval_has_no_anomaly() -> None:
    assert codes(AWAITING, deadline=NOW + timedelta(hours=1)) == []


def test_a_record_that_never_expires_is_named() -> None:
    assert codes({"status": JobStatus.QUEUED}, ttl=None) == ["no_ttl"]


def test_a_record_that_is_not_indexed_is_named() -> None:
    assert codes({"status": JobStatus.QUEUED}, indexed_at=None) == ["not_indexed"]


@pytest.mark.parametrize(("behind", "named"), [(1, False), (2, False), (3, True), (-9, False)])
def test_an_index_that_is_behind_the_record_is_named(behind: int, named: bool) -> None:
    found = codes({"status": JobStatus.QUEUED}, indexed_at=CHANGED - timedelta(seconds=behind))
    assert found == (["stale_score"] if named else [])


def test_a_request_for_approval_without_token_deadline_or_expiry_is_named() -> None:
    assert codes({"status": JobStatus.AWAITING_APPROVAL}) == [
        "no_deadline",
        "no_token",
        "no_expiry",
    ]


@pytest.mark.parametrize(("left", "named"), [(1, False), (0, True), (-1, True)])
def test_an_expired_approval_is_named(left: int, named: bool) -> None:
    values = AWAITING | {"approval_expires_at": NOW + timedelta(seconds=left)}
    assert codes(values, deadline=NOW) == (["approval_expired"] if named else [])


@pytest.mark.parametrize(
    "status", [JobStatus.PII_SCANNING, JobStatus.PROCESSING, JobStatus.PROCESSING_QUEUED]
)
@pytest.mark.parametrize(("minutes", "named"), [(119, False), (120, False), (121, True)])
def test_a_running_job_that_is_silent_for_too_long_is_stuck(
    status: JobStatus, minutes: int, named: bool
) -> None:
    then = NOW - timedelta(minutes=minutes)
    found = codes({"status": status, "updated_at": then}, indexed_at=then)
    assert found == (["stuck"] if named else [])


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.COMPLETED, None])
def test_a_job_that_does_not_run_is_never_stuck(status: JobStatus | None) -> None:
    then = NOW - timedelta(days=3)
    assert codes({"status": status, "updated_at": then}, indexed_at=then) == []


def test_activity_and_not_creation_decides_what_is_stuck() -> None:
    values = {"status": JobStatus.PROCESSING, "created_at": NOW - timedelta(days=3)}
    assert codes(values) == []


def test_a_job_without_any_readable_time_is_not_guessed_to_be_stuck() -> None:
    values = {"status": JobStatus.PROCESSING, "created_at": None, "updated_at": None}
    assert codes(values) == []


@pytest.mark.parametrize(
    ("decided", "own"),
    [("cancelled_at", JobStatus.CANCELLED), ("denied_at", JobStatus.DENIED)],
)
def test_a_decision_that_a_worker_overwrote_is_named(decided: str, own: JobStatus) -> None:
    assert codes({"status": own, decided: CHANGED}) == []
    assert codes({"status": JobStatus.COMPLETED, decided: CHANGED}) == ["overwritten"]


def test_a_deletion_that_was_begun_is_named() -> None:
    values = {"status": JobStatus.COMPLETED, "cleanup_state": "deleting"}
    assert codes(values) == ["cleanup_pending"]


def test_unreadable_fields_come_first_and_no_anomaly_hides_another() -> None:
    values = {"status": None, "problems": ("a is bad", "b is bad"), "cleanup_state": "deleting"}
    found = codes(values, ttl=None, indexed_at=None)
    assert found == [
        "unreadable_field",
        "unreadable_field",
        "no_ttl",
        "not_indexed",
        "cleanup_pending",
    ]
