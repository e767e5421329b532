"""Tokens while others use them, issue others, or decide."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from jobctl.errors import ConflictError, JobctlError, NotFoundError
from jobctl.services.ports import TokenKind
from tests.services.deciding import awaiting, token_key, token_of
from tests.services.issuing import consume, issued
from tests.services.observed import ObservedJobs
from tests.services.world import World
from tests.storage.redis_under_test import open_store

STREAM = TokenKind.STREAM


@pytest.mark.parametrize("extends", [False, True])
def test_a_job_that_is_decided_in_between_gets_no_token(world: World, extends: bool) -> None:
    awaiting(world)
    jobs, key = ObservedJobs(world), world.redis.keys.job("job-1")
    jobs.at("apply", 1, lambda: world.redis.raw.hset(key, "status", "denied"))
    with pytest.raises(ConflictError):
        issued(world, jobs=jobs, extends=extends)
    assert world.redis.raw.keys(token_key(world, "*")) == [token_key(world, token_of("job-1"))]
    assert world.redis.audit() == []


@pytest.mark.parametrize("other_extends", [False, True])
@pytest.mark.parametrize("extends", [False, True])
def test_of_tokens_that_are_issued_at_once_the_one_in_the_record_is_good_and_no_other(
    world: World, extends: bool, other_extends: bool
) -> None:
    """The approval service honours every token that has a key and leads to the job."""
    awaiting(world)
    jobs = ObservedJobs(world)
    jobs.at("apply", 1, lambda: issued(world, extends=other_extends))
    with nullcontext() if other_extends else pytest.raises(ConflictError):
        issued(world, jobs=jobs, extends=extends)
    good = token_key(world, world.redis.hash()["approval_token"])
    assert world.redis.raw.keys(token_key(world, "*")) == [good]


def test_of_those_that_use_a_stream_token_at_once_one_gets_through(world: World) -> None:
    awaiting(world)
    value = issued(world, STREAM).token.reveal()

    def attempt(_: int) -> str | JobctlError:
        store = open_store(world.redis.url, world.redis.keys)
        try:
            return consume(world, value, store)
        finally:
            store.close()

    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(attempt, range(8))]
    assert found.count("job-1") == 1
    refused = [one for one in found if one != "job-1"]
    assert all(isinstance(one, NotFoundError | ConflictError) for one in refused)
    assert world.redis.actions() == ["token-issue", "token-consume"]


def test_a_stream_token_that_the_service_uses_in_between_is_not_used_again(world: World) -> None:
    awaiting(world)
    value = issued(world, STREAM).token.reveal()
    jobs, key = ObservedJobs(world), token_key(world, value, STREAM)
    jobs.at("apply", 1, lambda: world.redis.raw.getdel(key))
    assert isinstance(consume(world, value, jobs), ConflictError)
    assert world.redis.actions() == ["token-issue"]


def test_a_token_that_leads_to_another_job_by_now_is_not_used_for_the_first(world: World) -> None:
    awaiting(world)
    awaiting(world, "job-2")
    value = issued(world, STREAM).token.reveal()
    jobs, key = ObservedJobs(world), token_key(world, value, STREAM)
    jobs.at("apply", 1, lambda: world.redis.raw.set(key, "job-2"))
    assert isinstance(consume(world, value, jobs), ConflictError)
    assert world.redis.raw.get(key) == "job-2"
