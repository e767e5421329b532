"""Finding the entries of jobs in the queues, which others change at the same time."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import pytest

from jobctl.errors import UnavailableError
from jobctl.services.ports import QueueEntry
from jobctl.storage.redis_queues import QueueReader
from tests.servers.proxy import FaultProxy
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    RedisUnderTest,
    approval_entry,
    open_store,
    processing_entry,
    redis_under_test,
)

MINE = json.dumps({"job_id": "job-1"})


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


def foreign(amount: int, begin: int = 10) -> list[str]:
    return [json.dumps({"job_id": f"job-{number}"}) for number in range(begin, begin + amount)]


def entries_of(under_test: RedisUnderTest, job_id: str = "job-1") -> list[QueueEntry]:
    return list(under_test.store.queue_entries([job_id])[job_id])


@pytest.mark.parametrize(
    "before", [1, 496, 500, 797, 799, 800, 801, 999, 1000, 1001, 1799, 1800, 2500]
)
def test_entries_are_found_wherever_they_are_in_a_long_queue(
    under_test: RedisUnderTest, before: int
) -> None:
    mine = [json.dumps({"job_id": "job-1", "n": number}) for number in range(2)]
    queue = under_test.keys.approval_queue
    under_test.raw.rpush(queue, *foreign(before), mine[0], "job-1", "{", mine[1])
    found = entries_of(under_test)
    assert [(entry.queue, entry.text) for entry in found] == [("approval", text) for text in mine]


def test_both_queues_are_searched(under_test: RedisUnderTest) -> None:
    keys, raw = under_test.keys, under_test.raw
    raw.lpush(keys.approval_queue, MINE)
    raw.lpush(keys.processing_queue, MINE)
    assert entries_of(under_test) == [approval_entry(MINE), processing_entry(MINE)]


def test_the_entries_of_several_jobs_are_found_each_with_its_own(
    under_test: RedisUnderTest,
) -> None:
    keys, raw = under_test.keys, under_test.raw
    raw.rpush(keys.approval_queue, *foreign(2500))
    raw.rpush(keys.processing_queue, *foreign(3), MINE)
    ids = ["job-10", "job-2509", "job-1", "job-3", "job-10"]
    found = under_test.store.queue_entries(iter(ids))
    assert found == {
        "job-10": (approval_entry(foreign(1)[0]), processing_entry(foreign(1)[0])),
        "job-2509": (approval_entry(foreign(1, 2509)[0], near_end=True),),
        "job-1": (processing_entry(MINE, near_end=True),),
        "job-3": (),
    }


def test_no_job_has_no_entries(under_test: RedisUnderTest) -> None:
    under_test.raw.rpush(under_test.keys.processing_queue, MINE)
    assert under_test.store.queue_entries([]) == {}


def test_the_queues_are_read_once_however_many_jobs_are_asked_for(
    under_test: RedisUnderTest, any_redis: RedisServer
) -> None:
    under_test.raw.rpush(under_test.keys.processing_queue, *foreign(2500))
    with FaultProxy(any_redis.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        found = store.queue_entries([f"job-{number}" for number in range(10, 2510)])
        store.close()
        assert proxy.executed(b"LRANGE") == 3
    assert all(entries for entries in found.values())
    assert len(found) == 2500


@pytest.mark.parametrize(
    ("place", "near_end"), [(0, False), (40, False), (50, False), (51, True), (100, True)]
)
def test_an_entry_says_from_which_end_it_is_sooner_found(
    under_test: RedisUnderTest, place: int, near_end: bool
) -> None:
    texts = foreign(100)
    texts.insert(place, MINE)
    under_test.raw.rpush(under_test.keys.processing_queue, *texts)
    assert entries_of(under_test) == [processing_entry(MINE, near_end=near_end)]


@pytest.mark.parametrize("copies", [1, 2, 7])
def test_equal_entries_are_counted(under_test: RedisUnderTest, copies: int) -> None:
    under_test.raw.rpush(under_test.keys.approval_queue, *[MINE, "x"] * copies)
    [entry] = entries_of(under_test)
    assert (entry.text, entry.times) == (MINE, copies)


def test_equal_entries_in_a_long_queue_are_never_counted_too_few(
    under_test: RedisUnderTest,
) -> None:
    texts = foreign(2500)
    for place in (2400, 1700, 950, 850, 0):
        texts.insert(place, MINE)
    under_test.raw.rpush(under_test.keys.approval_queue, *texts)
    [entry] = entries_of(under_test)
    assert entry.times >= 5


def test_queues_of_a_wrong_type_are_unavailable(under_test: RedisUnderTest) -> None:
    under_test.raw.set(under_test.keys.approval_queue, "not a list")
    with pytest.raises(UnavailableError):
        under_test.store.queue_entries(["job-1"])


@pytest.mark.parametrize(
    "entry",
    [
        "job-1",
        '"job-1"',
        '["job-1"]',
        '{"job_id": "job-10"}',
        '{"job_id": ["job-1"]}',
        '{"other": "job-1"}',
        '{"job_id": "job-1"',
        '{"job_id": "job-2", "s3_key": "temp/job-1.pdf"}',
        '{"job_id": "job-2", "before": {"job_id": "job-1"}}',
        '[{"job_id": "job-1"}]',
        "[" * 50_000 + '"job_id": "job-1"',
        '\udcff"job_id": "job-1"',
        "",
    ],
)
@pytest.mark.parametrize("more", [(), ("job-9",)], ids=["one id", "several ids"])
def test_an_entry_that_only_mentions_the_job_is_not_its_own(
    under_test: RedisUnderTest, entry: str, more: tuple[str, ...]
) -> None:
    under_test.raw.lpush(under_test.keys.processing_queue, entry)
    found = under_test.store.queue_entries(["job-1", *more])
    assert set(found.values()) == {()}


@pytest.mark.parametrize(
    "entry",
    [
        '{"job_id" : "job-1"}',
        '{"x": "\\u00e9", "job_id": "job-1"}',
        '{"x":"é","job_id":"job-1"}',
        '{"x": "\udcff", "job_id": "job-1"}',
        '{"next": {"job_id": "job-2"}, "job_id": "job-1"}',
    ],
)
@pytest.mark.parametrize("more", [(), ("job-9",)], ids=["one id", "several ids"])
def test_an_entry_is_recognised_however_its_json_is_written(
    under_test: RedisUnderTest, entry: str, more: tuple[str, ...]
) -> None:
    under_test.raw.lpush(under_test.keys.processing_queue, entry)
    found = under_test.store.queue_entries(["job-1", *more])
    assert found["job-1"] == (processing_entry(entry),)


class Meddling:
    """Words for the server, with something happening before certain pages are read."""

    def __init__(self, raw: Any, before: Mapping[int, Callable[[], object]]) -> None:
        self._raw = raw
        self._before = before
        self._numbers = count(1)
        self.pages = 0

    def __call__(self, *words: Any) -> Any:
        if words[0] == "LRANGE":
            self.pages = next(self._numbers)
            self._before.get(self.pages, lambda: None)()
        return self._raw.execute_command(*words)


LENGTH = 3000
# How others move what has not been read yet, the first page of 1,000 being read.
MEDDLING: dict[str, Callable[[Any, str], object]] = {
    "workers take the last ones": lambda raw, key: raw.rpop(key, 150),
    "others put some in front": lambda raw, key: raw.lpush(key, *foreign(300, 9000)),
    "others put very many in front": lambda raw, key: raw.lpush(key, *foreign(5000, 9000)),
    "others take out a few": lambda raw, key: raw.ltrim(key, 100, -1),
    "others take out as many as overlap": lambda raw, key: raw.ltrim(key, 200, -1),
    "others take out more than overlap": lambda raw, key: raw.ltrim(key, 201, -1),
    "others take out all that was read": lambda raw, key: raw.ltrim(key, 1000, -1),
    "others take out the last that was read": lambda raw, key: raw.lrem(
        key, 1, foreign(1, 1009)[0]
    ),
    "others take some out and put some in": lambda raw, key: (
        raw.ltrim(key, 300, -1),
        raw.lpush(key, *foreign(250, 9000)),
    ),
}


@pytest.mark.parametrize("page", [2, 3])
@pytest.mark.parametrize("kind", list(MEDDLING))
def test_an_entry_that_moves_while_it_is_looked_for_is_not_missed(
    under_test: RedisUnderTest, kind: str, page: int
) -> None:
    """Every job that still has its entry at the end has been found, wherever it stood."""
    key, raw = under_test.keys.processing_queue, under_test.raw
    raw.rpush(key, *foreign(LENGTH))
    ask = Meddling(raw, {page: lambda: MEDDLING[kind](raw, key)})
    wanted = [f"job-{number}" for number in range(10, 10 + LENGTH)]
    found = QueueReader(under_test.keys, ask).entries_of(wanted)
    left = {json.loads(text)["job_id"] for text in raw.lrange(key, 0, -1)} & set(wanted)
    assert left
    assert {job_id for job_id in left if not found[job_id]} == set()


def test_an_entry_is_found_though_the_queue_is_in_constant_use(
    under_test: RedisUnderTest,
) -> None:
    key, raw = under_test.keys.processing_queue, under_test.raw
    raw.rpush(key, *foreign(LENGTH))

    def use() -> None:
        raw.rpop(key, 60)
        raw.ltrim(key, 150, -1)
        raw.lpush(key, *foreign(40, 9000))

    wanted = [f"job-{number}" for number in range(10, 10 + LENGTH)]
    ask = Meddling(raw, dict.fromkeys(range(1, 1000), use))
    found = QueueReader(under_test.keys, ask).entries_of(wanted)
    left = {json.loads(text)["job_id"] for text in raw.lrange(key, 0, -1)} & set(wanted)
    assert left
    assert {job_id for job_id in left if not found[job_id]} == set()


def test_a_queue_that_never_holds_still_is_not_read_for_ever(under_test: RedisUnderTest) -> None:
    key, raw = under_test.keys.processing_queue, under_test.raw
    raw.rpush(key, *foreign(LENGTH))

    def churn() -> None:
        raw.ltrim(key, 400, -1)
        raw.rpush(key, *foreign(400, 9000))

    ask = Meddling(raw, dict.fromkeys(range(1, 1000), churn))
    QueueReader(under_test.keys, ask).entries_of(["job-1"])
    assert 5 < ask.pages < 50
