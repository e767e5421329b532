"""Very many hashes are read in bursts, and each answer belongs to the key that was asked for."""

import random
from collections.abc import Iterator, Sequence
from math import inf
from typing import Any

import pytest
from redis.exceptions import ConnectionError as LostConnectionError

from jobctl.errors import JobctlError, NotPermittedError, UnavailableError
from jobctl.storage.exchange import BURST
from jobctl.storage.redis_connection import connect, parse_redis_url
from jobctl.storage.redis_reads import RedisReader
from tests.servers.proxy import FaultProxy
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    AT,
    SCORE,
    RedisUnderTest,
    open_store,
    redis_under_test,
)

NAMES = ("id", "absent", "status")
SIZES = (0, 1, BURST - 1, BURST, BURST + 1, 2 * BURST, 5_000)


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


def open_client(url: str) -> Any:
    return connect(parse_redis_url(url), slot_key="any")


@pytest.fixture
def client(under_test: RedisUnderTest) -> Iterator[Any]:
    opened = open_client(under_test.url)
    yield opened
    opened.close()


def write(under_test: RedisUnderTest, names: Sequence[str]) -> list[str]:
    """Hashes that say which they are; their keys."""
    keys = [under_test.keys.job(name) for name in names]
    pipe = under_test.raw.pipeline(transaction=False)
    for key in keys:
        pipe.hset(key, mapping={"id": key, "status": "queued"})
    pipe.execute()
    return keys


def whole(keys: Sequence[str]) -> list[list[str | None]]:
    return [[key, None, "queued"] for key in keys]


@pytest.mark.parametrize("size", SIZES)
def test_each_answer_belongs_to_its_key(under_test: RedisUnderTest, client: Any, size: int) -> None:
    keys = write(under_test, [f"job-{number}" for number in range(size)])
    random.Random(size).shuffle(keys)
    assert RedisReader(client, server="here").fields(keys, NAMES) == whole(keys)


def test_what_is_absent_or_no_hash_is_told_apart_from_its_neighbours(
    under_test: RedisUnderTest, client: Any
) -> None:
    keys = write(under_test, [f"job-{number}" for number in range(1_000)])
    expected = whole(keys)
    for place in range(0, 1_000, 7):
        under_test.raw.delete(keys[place])
        expected[place] = [None, None, None]
    for place in range(1, 1_000, 7):
        under_test.raw.delete(keys[place])
        under_test.raw.rpush(keys[place], "a list")
        expected[place] = [None, None, None]
    assert RedisReader(client, server="here").fields(keys, NAMES) == expected


def test_ids_and_values_beyond_ascii_and_beyond_utf8_are_read(
    under_test: RedisUnderTest, client: Any
) -> None:
    odd = ["jöb-日本-😀", "foreign-\udcff\udcfe", "with space", "line\r\nbreak", "nul\0", ""]
    keys = write(under_test, odd)
    assert RedisReader(client, server="here").fields(keys, NAMES) == whole(keys)


@pytest.mark.parametrize("mode", ["close", "reset", "truncate"])
@pytest.mark.parametrize("place", [0, BURST - 1, BURST, 1_234, 2_999])
def test_a_connection_that_is_lost_in_the_middle_is_read_again(
    under_test: RedisUnderTest, mode: Any, place: int
) -> None:
    keys = write(under_test, [f"job-{number:05}" for number in range(3_000)])
    with FaultProxy(under_test.url) as proxy, open_client(proxy.url) as client:
        proxy.drop_reply(matching=f"job-{place:05}\r\n".encode(), mode=mode)
        assert RedisReader(client, server="here").fields(keys, NAMES) == whole(keys)
        assert len(proxy.dropped) == 1
        assert client.ping() is True


def test_a_server_that_keeps_losing_connections_is_unavailable(
    under_test: RedisUnderTest,
) -> None:
    keys = write(under_test, [f"job-{number:05}" for number in range(300)])
    with FaultProxy(under_test.url) as proxy, open_client(proxy.url) as client:
        reader = RedisReader(client, server="here")
        proxy.drop_reply(matching=b"job-00200\r\n", times=3)
        with pytest.raises(UnavailableError):
            reader.fields(keys, NAMES)
        assert reader.fields(keys, NAMES) == whole(keys)


def test_a_connection_is_given_back_clean_after_an_error(
    under_test: RedisUnderTest, client: Any
) -> None:
    """What was still on its way after the first refusal is nobody's answer later on."""
    keys = write(under_test, [f"job-{number}" for number in range(500)])
    user = f"reader-{under_test.keys.namespace}"
    allowed = [f"~{key}" for key in keys[:100]]
    under_test.raw.execute_command(
        "ACL", "SETUSER", user, "on", ">secret", "+hmget", "+ping", "+hello", "+client", *allowed
    )
    try:
        with connect(parse_redis_url(under_test.url), slot_key="any") as own:
            own.connection_pool.connection_kwargs |= {"username": user, "password": "secret"}
            reader = RedisReader(own, server="here")
            with pytest.raises(NotPermittedError):
                reader.fields(keys, NAMES)
            assert reader.fields(keys[:100], NAMES) == whole(keys[:100])
            assert own.ping() is True
    finally:
        under_test.raw.execute_command("ACL", "DELUSER", user)


def test_a_reader_that_is_interrupted_leaves_no_answers_behind(
    under_test: RedisUnderTest, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = write(under_test, [f"job-{number}" for number in range(1_000)])
    reader = RedisReader(client, server="here")
    connection = client.connection_pool.get_connection()
    client.connection_pool.release(connection)
    read, left = connection.read_response, iter(range(3))

    def interrupted(*args: Any, **options: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return read(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(connection, "read_response", interrupted)
        with pytest.raises(KeyboardInterrupt):
            reader.fields(keys, NAMES)
    assert reader.fields(keys, NAMES) == whole(keys)


def test_glimpse_sees_seven_hundred_jobs_with_one_time_each_once(
    under_test: RedisUnderTest,
) -> None:
    for score, count in ((SCORE, 700), (SCORE + 1, 999), (SCORE + 2, 1_501)):
        members = {f"{score}-{number}": score for number in range(count)}
        under_test.raw.zadd(under_test.keys.index, members)
    found = [one.job_id for page in under_test.store.glimpse() for one in page]
    expected = under_test.raw.zrevrange(under_test.keys.index, 0, -1)
    assert found == expected
    assert len(found) == 3_200


def test_glimpse_loses_nobody_while_jobs_move_and_go(under_test: RedisUnderTest) -> None:
    """Who stays where it was is seen exactly once, whatever happens around it."""
    names = [f"job-{number:05}" for number in range(4_000)]
    tied = {name: SCORE + number // 1_300 for number, name in enumerate(names)}
    under_test.raw.zadd(under_test.keys.index, tied)
    moving = random.Random(1).sample(names, 800)
    found: list[str] = []
    for page in under_test.store.glimpse():
        found += [one.job_id for one in page]
        for name in [moving.pop() for _ in range(min(len(moving), 200))]:
            if name.endswith(("0", "5")):
                under_test.raw.zrem(under_test.keys.index, name)
            else:
                under_test.raw.zadd(under_test.keys.index, {name: SCORE + 50})
    stayed = [
        name for name in names if under_test.raw.zscore(under_test.keys.index, name) == tied[name]
    ]
    counts = {name: found.count(name) for name in stayed}
    assert len(stayed) == 3_200
    assert set(counts.values()) == {1}


def test_glimpse_and_peek_tell_the_stored_texts(under_test: RedisUnderTest) -> None:
    under_test.write_job("whole", approval_expires_at="later", cleanup_state="deleting")
    under_test.raw.hset(under_test.keys.job("unindexed"), "status", "failed")
    under_test.raw.set(under_test.keys.job("no-hash"), "text")
    under_test.raw.zadd(under_test.keys.index, {"no-hash": 5.5, "expired": 4.5})

    whole_one, no_hash, expired = next(iter(under_test.store.glimpse()))
    assert whole_one == (
        "whole", SCORE, True, "queued", AT.isoformat(), AT.isoformat(), "later", "deleting",
    )  # fmt: skip
    assert (no_hash.job_id, no_hash.score, no_hash.is_expired) == ("no-hash", 5.5, False)
    assert no_hash.tells_nothing
    assert (expired.job_id, expired.is_expired) == ("expired", True)

    asked = ["unindexed", "expired", "nobody", "whole"]
    peeked = under_test.store.peek(asked)
    assert [one.job_id for one in peeked] == asked
    assert [one.score for one in peeked] == [-inf, 4.5, -inf, SCORE]
    assert [one.is_expired for one in peeked] == [False, True, True, False]
    assert under_test.store.peek([]) == []


def test_peek_takes_thousands_of_ids_over_a_lost_connection(under_test: RedisUnderTest) -> None:
    names = [f"job-{number:05}" for number in range(2_000)]
    write(under_test, names)
    under_test.raw.zadd(under_test.keys.index, {name: float(name[4:]) for name in names[::2]})
    with FaultProxy(under_test.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        proxy.drop_reply(matching=b"job-01500\r\n", mode="reset", times=2)
        peeked = store.peek(names)
        store.close()
    assert [one.job_id for one in peeked] == names
    assert [one.score for one in peeked[::2]] == [float(name[4:]) for name in names[::2]]
    assert {one.score for one in peeked[1::2]} == {-inf}


def test_an_unreachable_server_is_never_an_empty_answer(under_test: RedisUnderTest) -> None:
    with FaultProxy(under_test.url) as proxy, open_client(proxy.url) as client:
        proxy.refuse()
        with pytest.raises(JobctlError) as caught:
            RedisReader(client, server="here").fields([under_test.keys.job("job-1")], NAMES)
        assert isinstance(caught.value, UnavailableError)
        assert isinstance(caught.value.__cause__, LostConnectionError)
