"""What stops a change before it begins, and what a change must carry whole."""

from collections.abc import Iterator

import pytest

from jobctl.errors import UnavailableError
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    RedisUnderTest,
    assert_sound_chain,
    change,
    creation,
    redis_under_test,
    window,
)


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("job", "string"),
        ("index", "list"),
        ("deadlines", "string"),
        ("audit", "list"),
        ("lock", "hash"),
        ("processing", "zset"),
        ("approval", "stream"),
    ],
)
@pytest.mark.parametrize("warm", [False, True], ids=["first", "later"])
def test_a_key_of_a_wrong_type_stops_a_change_before_it_begins(
    under_test: RedisUnderTest, key: str, kind: str, warm: bool
) -> None:
    keys, raw = under_test.keys, under_test.raw
    if warm:  # with an audit head in hand the stream is not read beforehand
        under_test.store.apply(creation("job-0"))
    under_test.write_job()
    place = {
        "job": keys.job("job-1"),
        "index": keys.index,
        "deadlines": keys.deadlines,
        "audit": keys.audit,
        "lock": keys.approval_lock("job-1"),
        "processing": keys.processing_queue,
        "approval": keys.approval_queue,
    }[key]
    raw.delete(place)
    match kind:
        case "string":
            raw.set(place, "v")
        case "list":
            raw.rpush(place, "v")
        case "hash":
            raw.hset(place, "f", "v")
        case "zset":
            raw.zadd(place, {"m": 1})
        case _:
            raw.xadd(place, {"f": "v"})
    before = under_test.everything()
    with pytest.raises(UnavailableError):
        under_test.store.apply(
            change(push_processing="p", push_approval="a", removed_fields=("x",), **window())
        )
    assert under_test.everything() == before


@pytest.mark.parametrize("count", [4_000, 20_000])
def test_a_change_of_very_many_fields_is_made_whole_or_not_at_all(
    under_test: RedisUnderTest, count: int
) -> None:
    under_test.write_job()
    before = under_test.everything()
    fields = {f"f{number}": "v" for number in range(count)}
    try:
        under_test.store.apply(change(fields=fields))
    except UnavailableError:
        assert under_test.everything() == before
    else:
        assert fields.items() <= under_test.hash().items()
        assert_sound_chain(under_test.audit())


def test_bytes_that_are_not_utf_8_survive_a_change(under_test: RedisUnderTest) -> None:
    under_test.write_job(status="q\udcff", extra="\udcfe")
    under_test.store.apply(change(expected_status="q\udcff", fields={"summary": "s\udcfd"}))
    stored = under_test.hash()
    assert (stored["status"], stored["extra"], stored["summary"]) == (
        "q\udcff",
        "\udcfe",
        "s\udcfd",
    )
    assert_sound_chain(under_test.audit())
