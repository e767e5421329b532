"""`approve`: one step with all that goes with it, or nothing at all."""

import json
from datetime import datetime, timedelta

import pytest

from jobctl.domain.status import JobStatus
from jobctl.errors import ConflictError, ExitCode, NotFoundError, UnavailableError
from tests.cli.foreign import ForeignJobService
from tests.services.deciding import (
    ACTOR,
    REASON,
    STARTS,
    TTL,
    approved,
    awaiting,
    contents,
    in_status,
    lives,
    neighbours,
    only,
    records,
    server_time,
    snapshot,
    token_of,
)
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, World
from tests.storage.redis_under_test import assert_sound_chain

WHERE_APPROVED_JOBS_ARE = {
    "processing_queued",
    "waiting_for_remote_worker",
    "processing",
    "completed",
}
NOT_AWAITING = [start for start in STARTS if start != "awaiting_approval"]
DECISION = {
    "decision": "approved",
    "justification": "fine",
    "reviewed_by": "ada@example.edu",
    "reviewed_at": "2026-03-01T10:00:00+00:00",
}


def test_approve_changes_all_that_goes_with_a_decision_and_nothing_else(world: World) -> None:
    awaiting(world)
    neighbours(world)
    world.redis.raw.rpush(world.redis.keys.processing_queue, '{"job_id": "job-1", "old": true}')
    before, documents, earliest = contents(world), world.keys_in(DOCUMENTS), server_time(world)

    operation = only(approved(world, "job-1"))

    after = contents(world)
    now = after["job:job-1"]["updated_at"]
    assert earliest <= datetime.fromisoformat(now) <= server_time(world)
    expected = before | {
        "job:job-1": before["job:job-1"]
        | {
            "status": "processing_queued",
            "updated_at": now,
            "approved_at": now,
            "approval_decision": json.dumps(
                {
                    "decision": "approved",
                    "justification": REASON,
                    "reviewed_by": "dean@example.edu",
                    "reviewed_at": now,
                }
            ),
            "jobctl_op": operation.op_id,
        },
        "jobs-by-updated": before["jobs-by-updated"]
        | {"job-1": datetime.fromisoformat(now).timestamp()},
        "timeouts:approval": {"job-10": before["timeouts:approval"]["job-10"]},
        "queue:approval": [one for one in before["queue:approval"] if token_of("job-1") not in one],
        "queue:processing": [
            json.dumps({"job_id": "job-1", "s3_key": "temp/job-1.pdf", "approved_at": now}),
            *before["queue:processing"][:-1],
        ],
        "audit": world.redis.audit(),
    }
    del expected["job:job-1"]["approval_token"]
    del expected[f"approval-token:{token_of('job-1')}"]
    assert after == expected
    assert world.keys_in(DOCUMENTS) == documents
    assert lives(world, TTL.lifetime(JobStatus.PROCESSING_QUEUED))


def test_the_audit_record_of_an_approval_says_who_ran_it_and_who_has_decided(world: World) -> None:
    awaiting(world)
    operation = only(approved(world, "job-1"))
    assert records(world) == [
        {
            "op_id": operation.op_id,
            "actor": ACTOR,
            "action": "approve",
            "job_id": "job-1",
            "from": "awaiting_approval",
            "to": "processing_queued",
            "reason": REASON,
            "summary": "reviewed by dean@example.edu (--as)",
        }
    ]
    assert_sound_chain(world.redis.audit())
    assert world.redis.audit()[0][1]["at"] == world.redis.hash()["approved_at"].replace(
        "+00:00", "Z"
    )
    assert (operation.id, operation.action, operation.changed) == ("job-1", "approve", True)
    assert (operation.previous_status, operation.status) == (
        "awaiting_approval",
        "processing_queued",
    )
    assert operation.notes == ("queued for the workers",)


def test_without_a_handoff_the_approval_is_recorded_and_nobody_is_told(world: World) -> None:
    awaiting(world)
    before = contents(world)
    operation = only(approved(world, "job-1", pushes_to_queue=False))
    assert operation.changed
    assert operation.notes == ("recorded only: nothing starts it",)
    gone = {"queue:approval", "timeouts:approval", f"approval-token:{token_of('job-1')}"}
    assert set(contents(world)) == set(before) - gone | {"audit"}
    assert world.redis.hash()["status"] == "processing_queued"


def test_a_job_without_token_deadline_or_queue_entry_is_approved(world: World) -> None:
    expires_at = (server_time(world) + timedelta(hours=1)).isoformat()
    world.redis.write_job(
        status="awaiting_approval", s3_key="inbox/a.pdf", approval_expires_at=expires_at
    )
    world.put(DOCUMENTS, "inbox/a.pdf")
    assert only(approved(world, "job-1")).changed
    assert set(contents(world)) == {"job:job-1", "jobs-by-updated", "queue:processing", "audit"}
    [entry] = contents(world)["queue:processing"]
    assert json.loads(entry)["s3_key"] == "inbox/a.pdf"


@pytest.mark.parametrize("start", NOT_AWAITING)
def test_approve_refuses_a_job_that_awaits_no_decision(world: World, start: str | None) -> None:
    in_status(world, start)
    before = snapshot(world)
    operation = only(approved(world, "job-1"))
    assert isinstance(operation.error, ConflictError)
    assert (start or "unknown") in operation.error.message
    assert (operation.changed, operation.op_id) == (False, None)
    assert operation.previous_status == operation.status == (start or "unknown")
    assert snapshot(world) == before


@pytest.mark.parametrize("start", NOT_AWAITING)
def test_a_job_that_was_approved_is_left_as_it_is(world: World, start: str | None) -> None:
    in_status(world, start, approval_decision=json.dumps(DECISION))
    before = snapshot(world)
    operation = only(approved(world, "job-1"))
    assert snapshot(world) == before
    assert (operation.changed, operation.op_id) == (False, None)
    if start in WHERE_APPROVED_JOBS_ARE:
        assert operation.error is None
        assert operation.notes == ("approved already",)
        assert operation.previous_status == operation.status == start
    else:
        assert isinstance(operation.error, ConflictError)
        assert (start or "unknown") in operation.error.message


@pytest.mark.parametrize("start", ["failed", "cancelled"])
def test_a_job_that_failed_since_its_approval_is_a_conflict_that_tells_both(
    world: World, start: str
) -> None:
    in_status(world, start, approval_decision=json.dumps(DECISION))
    error = only(approved(world, "job-1")).error
    assert isinstance(error, ConflictError)
    assert "ada@example.edu at 2026-03-01T10:00:00Z" in error.message
    assert f"is {start} now" in error.message


@pytest.mark.parametrize("quickly", ["processing_queued", "processing", "completed"])
def test_an_approval_in_haste_by_the_service_counts_though_it_names_nobody(
    world: World, quickly: str
) -> None:
    awaiting(world)
    service = ForeignJobService(world.redis.raw, world.redis.keys.namespace)
    service.update_job_status("job-1", quickly, approved_at=server_time(world).isoformat())
    before = snapshot(world)
    operation = only(approved(world, "job-1"))
    assert (operation.changed, operation.error) == (False, None)
    assert snapshot(world) == before


def test_the_same_approval_again_changes_nothing(world: World) -> None:
    awaiting(world)
    assert only(approved(world, "job-1")).changed
    before = snapshot(world)
    found = approved(world, "job-1", reason="another reason")
    operation = only(found)
    assert (operation.changed, operation.error, operation.op_id) == (False, None, None)
    assert (found.unchanged, found.exit_code) == (1, ExitCode.DONE)
    assert snapshot(world) == before


@pytest.mark.parametrize(
    "spelled", ["AWAITING_APPROVAL", "Awaiting_Approval", "awaiting_approval "]
)
def test_a_status_in_another_spelling_is_what_is_compared_and_set(
    world: World, spelled: str
) -> None:
    awaiting(world, status=spelled)
    operation = only(approved(world, "job-1"))
    assert (operation.changed, operation.previous_status) == (True, "awaiting_approval")
    assert world.redis.hash()["status"] == "processing_queued"
    assert records(world)[0]["from"] == spelled


def test_a_status_that_is_spelled_anew_in_between_is_looked_at_again(world: World) -> None:
    awaiting(world, status="AWAITING_APPROVAL")
    jobs, key = ObservedJobs(world), world.redis.keys.job("job-1")
    jobs.at("apply_all", 1, lambda: world.redis.raw.hset(key, "status", "awaiting_approval"))
    assert only(approved(world, "job-1", jobs=jobs)).changed
    assert [record["from"] for record in records(world)] == ["awaiting_approval"]


def test_a_document_that_is_gone_cannot_be_approved(world: World) -> None:
    awaiting(world)
    world.objects.delete(DOCUMENTS, ["temp/job-1.pdf"])
    world.put(DOCUMENTS, "temp/job-1.pdf.bak")
    before = snapshot(world)
    operation = only(approved(world, "job-1"))
    assert isinstance(operation.error, NotFoundError)
    assert "temp/job-1.pdf" in operation.error.message
    assert snapshot(world) == before
    assert only(approved(world, "job-1", verify=False)).changed


@pytest.mark.parametrize("s3_key", [None, ""])
def test_a_job_that_names_no_document_cannot_be_approved(world: World, s3_key: str | None) -> None:
    awaiting(world, s3_key=s3_key)
    before = snapshot(world)
    operation = only(approved(world, "job-1"))
    assert isinstance(operation.error, ConflictError)
    assert "names no document" in operation.error.message
    assert snapshot(world) == before
    assert only(approved(world, "job-1", verify=False)).changed


def test_documents_that_cannot_be_asked_for_change_nothing(world: World) -> None:
    awaiting(world)
    world.objects.broken.add("head")
    before = snapshot(world)
    with pytest.raises(UnavailableError):
        only(approved(world, "job-1"))
    assert snapshot(world) == before
    assert only(approved(world, "job-1", verify=False)).changed


def test_an_unknown_job_is_not_found_and_not_made(world: World) -> None:
    found = approved(world, "nope")
    assert isinstance(only(found).error, NotFoundError)
    assert found.exit_code == ExitCode.NOT_FOUND
    assert contents(world) == {}


def test_a_dry_run_of_an_approval_changes_nothing(world: World) -> None:
    awaiting(world)
    before = snapshot(world)
    operation = only(approved(world, "job-1", bulk={"dry_run": True}))
    assert (operation.changed, operation.op_id, operation.error) == (False, None, None)
    assert operation.status == "processing_queued"
    world.objects.delete(DOCUMENTS, ["temp/job-1.pdf"])
    refused = only(approved(world, "job-1", bulk={"dry_run": True}))
    assert isinstance(refused.error, NotFoundError)
    assert snapshot(world)[:2] == before[:2]
