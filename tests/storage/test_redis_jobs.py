"""Reading jobs: records with what surrounds them, ids by prefix, totals and token holders."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from jobctl.errors import UnavailableError
from jobctl.services.ports import Token, TokenHolder
from tests.servers.proxy import FaultProxy
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    AT,
    SCORE,
    TOKEN,
    RedisUnderTest,
    approval_token,
    open_store,
    redis_under_test,
    stream_token,
)


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


def test_a_job_is_read_with_expiry_score_and_deadline(under_test: RedisUnderTest) -> None:
    under_test.write_job(ttl=500)
    under_test.raw.zadd(under_test.keys.deadlines, {"job-1": SCORE + 60})
    [record] = under_test.store.read(["job-1"]).records
    assert record is not None
    assert record.job.id == "job-1"
    assert record.ttl is not None
    assert timedelta(seconds=490) <= record.ttl <= timedelta(seconds=500)
    assert record.indexed_at == AT
    assert record.deadline == AT + timedelta(seconds=60)


def test_what_does_not_surround_a_job_is_none(under_test: RedisUnderTest) -> None:
    under_test.raw.hset(under_test.keys.job("job-1"), "status", "processing")
    [record] = under_test.store.read(["job-1"]).records
    assert record is not None
    assert (record.ttl, record.indexed_at, record.deadline) == (None, None, None)


def test_the_time_is_the_servers(under_test: RedisUnderTest) -> None:
    seconds, microseconds = under_test.raw.time()
    before = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)
    now = under_test.store.read([]).now
    assert before <= now <= before + timedelta(seconds=5)
    assert now.tzinfo is UTC


def test_records_come_in_the_order_asked_for_and_none_for_the_unknown(
    under_test: RedisUnderTest,
) -> None:
    for name in ("a", "b"):
        under_test.write_job(name)
    records = under_test.store.read(["b", "nope", "a", "b"]).records
    assert [record.job.id if record else None for record in records] == ["b", None, "a", "b"]


@pytest.mark.parametrize("count", [0, 1, 200])
def test_reading_asks_twice_a_job_and_twice_for_all(
    under_test: RedisUnderTest, any_redis: RedisServer, count: int
) -> None:
    with FaultProxy(any_redis.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        store.read([])  # the connection is there
        before = proxy.requests
        store.read([f"job-{number}" for number in range(count)])
        assert proxy.requests - before == 1 + 2 * count + (2 if count else 0)
        store.close()


def test_a_read_whose_reply_is_lost_is_made_again(
    under_test: RedisUnderTest, any_redis: RedisServer
) -> None:
    under_test.write_job()
    with FaultProxy(any_redis.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        proxy.drop_reply(matching=b"HGETALL", times=2)
        assert store.read(["job-1"]).records[0] is not None
        proxy.drop_reply(matching=b"HGETALL", times=9)
        with pytest.raises(UnavailableError):
            store.read(["job-1"])
        store.close()


@pytest.mark.parametrize("score", [1e13, 1e18, -1e18, float("inf"), float("-inf")])
@pytest.mark.parametrize("place", ["index", "deadlines"])
def test_an_absurd_score_of_a_foreign_service_breaks_nothing(
    under_test: RedisUnderTest, place: str, score: float
) -> None:
    under_test.write_job()
    under_test.raw.zadd(getattr(under_test.keys, place), {"job-1": score})
    [record] = under_test.store.read(["job-1"]).records
    assert record is not None
    assert record.job.id == "job-1"


def test_ids_and_values_that_are_not_utf_8_are_read(under_test: RedisUnderTest) -> None:
    under_test.write_job("job-\udcff", team="\udcfe")
    [record] = under_test.store.read(["job-\udcff"]).records
    assert record is not None
    assert record.job.extra["team"] == "\udcfe"
    [page] = under_test.store.walk(since=None, until=None, after=None, page_size=9)
    assert [entry.job.id for entry in page if entry.job] == ["job-\udcff"]


def test_a_record_of_a_wrong_type_is_named_and_hides_no_other(under_test: RedisUnderTest) -> None:
    under_test.write_job("job-0")
    under_test.write_job("job-1")
    under_test.raw.delete(under_test.keys.job("job-1"))
    under_test.raw.set(under_test.keys.job("job-1"), "not a hash")
    good, bad = under_test.store.read(["job-0", "job-1"]).records
    assert good is not None
    assert good.job.problems == ()
    assert bad is not None
    assert bad.job.problems == ("the record is not a hash",)
    assert (bad.job.status, bad.job.is_terminal) == (None, False)
    [page] = under_test.store.walk(since=None, until=None, after=None, page_size=9)
    assert {entry.position.job_id for entry in page} == {"job-0", "job-1"}


@pytest.mark.parametrize("place", ["index", "deadlines"])
def test_an_index_of_a_wrong_type_is_unavailable(under_test: RedisUnderTest, place: str) -> None:
    under_test.write_job()
    key = getattr(under_test.keys, place)
    under_test.raw.delete(key)
    under_test.raw.set(key, "not a sorted set")
    with pytest.raises(UnavailableError):
        under_test.store.read(["job-1"])
    if place == "index":
        with pytest.raises(UnavailableError):
            list(under_test.store.walk(since=None, until=None, after=None, page_size=9))
        for ask in (under_test.store.total, lambda: under_test.store.find("job-12345")):
            with pytest.raises(UnavailableError):
                ask()


def test_an_id_is_found_by_its_beginning(under_test: RedisUnderTest) -> None:
    under_test.raw.zadd(under_test.keys.index, {f"{n:04}-job": n for n in range(3000)})
    assert under_test.store.find("0042-job") == ("0042-job",)
    assert under_test.store.find("0042") == ("0042-job",)
    assert under_test.store.find("4242") == ()
    assert under_test.store.find("job") == ()
    several = under_test.store.find("004")
    assert len(several) == 2
    assert all(one.startswith("004") for one in several)


def test_the_total_counts_since_inclusive_and_until_exclusive(under_test: RedisUnderTest) -> None:
    under_test.raw.zadd(under_test.keys.index, {"a": SCORE - 1, "b": SCORE, "c": SCORE + 1})
    store = under_test.store
    assert store.total() == 3
    assert store.total(since=AT) == 2
    assert store.total(until=AT) == 1
    assert store.total(since=AT, until=AT) == 0
    assert store.total(since=AT, until=AT + timedelta(microseconds=1)) == 1
    assert store.total(since=AT + timedelta(microseconds=1)) == 1


@pytest.mark.parametrize("token", [approval_token("t"), stream_token("t")])
def test_a_token_leads_to_its_job_for_as_long_as_it_is_good(
    under_test: RedisUnderTest, token: Token
) -> None:
    key = under_test.keys.token(token)
    assert under_test.store.token_holder(token) is None
    under_test.raw.set(key, "job-1")
    assert under_test.store.token_holder(token) == TokenHolder(job_id="job-1", ttl=None)
    under_test.raw.expire(key, 300)
    holder = under_test.store.token_holder(token)
    assert holder is not None
    assert holder.ttl is not None
    assert timedelta(seconds=290) <= holder.ttl <= timedelta(seconds=300)


def test_a_token_is_good_for_its_own_kind_alone(under_test: RedisUnderTest) -> None:
    under_test.raw.set(under_test.keys.token(stream_token("t")), "job-1")
    assert under_test.store.token_holder(approval_token("t")) is None


@pytest.mark.parametrize("text", ["t\udcff", "漢字", "a b", "*", "x" * 512])
def test_a_token_of_any_text_can_be_asked_for(under_test: RedisUnderTest, text: str) -> None:
    token = stream_token(text)
    assert under_test.store.token_holder(token) is None
    under_test.raw.set(under_test.keys.token(token), "job-\udcff")
    assert under_test.store.token_holder(token) == TokenHolder(job_id="job-\udcff", ttl=None)


def test_a_token_of_a_wrong_type_is_unavailable_and_stays_unnamed(
    under_test: RedisUnderTest,
) -> None:
    under_test.raw.lpush(under_test.keys.token(approval_token()), "job-1")
    with pytest.raises(UnavailableError) as failure:
        under_test.store.token_holder(approval_token())
    assert TOKEN not in f"{failure.value.message} {failure.value.hint}"
