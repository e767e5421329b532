"""`cancel`: ends what is under way, keeps what a retry needs, and says what it cannot stop."""

import json
from datetime import datetime
from typing import Any

import pytest

from jobctl.domain.status import ACTIVE, TERMINAL, JobStatus
from jobctl.errors import ConflictError, ExitCode, HeldError, NotFoundError
from jobctl.storage.codec import decode
from tests.cli.foreign import ForeignJobService
from tests.services.deciding import (
    ACTOR,
    MISSING,
    TTL,
    UNKNOWN,
    awaiting,
    cancelled,
    contents,
    in_status,
    lives,
    neighbours,
    only,
    records,
    snapshot,
    token_of,
)
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, World
from tests.storage.redis_under_test import assert_sound_chain

UNDER_WAY = [*sorted(ACTIVE), UNKNOWN, MISSING]
ENDED = sorted(TERMINAL - {JobStatus.CANCELLED})
STORED_AS: dict[JobStatus, dict[str, str]] = {
    JobStatus.CANCELLED: {},
    JobStatus.FAILED: {"error_message": "Job cancelled by user"},
}


@pytest.mark.parametrize("stored_as", STORED_AS)
@pytest.mark.parametrize("start", UNDER_WAY)
def test_cancel_changes_all_that_goes_with_the_end_of_a_job_and_nothing_else(
    world: World, start: str | None, stored_as: JobStatus
) -> None:
    in_status(world, start)
    neighbours(world)
    world.redis.raw.rpush(world.redis.keys.processing_queue, '{"job_id": "job-1", "old": true}')
    before, documents = contents(world), world.keys_in(DOCUMENTS)

    operation = only(cancelled(world, "job-1", reason="uploaded twice", stored_as=stored_as))

    after = contents(world)
    now = after["job:job-1"]["updated_at"]
    expected = before | {
        "job:job-1": before["job:job-1"]
        | {
            "status": stored_as.value,
            "updated_at": now,
            "cancelled_at": now,
            "completed_at": now,
            "cancel_reason": "uploaded twice",
            "jobctl_op": operation.op_id,
        }
        | STORED_AS[stored_as],
        "jobs-by-updated": before["jobs-by-updated"]
        | {"job-1": datetime.fromisoformat(now).timestamp()},
        "timeouts:approval": {"job-10": before["timeouts:approval"]["job-10"]},
        "queue:approval": [one for one in before["queue:approval"] if token_of("job-1") not in one],
        "queue:processing": before["queue:processing"][:-1],
        "audit": world.redis.audit(),
    }
    del expected["job:job-1"]["approval_token"]
    del expected[f"approval-token:{token_of('job-1')}"]
    assert after == expected
    assert world.keys_in(DOCUMENTS) == documents
    assert lives(world, TTL.lifetime(JobStatus.CANCELLED))
    assert operation.changed
    assert (operation.previous_status, operation.status) == (start or "unknown", "cancelled")


@pytest.mark.parametrize("stored_as", STORED_AS)
def test_the_audit_record_of_a_cancellation_says_how_it_is_stored(
    world: World, stored_as: JobStatus
) -> None:
    in_status(world, "Pending")
    operation = only(cancelled(world, "job-1", reason="uploaded twice", stored_as=stored_as))
    assert records(world) == [
        {
            "op_id": operation.op_id,
            "actor": ACTOR,
            "action": "cancel",
            "job_id": "job-1",
            "from": "Pending",
            "to": stored_as.value,
            "reason": "uploaded twice",
            "summary": "",
        }
    ]
    assert_sound_chain(world.redis.audit())


@pytest.mark.parametrize("stored_as", STORED_AS)
def test_a_cancelled_job_reads_as_cancelled_however_it_is_stored(
    world: World, stored_as: JobStatus
) -> None:
    awaiting(world)
    only(cancelled(world, "job-1", stored_as=stored_as))
    assert decode("job-1", world.redis.hash()).status is JobStatus.CANCELLED
    assert "cancel_reason" not in world.redis.hash()


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "cancelled"},
        {"status": "Canceled"},
        {"status": "failed", "cancelled_at": "2026-03-01T10:00:00+00:00"},
        {"status": "FAILED", "error_message": "Job cancelled by user"},
        {"status": "timeout", "error": "Job cancelled by user"},
    ],
)
@pytest.mark.parametrize("ignore_terminal", [False, True])
def test_a_job_that_is_cancelled_already_is_left_as_it_is(
    world: World, fields: dict[str, str], ignore_terminal: bool
) -> None:
    awaiting(world, **fields)
    before = snapshot(world)
    found = cancelled(world, "job-1", ignore_terminal=ignore_terminal)
    operation = only(found)
    assert (operation.changed, operation.error, operation.op_id) == (False, None, None)
    assert operation.notes == ("cancelled already",)
    assert operation.previous_status == operation.status == "cancelled"
    assert (found.unchanged, found.exit_code) == (1, ExitCode.DONE)
    assert snapshot(world) == before


@pytest.mark.parametrize("start", [*ENDED, "FINISHED", "Timeout"])
def test_cancel_refuses_a_job_that_has_ended(world: World, start: str) -> None:
    in_status(world, start)
    before = snapshot(world)
    found = cancelled(world, "job-1")
    error = only(found).error
    assert isinstance(error, ConflictError)
    meaning = {"FINISHED": "completed", "Timeout": "failed"}.get(start, start)
    assert f"is {meaning};" in error.message
    assert found.exit_code == ExitCode.CONFLICT
    assert snapshot(world) == before


@pytest.mark.parametrize("start", ENDED)
def test_a_job_that_has_ended_can_be_passed_over(world: World, start: str) -> None:
    in_status(world, start)
    before = snapshot(world)
    found = cancelled(world, "job-1", ignore_terminal=True)
    operation = only(found)
    assert (operation.changed, operation.error, operation.status) == (False, None, start)
    assert operation.notes == ("has ended already",)
    assert found.exit_code == ExitCode.DONE
    assert snapshot(world) == before


def test_cancel_twice_changes_once(world: World) -> None:
    awaiting(world)
    assert only(cancelled(world, "job-1")).changed
    before = snapshot(world)
    assert not only(cancelled(world, "job-1", reason="again")).changed
    assert snapshot(world) == before


@pytest.mark.parametrize("spelled", ["PENDING", "Running", "QUEUED ", "pii_SCANNING"])
def test_a_status_in_another_spelling_is_what_is_compared_and_set(
    world: World, spelled: str
) -> None:
    in_status(world, spelled)
    jobs, key = ObservedJobs(world), world.redis.keys.job("job-1")
    jobs.at("apply_all", 1, lambda: world.redis.raw.hset(key, "status", spelled.swapcase()))
    assert only(cancelled(world, "job-1", jobs=jobs)).changed
    assert records(world)[0]["from"] == spelled.swapcase()
    assert jobs.calls["apply_all"] == 2


def test_a_job_that_ends_just_before_it_is_cancelled_keeps_its_end(world: World) -> None:
    in_status(world, "processing")
    jobs = ObservedJobs(world)
    service = ForeignJobService(world.redis.raw, world.redis.keys.namespace)
    jobs.at("apply_all", 1, lambda: service.update_job_status("job-1", "completed"))
    operation = only(cancelled(world, "job-1", jobs=jobs))
    assert isinstance(operation.error, ConflictError)
    assert "is completed" in operation.error.message
    assert world.redis.hash()["status"] == "completed"
    assert world.redis.audit() == []


@pytest.mark.parametrize(
    ("fields", "noted"),
    [
        ({"status": "processing", "celery_task_id": "task-17"}, "Celery task task-17"),
        ({"status": "queued", "celery_task_id": "task-17"}, "Celery task task-17"),
        ({"status": "processing"}, "a worker that does not look"),
    ],
)
def test_what_may_still_run_is_told(world: World, fields: dict[str, str], noted: str) -> None:
    awaiting(world, **fields)
    [note] = only(cancelled(world, "job-1")).notes
    assert note.startswith(noted)
    assert world.redis.hash().get("celery_task_id") == fields.get("celery_task_id")


def test_a_job_that_nobody_works_on_is_cancelled_without_a_note(world: World) -> None:
    awaiting(world)
    assert only(cancelled(world, "job-1")).notes == ()


@pytest.mark.parametrize(
    ("findings", "audited"),
    [
        (json.dumps([{"entity_type": "PERSON", "text": "Ada"}]), "about [PERSON]"),
        ("unreadable", "[withheld: PII findings unreadable]"),
    ],
)
def test_the_reason_is_kept_in_the_record_and_masked_in_the_audit(
    world: World, findings: str, audited: str
) -> None:
    awaiting(world, pii_findings=findings)
    only(cancelled(world, "job-1", reason="about Ada"))
    assert world.redis.hash()["cancel_reason"] == "about Ada"
    assert records(world)[0]["reason"] == audited


def test_a_job_on_which_the_service_decides_is_not_cancelled(world: World) -> None:
    awaiting(world)
    world.redis.raw.set(world.redis.keys.approval_lock("job-1"), "processing")
    before = snapshot(world)
    assert isinstance(only(cancelled(world, "job-1")).error, HeldError)
    assert snapshot(world) == before


@pytest.mark.parametrize("options", [{}, {"ignore_terminal": True}])
def test_an_unknown_job_is_not_found(world: World, options: dict[str, Any]) -> None:
    assert isinstance(only(cancelled(world, "nope", **options)).error, NotFoundError)
    assert contents(world) == {}


def test_a_dry_run_of_a_cancellation_changes_nothing(world: World) -> None:
    awaiting(world)
    before = snapshot(world)
    operation = only(cancelled(world, "job-1", bulk={"dry_run": True}))
    assert (operation.changed, operation.op_id, operation.status) == (False, None, "cancelled")
    assert snapshot(world) == before
