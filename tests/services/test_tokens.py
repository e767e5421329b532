"""`token`: one step each, interchangeable with the services', and void when they should be."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from jobctl.domain.status import JobStatus
from jobctl.errors import ConflictError, HeldError, InvalidUsageError, NotFoundError
from jobctl.services.ports import TokenKind
from jobctl.services.tokens import (
    consume_token,
    revoke_token,
    revoke_tokens_of,
    verify_token,
)
from tests.services.deciding import (
    ACTOR,
    STARTS,
    TTL,
    awaiting,
    contents,
    in_status,
    lives,
    neighbours,
    only,
    records,
    server_time,
    snapshot,
    token_key,
    token_of,
)
from tests.services.issuing import issued, token, token_change
from tests.services.world import World
from tests.storage.redis_under_test import assert_sound_chain

APPROVAL, STREAM = TokenKind.APPROVAL, TokenKind.STREAM
HOURS = timedelta(hours=2)
NOT_AWAITING = [one for one in STARTS if one != "awaiting_approval"]


def opened(before: dict[str, Any], world: World, value: str, op_id: str) -> dict[str, Any]:
    """What is in the namespace once job-1 has the approval token *value* for two hours."""
    now = world.redis.hash()["updated_at"]
    expires_at = datetime.fromisoformat(now) + HOURS
    entry = {
        "job_id": "job-1",
        "s3_key": "temp/job-1.pdf",
        "pii_findings": [],
        "approval_token": value,
        "expires_at": expires_at.isoformat(),
    }
    old = token_of("job-1")
    others = [text for text in before["queue:approval"] if old not in text]
    return {key: held for key, held in before.items() if key != f"approval-token:{old}"} | {
        "job:job-1": before["job:job-1"]
        | {
            "updated_at": now,
            "approval_token": value,
            "approval_expires_at": expires_at.isoformat(),
            "jobctl_op": op_id,
        },
        "jobs-by-updated": before["jobs-by-updated"]
        | {"job-1": datetime.fromisoformat(now).timestamp()},
        "timeouts:approval": before["timeouts:approval"] | {"job-1": expires_at.timestamp()},
        "queue:approval": [json.dumps(entry), *others],
        f"approval-token:{value}": "job-1",
        "audit": world.redis.audit(),
    }


def test_a_new_approval_token_takes_the_place_of_the_old_one(world: World) -> None:
    awaiting(world)
    neighbours(world)
    before, earliest = contents(world), server_time(world)
    given = issued(world)
    value = given.token.reveal()
    assert contents(world) == opened(before, world, value, given.op_id)
    assert given.expires_at == datetime.fromisoformat(world.redis.hash()["approval_expires_at"])
    assert earliest <= given.expires_at - HOURS <= server_time(world)
    assert lives(world, HOURS, token_key(world, value))
    assert lives(world, TTL.lifetime(JobStatus.AWAITING_APPROVAL))
    assert (len(value), value == token_of("job-1")) == (43, False)


@pytest.mark.parametrize("expired", [False, True])
def test_a_deadline_is_renewed_and_the_token_stays_though_it_has_expired(
    world: World, expired: bool
) -> None:
    passed = {"approval_expires_at": "2026-03-01T10:00:00+00:00"} if expired else {}
    awaiting(world, **passed)
    neighbours(world)
    if expired:
        world.redis.raw.delete(token_key(world, token_of("job-1")))
    before = contents(world)
    given = issued(world, extends=True)
    value = given.token.reveal()
    assert value == token_of("job-1")
    assert contents(world) == opened(before, world, value, given.op_id)
    assert lives(world, HOURS, token_key(world, value))
    assert verify_token(token(value), jobs=world.redis.store).job_id == "job-1"


@pytest.mark.parametrize("extends", [False, True])
def test_a_job_without_a_token_gets_one(world: World, extends: bool) -> None:
    awaiting(world, approval_token=None)
    world.redis.raw.delete(token_key(world, token_of("job-1")), world.redis.keys.deadlines)
    value = issued(world, extends=extends).token.reveal()
    assert world.redis.hash()["approval_token"] == value
    assert verify_token(token(value), jobs=world.redis.store).job_id == "job-1"


def test_a_token_that_outlives_the_record_keeps_it_alive(world: World) -> None:
    awaiting(world)
    issued(world, lifetime=timedelta(days=20))
    assert lives(world, timedelta(days=20))


def test_a_stream_token_leaves_the_job_where_it_is(world: World) -> None:
    in_status(world, "processing")
    world.redis.raw.expire(world.redis.keys.job("job-1"), 1234)
    before = contents(world)
    given = issued(world, STREAM, lifetime=timedelta(seconds=300))
    value = given.token.reveal()
    assert contents(world) == before | {
        "job:job-1": before["job:job-1"] | {"jobctl_op": given.op_id},
        f"stream-token:{value}": "job-1",
        "audit": world.redis.audit(),
    }
    assert lives(world, timedelta(seconds=300), token_key(world, value, STREAM))
    assert 0 < world.redis.raw.ttl(token_key(world, value, STREAM)) <= 300
    assert lives(world, timedelta(seconds=1234))
    assert len(value) == 43


@pytest.mark.parametrize("start", STARTS)
def test_a_stream_token_is_for_a_job_in_any_status(world: World, start: str | None) -> None:
    in_status(world, start)
    value = issued(world, STREAM).token.reveal()
    details = verify_token(token(value, STREAM), jobs=world.redis.store)
    assert (details.job_id, details.status) == ("job-1", start or "unknown")
    assert records(world)[0]["from"] == records(world)[0]["to"] == (start or "")


@pytest.mark.parametrize("extends", [False, True])
@pytest.mark.parametrize("start", NOT_AWAITING)
def test_no_approval_token_is_issued_where_nothing_is_to_be_decided(
    world: World, start: str | None, extends: bool
) -> None:
    in_status(world, start)
    before = snapshot(world)
    with pytest.raises(ConflictError, match=start or "unknown"):
        issued(world, extends=extends)
    assert snapshot(world) == before


def test_a_stream_token_cannot_be_extended(world: World) -> None:
    awaiting(world)
    before = snapshot(world)
    with pytest.raises(InvalidUsageError):
        issued(world, STREAM, extends=True)
    assert snapshot(world) == before


@pytest.mark.parametrize("kind", TokenKind)
def test_no_token_is_issued_for_an_unknown_job(world: World, kind: TokenKind) -> None:
    with pytest.raises(NotFoundError):
        issued(world, kind, job_id="nope")
    assert contents(world) == {}


def test_no_approval_token_is_issued_while_the_service_decides(world: World) -> None:
    awaiting(world)
    world.redis.raw.set(world.redis.keys.approval_lock("job-1"), "processing")
    before = snapshot(world)
    with pytest.raises(HeldError):
        issued(world, TokenKind.APPROVAL)
    assert snapshot(world) == before


def test_the_audit_tells_of_each_token_and_holds_none(world: World) -> None:
    findings = json.dumps([{"entity_type": "PERSON", "text": "Ada"}])
    awaiting(world, pii_findings=findings)
    jobs, reason = world.redis.store, f"Ada lost {token_of('job-1')}"
    first = issued(world, reason=reason)
    extended = issued(world, extends=True)
    stream = issued(world, STREAM, lifetime=timedelta(seconds=300))
    only(consume_token(token(stream.token.reveal(), STREAM), token_change(world), jobs=jobs))
    only(revoke_token(token(first.token.reveal()), token_change(world, "Ada again"), jobs=jobs))
    status = {"from": "awaiting_approval", "to": "awaiting_approval"}
    told = [(one["action"], one["reason"], one["summary"]) for one in records(world)]
    assert told == [
        ("token-issue", "[PERSON] lost [token]", "approval token, good for 7200 s"),
        ("token-issue", "", "deadline renewed, good for 7200 s"),
        ("token-issue", "", "stream token, good for 300 s"),
        ("token-consume", "", "stream token"),
        ("token-revoke", "[PERSON] again", "approval token"),
    ]
    assert all(one | status == one and one["actor"] == ACTOR for one in records(world))
    assert extended.token == first.token
    audited = json.dumps(world.redis.audit())
    for secret in (token_of("job-1"), first.token.reveal(), stream.token.reveal()):
        assert secret not in audited
    assert_sound_chain(world.redis.audit())


def test_a_revoked_approval_token_takes_its_queue_entry_along_and_leaves_the_deadline(
    world: World,
) -> None:
    awaiting(world)
    neighbours(world)
    world.redis.raw.expire(world.redis.keys.job("job-1"), 1234)
    before, jobs = contents(world), world.redis.store
    operation = only(revoke_token(token(token_of("job-1")), token_change(world), jobs=jobs))
    expected = before | {
        "job:job-1": before["job:job-1"] | {"jobctl_op": operation.op_id},
        "queue:approval": [one for one in before["queue:approval"] if token_of("job-1") not in one],
        "audit": world.redis.audit(),
    }
    del expected["job:job-1"]["approval_token"]
    del expected[f"approval-token:{token_of('job-1')}"]
    assert contents(world) == expected
    assert lives(world, timedelta(seconds=1234))
    assert (operation.changed, operation.status) == (True, "awaiting_approval")
    with pytest.raises(NotFoundError):
        revoke_token(token(token_of("job-1")), token_change(world), jobs=jobs)


@pytest.mark.parametrize("expired", [False, True])
def test_the_token_of_a_job_is_revoked_by_the_jobs_id(world: World, expired: bool) -> None:
    awaiting(world)
    if expired:
        world.redis.raw.delete(token_key(world, token_of("job-1")))
    jobs = world.redis.store
    assert only(revoke_tokens_of("job-1", token_change(world), jobs=jobs)).changed
    assert "approval_token" not in world.redis.hash()
    before = snapshot(world)
    again = only(revoke_tokens_of("job-1", token_change(world), jobs=jobs))
    assert (again.changed, again.notes, again.op_id) == (False, ("has no approval token",), None)
    assert snapshot(world) == before
