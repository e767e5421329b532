"""What `retry` keeps of the attempts before, and what never wears off."""

import json
from typing import Any

import pytest

from jobctl.domain.status import JobStatus
from jobctl.storage.codec import decode
from tests.services.deciding import awaiting, cancelled, in_status, only, records, retried
from tests.services.world import World
from tests.storage.redis_under_test import AT

UNREADABLE = "not a list of findings"


def stored_attempts(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(world.redis.hash()["attempts"])
    return found


def fails(world: World, **fields: str) -> None:
    """The attempt ends as a worker ends it."""
    key = world.redis.keys.job("job-1")
    world.redis.raw.hset(key, mapping={"status": "failed", **fields})


def test_attempts_are_counted_and_kept_in_order(world: World) -> None:
    awaiting(world)
    for number in range(1, 5):
        fails(world, error=f"error {number}", started_at=f"2026-03-0{number}T10:00:00+00:00")
        assert only(retried(world, "job-1")).notes == (f"attempt {number + 1}",)
    assert world.redis.hash()["attempt"] == "5"
    assert [
        (one["attempt"], one["error"], one["started_at"]) for one in stored_attempts(world)
    ] == [
        (number, f"error {number}", f"2026-03-0{number}T10:00:00+00:00") for number in range(1, 5)
    ]
    assert [record["summary"] for record in records(world)] == [
        f"attempt {number}" for number in range(2, 6)
    ]
    job = decode("job-1", world.redis.hash())
    assert (job.attempt, len(job.attempts), job.error, job.started_at) == (5, 4, None, None)


def test_an_attempt_without_a_time_of_its_end_has_that_of_the_last_change(world: World) -> None:
    in_status(world, "failed")
    only(retried(world, "job-1"))
    assert stored_attempts(world) == [
        {"attempt": 1, "status": "failed", "ended_at": AT.isoformat()}
    ]


@pytest.mark.parametrize("stored_as", [JobStatus.CANCELLED, JobStatus.FAILED])
def test_a_cancelled_job_is_retried_and_its_reason_remembered(
    world: World, stored_as: JobStatus
) -> None:
    awaiting(world)
    only(cancelled(world, "job-1", reason="too early", stored_as=stored_as))
    assert only(retried(world, "job-1")).previous_status == "cancelled"
    [attempt] = stored_attempts(world)
    assert (attempt["status"], attempt["cancel_reason"]) == ("cancelled", "too early")
    job = decode("job-1", world.redis.hash())
    assert (job.status, job.cancelled_at, job.cancel_reason, job.error) == (
        JobStatus.QUEUED,
        None,
        None,
        None,
    )


def test_an_error_that_quotes_a_finding_is_remembered_masked(world: World) -> None:
    findings = json.dumps([{"entity_type": "PERSON", "text": "Ada"}])
    awaiting(world, status="failed", pii_findings=findings, error="no page for Ada")
    only(retried(world, "job-1", reason="asked by Ada"))
    assert stored_attempts(world)[0]["error"] == "no page for [PERSON]"
    assert records(world)[0]["reason"] == "asked by [PERSON]"
    assert world.redis.hash()["pii_findings"] == findings


@pytest.mark.parametrize(
    "findings",
    [
        UNREADABLE,
        json.dumps([{"entity_type": "DATE", "text": "2026"}]),
        json.dumps([{"entity_type": "NUMBER", "text": "10"}]),
        json.dumps([{"entity_type": "PERSON", "text": "failed"}]),
    ],
)
def test_findings_do_not_wear_down_what_is_remembered_of_earlier_attempts(
    world: World, findings: str
) -> None:
    """The history is read and written again by each retry; its texts alone may be masked."""
    earlier = {
        "attempt": 10,
        "status": "failed",
        "started_at": "2026-03-01T10:30:00+00:00",
        "ended_at": "2026-03-01T11:00:00+00:00",
        "approved_by": "ada@example.edu",
    }
    awaiting(
        world,
        status="failed",
        attempt="11",
        attempts=json.dumps([earlier | {"error": "in 2026"}]),
        pii_findings=findings,
    )
    only(retried(world, "job-1"))
    first, second = stored_attempts(world)
    assert {name: first[name] for name in earlier} == earlier
    assert second["attempt"] == 11
    if findings == UNREADABLE:
        assert first["error"] == "[withheld: PII findings unreadable]"


@pytest.mark.parametrize("number", ["x", "0", "-3", ""])
def test_an_unreadable_number_of_attempts_counts_as_the_first(world: World, number: str) -> None:
    awaiting(world, status="failed", attempt=number)
    assert only(retried(world, "job-1")).notes == ("attempt 2",)
