"""Tokens that are verified and used up, by jobctl and by the service that shares them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from typing import Any

import pytest

from jobctl.domain.job import Secret
from jobctl.errors import ConflictError, InvalidUsageError, NotFoundError
from jobctl.services.ports import TokenKind
from jobctl.services.tokens import (
    consume_token,
    revoke_token,
    verify_token,
)
from tests.services.deciding import (
    STARTS,
    approved,
    awaiting,
    contents,
    denied,
    in_status,
    lives,
    only,
    records,
    snapshot,
    token_key,
    token_of,
)
from tests.services.issuing import consume, issued, token, token_change
from tests.services.world import World

APPROVAL, STREAM = TokenKind.APPROVAL, TokenKind.STREAM
NOT_AWAITING = [one for one in STARTS if one != "awaiting_approval"]


class ForeignTokens:
    """The tokens of the job service and the approval service, statement by statement."""

    def __init__(self, world: World) -> None:
        self.redis: Any = world.redis.raw
        self.namespace = world.redis.keys.namespace

    def store_approval_token_mapping(self, token: str, job_id: str) -> None:
        self.redis.set(f"{self.namespace}:approval-token:{token}", job_id, ex=4 * 3600)

    def validate_approval_token(self, token: str) -> str | None:
        job_id = self.redis.get(f"{self.namespace}:approval-token:{token}")
        if not job_id:
            return None
        job = self.redis.hgetall(f"{self.namespace}:job:{job_id}")
        expires_at = job.get("approval_expires_at")
        if not expires_at:
            return None
        moment = datetime.fromisoformat(expires_at.replace("Z", "+00:00"))
        return str(job["job_id"]) if moment.tzinfo and datetime.now(UTC) < moment else None

    def create_stream_token(self, job_id: str) -> str:
        token = token_urlsafe(32)
        self.redis.set(f"{self.namespace}:stream-token:{token}", job_id, ex=300)
        return token

    def validate_and_consume_stream_token(self, token: str) -> str | None:
        found: str | None = self.redis.getdel(f"{self.namespace}:stream-token:{token}")
        return found


def test_an_approval_token_of_the_service_is_good_for_jobctl(world: World) -> None:
    awaiting(world, approval_token="foreign")
    ForeignTokens(world).store_approval_token_mapping("foreign", "job-1")
    before = snapshot(world)
    details = verify_token(token("foreign"), jobs=world.redis.store)
    assert (details.job_id, details.kind, details.status) == (
        "job-1",
        APPROVAL,
        "awaiting_approval",
    )
    assert details.ttl is not None
    assert timedelta(hours=3, minutes=58) < details.ttl <= timedelta(hours=4)
    assert snapshot(world) == before
    assert only(approved(world, "job-1", token=Secret("foreign"))).changed
    assert ForeignTokens(world).validate_approval_token("foreign") is None


@pytest.mark.parametrize("extends", [False, True])
def test_an_approval_token_of_jobctl_is_good_for_the_service(world: World, extends: bool) -> None:
    awaiting(world, approval_expires_at="2026-03-01T10:00:00+00:00")
    old = token_of("job-1")
    assert ForeignTokens(world).validate_approval_token(old) is None
    value = issued(world, APPROVAL, extends=extends).token.reveal()
    assert ForeignTokens(world).validate_approval_token(value) == "job-1"
    assert (ForeignTokens(world).validate_approval_token(old) == "job-1") is extends


@pytest.mark.parametrize("decide", [approved, denied], ids=["approve", "deny"])
def test_a_decision_makes_the_token_void_for_both(world: World, decide: Callable[..., Any]) -> None:
    awaiting(world)
    value = issued(world, APPROVAL).token.reveal()
    assert only(decide(world, "job-1", token=Secret(value))).changed
    assert ForeignTokens(world).validate_approval_token(value) is None
    with pytest.raises(NotFoundError):
        verify_token(token(value), jobs=world.redis.store)


def test_a_revoked_token_is_void_for_both_and_the_job_can_be_decided_on(world: World) -> None:
    awaiting(world)
    value = issued(world, APPROVAL).token.reveal()
    only(revoke_token(token(value), token_change(world), jobs=world.redis.store))
    assert ForeignTokens(world).validate_approval_token(value) is None
    assert only(approved(world, "job-1")).changed


def test_a_stream_token_of_the_service_is_used_up_by_jobctl(world: World) -> None:
    in_status(world, "processing")
    world.redis.raw.expire(world.redis.keys.job("job-1"), 1234)
    before = contents(world)
    value = ForeignTokens(world).create_stream_token("job-1")
    assert consume(world, value) == "job-1"
    assert ForeignTokens(world).validate_and_consume_stream_token(value) is None
    [record] = records(world)
    assert contents(world) == before | {
        "job:job-1": before["job:job-1"] | {"jobctl_op": record["op_id"]},
        "audit": world.redis.audit(),
    }
    assert (record["action"], record["from"], record["to"]) == (
        "token-consume",
        "processing",
        "processing",
    )
    assert lives(world, timedelta(seconds=1234))


def test_a_stream_token_of_jobctl_is_used_up_by_the_service(world: World) -> None:
    in_status(world, "processing")
    value = issued(world, STREAM).token.reveal()
    assert verify_token(token(value, STREAM), jobs=world.redis.store).job_id == "job-1"
    assert ForeignTokens(world).validate_and_consume_stream_token(value) == "job-1"
    assert isinstance(consume(world, value), NotFoundError)
    with pytest.raises(NotFoundError):
        verify_token(token(value, STREAM), jobs=world.redis.store)


def test_several_stream_tokens_of_a_job_are_used_up_one_by_one(world: World) -> None:
    awaiting(world)
    values = [issued(world, STREAM).token.reveal() for _ in range(3)]
    assert consume(world, values[1]) == "job-1"
    assert [world.redis.raw.exists(token_key(world, one, STREAM)) for one in values] == [1, 0, 1]
    only(revoke_token(token(values[0], STREAM), token_change(world), jobs=world.redis.store))
    assert isinstance(consume(world, values[0]), NotFoundError)
    assert consume(world, values[2]) == "job-1"
    assert world.redis.hash()["approval_token"] == token_of("job-1")


def test_an_approval_token_is_not_used_up_but_by_a_decision(world: World) -> None:
    awaiting(world)
    before = snapshot(world)
    with pytest.raises(InvalidUsageError):
        consume_token(token(token_of("job-1")), token_change(world), jobs=world.redis.store)
    assert snapshot(world) == before


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_of_the_other_kind_or_of_nobody_is_none(world: World, kind: TokenKind) -> None:
    awaiting(world)
    [other] = [one for one in TokenKind if one is not kind]
    values = [issued(world, other).token.reveal(), "nobody's"]
    before = snapshot(world)
    for value in values:
        with pytest.raises(NotFoundError) as caught:
            verify_token(token(value, kind), jobs=world.redis.store)
        assert value not in caught.value.message
        with pytest.raises(NotFoundError):
            revoke_token(token(value, kind), token_change(world), jobs=world.redis.store)
    assert snapshot(world) == before


@pytest.mark.parametrize("start", NOT_AWAITING)
def test_an_approval_token_opens_nothing_once_nothing_is_to_be_decided(
    world: World, start: str | None
) -> None:
    in_status(world, start)
    with pytest.raises(ConflictError, match=start or "unknown"):
        verify_token(token(token_of("job-1")), jobs=world.redis.store)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"approval_token": "newer"}, "another approval token"),
        ({"approval_token": None}, "another approval token"),
        ({"approval_expires_at": "2026-03-01T10:00:00+00:00"}, "expired"),
        ({"approval_expires_at": "2999-03-01T10:00:00"}, "unreadable"),
        ({"approval_expires_at": None}, "no deadline"),
    ],
)
def test_an_approval_token_is_judged_by_the_record(
    world: World, fields: dict[str, str | None], said: str
) -> None:
    awaiting(world, **fields)
    before = snapshot(world)
    with pytest.raises(ConflictError, match=said):
        verify_token(token(token_of("job-1")), jobs=world.redis.store)
    assert snapshot(world) == before


def test_a_superseded_token_that_the_service_left_can_be_revoked(world: World) -> None:
    awaiting(world, approval_token="newer")
    ForeignTokens(world).store_approval_token_mapping("newer", "job-1")
    before = contents(world)
    only(revoke_token(token(token_of("job-1")), token_change(world), jobs=world.redis.store))
    after = contents(world)
    del before[f"approval-token:{token_of('job-1')}"]
    assert after.pop("audit") == world.redis.audit()
    assert after.pop("job:job-1")["approval_token"] == "newer"
    del before["job:job-1"]
    assert after == before


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_of_a_job_that_is_gone_leads_nowhere(world: World, kind: TokenKind) -> None:
    world.redis.raw.set(token_key(world, "left", kind), "nope", ex=100)
    with pytest.raises(NotFoundError, match="nope"):
        verify_token(token("left", kind), jobs=world.redis.store)
    assert world.redis.hash("nope") == {}


def test_stream_tokens_have_nothing_to_do_with_a_decision_in_progress(world: World) -> None:
    awaiting(world)
    world.redis.raw.set(world.redis.keys.approval_lock("job-1"), "processing")
    value = issued(world, TokenKind.STREAM).token.reveal()
    assert consume(world, value) == "job-1"
