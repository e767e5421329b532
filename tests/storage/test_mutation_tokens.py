"""Tokens that a change issues, holds or consumes: one bearer gets through, each once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from jobctl.domain.job import Secret
from jobctl.errors import ChangedMeanwhileError, JobctlError
from jobctl.services.ports import Mutation, Token
from tests.servers.proxy import FaultProxy
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    AT,
    SCORE,
    TOKEN,
    RedisUnderTest,
    approval_token,
    assert_sound_chain,
    change,
    open_store,
    redis_under_test,
    stream_token,
    window,
)

FIVE_MINUTES = timedelta(minutes=5)
LATER = AT + timedelta(hours=1)


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        entered.write_job()
        entered.raw.zadd(entered.keys.deadlines, {"job-1": SCORE + 60})
        yield entered


def issue(**changes: Any) -> Mutation:
    """A stream token, as `token issue --kind stream` makes it."""
    values: dict[str, Any] = {
        "action": "token-issue",
        "at": LATER,
        "fields": {},
        "issues": stream_token(),
        "token_lifetime": FIVE_MINUTES,
        "keeps_place": True,
    }
    return change(**(values | changes))


def consumption(token: Token | None = None, **changes: Any) -> Mutation:
    values: dict[str, Any] = {
        "action": "token-consume",
        "at": LATER,
        "fields": {},
        "consumes": token or stream_token(),
        "keeps_place": True,
    }
    return change(**(values | changes))


def bearer(under_test: RedisUnderTest, token: Token | None = None) -> str | None:
    found: str | None = under_test.raw.get(under_test.keys.token(token or stream_token()))
    return found


def give(under_test: RedisUnderTest, job_id: str = "job-1", token: Token | None = None) -> None:
    under_test.raw.set(under_test.keys.token(token or stream_token()), job_id, ex=300)


def surroundings(under_test: RedisUnderTest) -> dict[bytes, object]:
    """All that is neither the trail nor a token, and the record but for its last operation."""
    keys = under_test.keys
    rest = under_test.everything()
    for key in (keys.audit, keys.job("job-1"), keys.token(stream_token())):
        rest.pop(key.encode(), None)
    record = {name: text for name, text in under_test.hash().items() if name != "jobctl_op"}
    return {**rest, b"record": record}


def test_a_stream_token_is_issued_for_its_time_and_the_job_stays_as_it_is(
    under_test: RedisUnderTest,
) -> None:
    before = surroundings(under_test)
    mutation = issue()
    under_test.store.apply(mutation)
    keys, raw = under_test.keys, under_test.raw
    assert bearer(under_test) == "job-1"
    assert 295 <= raw.ttl(keys.token(stream_token())) <= 300
    assert surroundings(under_test) == before
    assert raw.zscore(keys.index, "job-1") == SCORE
    assert raw.zscore(keys.deadlines, "job-1") == SCORE + 60
    assert 990 <= raw.ttl(keys.job("job-1")) <= 1000
    assert under_test.hash()["jobctl_op"] == mutation.op_id
    assert under_test.actions() == ["token-issue"]


def test_a_job_that_keeps_its_place_is_not_brought_into_the_index(
    under_test: RedisUnderTest,
) -> None:
    under_test.raw.zrem(under_test.keys.index, "job-1")
    under_test.store.apply(issue())
    assert under_test.raw.zscore(under_test.keys.index, "job-1") is None
    under_test.store.apply(issue(keeps_place=False))
    assert under_test.raw.zscore(under_test.keys.index, "job-1") == LATER.timestamp()


def test_a_token_is_issued_to_nobody_where_the_job_is_gone(under_test: RedisUnderTest) -> None:
    under_test.raw.delete(under_test.keys.job("job-1"))
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError, match="disappeared"):
        under_test.store.apply(issue())
    assert under_test.everything() == before


@pytest.mark.parametrize("token", [stream_token(), approval_token("left over")])
def test_a_token_is_consumed_and_the_job_stays_as_it_is(
    under_test: RedisUnderTest, token: Token
) -> None:
    before = surroundings(under_test)
    give(under_test, token=token)
    under_test.store.apply(consumption(token))
    assert bearer(under_test, token) is None
    assert surroundings(under_test) == before
    assert under_test.actions() == ["token-consume"]


def test_a_token_is_consumed_once(under_test: RedisUnderTest) -> None:
    give(under_test)
    under_test.store.apply(consumption())
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError, match="used up"):
        under_test.store.apply(consumption())
    assert under_test.everything() == before


def test_of_eight_consumers_at_once_one_gets_through(under_test: RedisUnderTest) -> None:
    give(under_test)

    def consume(_: int) -> bool:
        store = open_store(under_test.url, under_test.keys)
        try:
            store.apply(consumption())
        except ChangedMeanwhileError:
            return False
        finally:
            store.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(consume, range(8))) == 1
    assert under_test.actions() == ["token-consume"]
    assert_sound_chain(under_test.audit())


def test_of_two_consumers_in_one_batch_the_first_gets_through(under_test: RedisUnderTest) -> None:
    give(under_test)
    first, second = under_test.store.apply_all([consumption(), consumption()])
    assert not isinstance(first, JobctlError)
    assert isinstance(second, ChangedMeanwhileError)
    assert under_test.actions() == ["token-consume"]


@pytest.mark.parametrize("holder", ["job-2", "", "job-1 ", "job-10", None])
def test_a_token_that_is_not_this_jobs_is_refused_and_stays(
    under_test: RedisUnderTest, holder: str | None
) -> None:
    if holder is not None:
        give(under_test, holder)
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError, match="another token") as conflict:
        under_test.store.apply(consumption())
    shown = f"{conflict.value!r} {conflict.value.hint}"
    assert stream_token().value.reveal() not in shown
    assert under_test.everything() == before


def test_a_token_of_another_kind_is_refused(under_test: RedisUnderTest) -> None:
    give(under_test, token=approval_token("same"))
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError):
        under_test.store.apply(consumption(stream_token("same")))
    assert under_test.everything() == before


def test_a_token_of_a_wrong_type_changes_nothing_and_is_not_named(
    under_test: RedisUnderTest,
) -> None:
    under_test.raw.rpush(under_test.keys.token(stream_token()), "job-1")
    before = under_test.everything()
    with pytest.raises(JobctlError) as failure:
        under_test.store.apply(consumption())
    assert stream_token().value.reveal() not in f"{failure.value!r} {failure.value.hint}"
    assert under_test.everything() == before


def test_a_consumption_whose_reply_is_lost_is_made_once(
    under_test: RedisUnderTest, any_redis: RedisServer
) -> None:
    """The token is gone by then, which is no reason to say that it never was good."""
    give(under_test)
    with FaultProxy(any_redis.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        proxy.drop_reply(matching=b"EVALSHA")
        assert store.apply(consumption()).replayed
        store.close()
    assert under_test.actions() == ["token-consume"]


@pytest.mark.parametrize("alive", [True, False], ids=["alive", "expired"])
def test_a_token_that_is_held_can_be_issued_again_for_longer(
    under_test: RedisUnderTest, alive: bool
) -> None:
    keys, raw = under_test.keys, under_test.raw
    raw.hset(keys.job("job-1"), "approval_token", TOKEN)
    if alive:
        raw.set(keys.token(approval_token()), "job-1", ex=10)
    under_test.store.apply(change(held_token=Secret(TOKEN), **window()))
    assert bearer(under_test, approval_token()) == "job-1"
    assert 4 * 3600 - 5 <= raw.ttl(keys.token(approval_token())) <= 4 * 3600
    assert raw.zscore(keys.deadlines, "job-1") == SCORE + 4 * 3600


def test_a_new_token_takes_the_place_of_the_one_that_is_held(under_test: RedisUnderTest) -> None:
    under_test.raw.hset(under_test.keys.job("job-1"), "approval_token", TOKEN)
    give(under_test, token=approval_token())
    fields = {"approval_token": "the new one"}
    under_test.store.apply(change(held_token=Secret(TOKEN), fields=fields, **window("the new one")))
    assert bearer(under_test, approval_token()) is None
    assert bearer(under_test, approval_token("the new one")) == "job-1"
    assert under_test.hash()["approval_token"] == "the new one"


def test_of_two_that_replace_the_same_token_one_gets_through(under_test: RedisUnderTest) -> None:
    under_test.raw.hset(under_test.keys.job("job-1"), "approval_token", TOKEN)
    give(under_test, token=approval_token())
    outcomes = under_test.store.apply_all(
        [
            change(held_token=Secret(TOKEN), fields={"approval_token": name}, **window(name))
            for name in ("one", "two")
        ]
    )
    assert isinstance(outcomes[1], ChangedMeanwhileError)
    assert under_test.hash()["approval_token"] == "one"
    assert bearer(under_test, approval_token("two")) is None


def test_no_token_stands_in_the_trail(under_test: RedisUnderTest) -> None:
    under_test.raw.hset(under_test.keys.job("job-1"), "approval_token", TOKEN)
    give(under_test, token=approval_token())
    under_test.store.apply(issue())
    under_test.store.apply(consumption())
    under_test.store.apply(change(held_token=Secret(TOKEN), **window()))
    trail = repr(under_test.audit())
    assert len(under_test.audit()) == 3
    assert TOKEN not in trail
    assert stream_token().value.reveal() not in trail
