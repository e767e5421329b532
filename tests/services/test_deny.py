"""`deny`: the decision first, then exactly the job's own documents, and resumed until done."""

import json
from datetime import datetime

import pytest

from jobctl.domain.status import JobStatus
from jobctl.errors import ConflictError, ExitCode, NotFoundError
from jobctl.services.object_store import Versions
from tests.cli.foreign import ForeignJobService
from tests.services.deciding import (
    ACTOR,
    REASON,
    STARTS,
    TTL,
    awaiting,
    contents,
    denied,
    lives,
    neighbours,
    only,
    records,
    snapshot,
    token_of,
)
from tests.services.world import DOCUMENTS, RESULTS, World
from tests.storage.redis_under_test import assert_sound_chain

OWN = {
    "temp/job-1.pdf",
    "temp/job-1.bin",
    "temp/job-1/1.png",
    "temp/job-1/deep/2.png",
    "job-1/pages/1.png",
    "debug/job-1/trace.json",
}
FOREIGN = {
    "temp/job-1-other.pdf",
    "temp/job-1.tar.gz",
    "temp/job-10.pdf",
    "temp/job-10/1.png",
    "job-1/results/1.md",
    "debug/job-10/trace.json",
    "other/temp/job-1.pdf",
}
CLOSED = [one for one in STARTS if one not in ("awaiting_approval", "denied")]


def with_documents(world: World) -> None:
    """job-1 awaits its decision, with all that it owns and much that only looks like it."""
    awaiting(world)
    world.put(DOCUMENTS, *OWN - {"temp/job-1.pdf"}, *FOREIGN)
    world.put(RESULTS, "results/job-1/out.md")


def service(world: World) -> ForeignJobService:
    return ForeignJobService(world.redis.raw, world.redis.keys.namespace)


def left(world: World) -> set[str]:
    return world.keys_in(DOCUMENTS) & OWN


def test_deny_changes_all_that_goes_with_a_decision_and_nothing_else(world: World) -> None:
    awaiting(world)
    neighbours(world)
    world.redis.raw.rpush(world.redis.keys.processing_queue, '{"job_id": "job-1", "old": true}')
    before = contents(world)

    operation = only(denied(world, "job-1"))

    after = contents(world)
    now = after["job:job-1"]["updated_at"]
    expected = before | {
        "job:job-1": before["job:job-1"]
        | {
            "status": "denied",
            "updated_at": now,
            "denied_at": now,
            "denial_decision": json.dumps(
                {
                    "decision": "denied",
                    "justification": REASON,
                    "reviewed_by": "dean@example.edu",
                    "reviewed_at": now,
                }
            ),
            "jobctl_op": "op-2",
        },
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
    assert lives(world, TTL.lifetime(JobStatus.DENIED))
    assert world.keys_in(DOCUMENTS) == {"temp/job-10.pdf", "temp/job-1-other.pdf"}
    assert (operation.changed, operation.op_id) == (True, "op-1")
    assert (operation.previous_status, operation.status) == ("awaiting_approval", "denied")
    assert operation.notes == ("1 object deleted",)


def test_the_audit_tells_the_decision_and_then_what_was_deleted(world: World) -> None:
    with_documents(world)
    only(denied(world, "job-1"))
    common = {"actor": ACTOR, "job_id": "job-1", "to": "denied"}
    assert records(world) == [
        common
        | {
            "op_id": "op-1",
            "action": "deny",
            "from": "awaiting_approval",
            "reason": REASON,
            "summary": "reviewed by dean@example.edu (--as)",
        },
        common
        | {
            "op_id": "op-2",
            "action": "deny-cleanup",
            "from": "denied",
            "reason": "",
            "summary": "6 objects deleted",
        },
    ]
    assert_sound_chain(world.redis.audit())


def test_deny_deletes_exactly_what_the_job_owns(world: World) -> None:
    with_documents(world)
    operation = only(denied(world, "job-1"))
    assert operation.notes == ("6 objects deleted",)
    assert world.keys_in(DOCUMENTS) == FOREIGN
    assert world.keys_in(RESULTS) == {"results/job-1/out.md"}


def test_deny_leaves_a_document_that_was_registered_by_its_key(world: World) -> None:
    awaiting(world, s3_key="inbox/contract.pdf")
    world.put(DOCUMENTS, "inbox/contract.pdf")
    operation = only(denied(world, "job-1"))
    assert world.keys_in(DOCUMENTS) == {"inbox/contract.pdf"}
    assert operation.notes[0] == "1 object deleted"
    assert "inbox/… was registered" in operation.notes[1]


def test_deny_takes_a_dotted_document_that_the_record_names(world: World) -> None:
    awaiting(world, s3_key="temp/job-1.tar.gz")
    world.put(DOCUMENTS, "temp/job-1.tar.gz", "temp/job-1.tar.bz2")
    only(denied(world, "job-1"))
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.tar.bz2"}


def test_deny_tells_where_a_bucket_keeps_what_was_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    awaiting(world)
    awaiting(world, "job-2")
    world.objects.delete(DOCUMENTS, ["temp/job-2.pdf"])
    monkeypatch.setattr(world.objects, "keeps_versions", lambda _: Versions.ALL)
    with_document, without = denied(world, "job-1", "job-2")
    assert with_document.notes[1] == f"bucket {DOCUMENTS} keeps their data as versions"
    assert without.notes == ("0 objects deleted",)


@pytest.mark.parametrize("start", CLOSED)
def test_deny_refuses_a_job_that_awaits_no_decision(world: World, start: str | None) -> None:
    with_documents(world)
    key, raw = world.redis.keys.job("job-1"), world.redis.raw
    raw.hdel(key, "status") if start is None else raw.hset(key, "status", start)
    before = snapshot(world)
    operation = only(denied(world, "job-1"))
    assert isinstance(operation.error, ConflictError)
    assert (start or "unknown") in operation.error.message
    assert (operation.changed, operation.status) == (False, start or "unknown")
    assert snapshot(world) == before


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "denied"},
        {"status": "DENIED"},
        {"status": " Denied"},
        {"status": "denied", "cleanup_state": "deleting"},
    ],
)
def test_a_denied_job_is_left_as_it_is_whoever_denied_it(
    world: World, fields: dict[str, str]
) -> None:
    """A service that denies in haste stores the status alone, and its deletion is under way."""
    awaiting(world, **fields)
    before = snapshot(world)
    operation = only(denied(world, "job-1"))
    assert (operation.changed, operation.error, operation.op_id) == (False, None, None)
    assert operation.notes == ("denied already",)
    assert snapshot(world) == before


def test_the_same_denial_again_changes_nothing(world: World) -> None:
    with_documents(world)
    only(denied(world, "job-1"))
    before = snapshot(world)
    found = denied(world, "job-1", reason="another reason")
    assert only(found).notes == ("denied already",)
    assert (found.unchanged, found.exit_code) == (1, ExitCode.DONE)
    assert snapshot(world) == before


@pytest.mark.parametrize("spelled", ["AWAITING_APPROVAL", "Awaiting_Approval"])
def test_a_status_in_another_spelling_is_what_is_compared_and_set(
    world: World, spelled: str
) -> None:
    with_documents(world)
    world.redis.raw.hset(world.redis.keys.job("job-1"), "status", spelled)
    assert only(denied(world, "job-1")).changed
    assert [record["from"] for record in records(world)] == [spelled, "denied"]
    assert left(world) == set()


def test_a_dry_run_of_a_denial_changes_nothing(world: World) -> None:
    with_documents(world)
    before = snapshot(world)
    operation = only(denied(world, "job-1", bulk={"dry_run": True}))
    assert (operation.changed, operation.op_id, operation.status) == (False, None, "denied")
    assert snapshot(world) == before


def test_an_unknown_job_is_not_found(world: World) -> None:
    world.put(DOCUMENTS, "temp/nope.pdf")
    assert isinstance(only(denied(world, "nope")).error, NotFoundError)
    assert contents(world) == {}
    assert world.keys_in(DOCUMENTS) == {"temp/nope.pdf"}
