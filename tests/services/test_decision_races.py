"""Decisions while somebody else decides, changes the job or its token."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from jobctl.domain.job import Secret
from jobctl.errors import ConflictError
from jobctl.services.operations import Operation, OperationList
from tests.services.deciding import approved, awaiting, denied, only, token_key, token_of
from tests.services.issuing import issued
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, World
from tests.storage.redis_under_test import assert_sound_chain, open_store

Decide = Callable[..., OperationList]
BOTH = [pytest.param(approved, id="approve"), pytest.param(denied, id="deny")]
decides = pytest.mark.parametrize("decide", BOTH)


@decides
def test_a_deadline_that_passes_in_between_is_no_longer_met(world: World, decide: Decide) -> None:
    """The job is read again since somebody else changed it, and judged as it is by then."""
    awaiting(world)
    jobs, key = ObservedJobs(world), world.redis.keys.job("job-1")
    past = {"approval_expires_at": "2026-03-01T10:00:00+00:00", "status": "Awaiting_Approval"}
    jobs.at("apply_all", 1, lambda: world.redis.raw.hset(key, mapping=past))
    operation = only(decide(world, "job-1", jobs=jobs))
    assert isinstance(operation.error, ConflictError)
    assert "expired" in operation.error.message
    assert world.redis.audit() == []


@decides
def test_a_token_that_is_superseded_in_between_opens_nothing(world: World, decide: Decide) -> None:
    awaiting(world)
    jobs, key = ObservedJobs(world), world.redis.keys.job("job-1")
    jobs.at("apply_all", 1, lambda: world.redis.raw.hset(key, "approval_token", "newer"))
    operation = only(decide(world, "job-1", jobs=jobs, token=Secret(token_of("job-1"))))
    assert isinstance(operation.error, ConflictError)
    assert "another approval token" in operation.error.message
    assert world.redis.hash()["status"] == "awaiting_approval"
    assert world.redis.audit() == []


@decides
def test_a_token_that_is_issued_in_between_goes_with_the_decision(
    world: World, decide: Decide
) -> None:
    """The approval service looks at the token and its deadline alone: it would decide again."""
    awaiting(world)
    jobs, tokens = ObservedJobs(world), []
    jobs.at("apply_all", 1, lambda: tokens.append(issued(world).token.reveal()))
    assert only(decide(world, "job-1", jobs=jobs)).changed
    assert "approval_token" not in world.redis.hash()
    assert not world.redis.raw.exists(token_key(world, tokens[0]))
    queued = world.redis.raw.lrange(world.redis.keys.approval_queue, 0, -1)
    assert [one for one in queued if "job-1" in one] == []


def _at_once(world: World, verbs: Sequence[Decide]) -> list[Operation]:
    """Each verb from a connection of its own, all let go together."""
    barrier = Barrier(len(verbs), timeout=60)

    def attempt(decide: Decide) -> Operation:
        store = open_store(world.redis.url, world.redis.keys)
        jobs = ObservedJobs(world, store=store)
        jobs.at("apply_all", 1, barrier.wait)
        try:
            return only(decide(world, "job-1", jobs=jobs))
        finally:
            store.close()

    with ThreadPoolExecutor(len(verbs)) as pool:
        return [*pool.map(attempt, verbs)]


def test_of_opposite_decisions_at_once_one_wins_and_the_document_follows_it(world: World) -> None:
    awaiting(world)
    operations = _at_once(world, [approved, denied] * 3)
    status = world.redis.hash()["status"]
    winners = {one.action for one in operations if one.error is None}
    assert winners == {"approve" if status == "processing_queued" else "deny"}
    assert sum(one.error is None for one in operations) == 3
    decisions = [action for action in world.redis.actions() if action != "deny-cleanup"]
    assert decisions == [*winners]
    kept = {"temp/job-1.pdf"} if status == "processing_queued" else set()
    assert world.keys_in(DOCUMENTS) == kept
    assert world.redis.raw.llen(world.redis.keys.processing_queue) == len(kept)
    assert all(
        isinstance(one.error, ConflictError) and "by dean@example.edu" in one.error.message
        for one in operations
        if one.error is not None
    )
    assert_sound_chain(world.redis.audit())
