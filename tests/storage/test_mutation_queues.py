"""Taking a job's entries out of the queues: the right ones, so many, from the right end."""

import json
from collections.abc import Iterator

import pytest

from jobctl.errors import ChangedMeanwhileError
from jobctl.services.ports import QueueEntry
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    RedisUnderTest,
    approval_entry,
    change,
    processing_entry,
    redis_under_test,
    removal,
)

MINE = json.dumps({"job_id": "job-1", "s3_key": "temp/job-1.pdf"})


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        entered.write_job()
        yield entered


def queues(under_test: RedisUnderTest) -> tuple[list[str], list[str]]:
    """The approval queue and the processing queue."""
    keys, raw = under_test.keys, under_test.raw
    return raw.lrange(keys.approval_queue, 0, -1), raw.lrange(keys.processing_queue, 0, -1)


def fill(under_test: RedisUnderTest, *texts: str) -> None:
    for queue in (under_test.keys.approval_queue, under_test.keys.processing_queue):
        under_test.raw.rpush(queue, *texts)


@pytest.mark.parametrize(
    ("entry", "approval", "processing"),
    [
        (approval_entry(MINE), ["a", "b"], ["a", MINE, "b"]),
        (processing_entry(MINE), ["a", MINE, "b"], ["a", "b"]),
    ],
)
def test_an_entry_is_taken_out_of_its_own_queue_alone(
    under_test: RedisUnderTest, entry: QueueEntry, approval: list[str], processing: list[str]
) -> None:
    fill(under_test, "a", MINE, "b")
    under_test.store.apply(change(drop_queue_entries=(entry,)))
    assert queues(under_test) == (approval, processing)


@pytest.mark.parametrize(
    ("times", "near_end", "left"),
    [
        (1, False, ["a", MINE, "b", MINE]),
        (2, False, ["a", "b", MINE]),
        (3, False, ["a", "b"]),
        (9, False, ["a", "b"]),
        (1, True, [MINE, "a", MINE, "b"]),
        (2, True, [MINE, "a", "b"]),
        (9, True, ["a", "b"]),
    ],
)
def test_so_many_are_taken_out_from_the_end_that_is_near(
    under_test: RedisUnderTest, times: int, near_end: bool, left: list[str]
) -> None:
    fill(under_test, MINE, "a", MINE, "b", MINE)
    entry = approval_entry(MINE, times=times, near_end=near_end)
    under_test.store.apply(change(drop_queue_entries=(entry,)))
    assert queues(under_test) == (left, [MINE, "a", MINE, "b", MINE])


def test_what_stands_in_a_queue_for_another_job_stays(under_test: RedisUnderTest) -> None:
    others = [
        json.dumps({"job_id": "job-10", "s3_key": "temp/job-1.pdf"}),
        json.dumps({"job_id": "job-2", "before": {"job_id": "job-1"}}),
        MINE[:-1],
        "job-1",
    ]
    fill(under_test, *others, MINE, *others)
    found = under_test.store.queue_entries(["job-1"])["job-1"]
    under_test.store.apply(change(drop_queue_entries=found))
    assert queues(under_test) == (others * 2, others * 2)


@pytest.mark.parametrize("before", [0, 1200, 2600])
def test_what_was_found_in_long_queues_is_taken_out_whole(
    under_test: RedisUnderTest, before: int
) -> None:
    foreign = [json.dumps({"job_id": f"job-{number}"}) for number in range(10, 2610)]
    texts = [*foreign[:before], MINE, MINE, *foreign[before:], MINE]
    fill(under_test, *texts)
    found = under_test.store.queue_entries(["job-1"])["job-1"]
    under_test.store.apply(change(drop_queue_entries=found))
    assert queues(under_test) == (foreign, foreign)


def test_very_many_entries_of_one_job_are_taken_out_in_one_step(
    under_test: RedisUnderTest,
) -> None:
    fill(under_test, *(json.dumps({"job_id": "job-1", "n": n}) for n in range(4000)), "x")
    found = under_test.store.queue_entries(["job-1"])["job-1"]
    assert len(found) == 8000
    under_test.store.apply(change(drop_queue_entries=found))
    assert queues(under_test) == (["x"], ["x"])


def test_an_entry_that_a_worker_took_meanwhile_is_no_obstacle(under_test: RedisUnderTest) -> None:
    fill(under_test, "x")
    under_test.store.apply(change(drop_queue_entries=(processing_entry(MINE),)))
    assert queues(under_test) == (["x"], ["x"])


def test_an_entry_whose_bytes_are_not_utf_8_is_taken_out(under_test: RedisUnderTest) -> None:
    text = '{"job_id": "job-1", "name": "\udcff\udcfe"}'
    fill(under_test, text, "x")
    found = under_test.store.queue_entries(["job-1"])["job-1"]
    under_test.store.apply(change(drop_queue_entries=found))
    assert queues(under_test) == (["x"], ["x"])


def test_an_entry_that_is_pushed_in_the_same_step_stays(under_test: RedisUnderTest) -> None:
    """The new entry may read like the one that it takes the place of."""
    fill(under_test, "x", MINE)
    found = under_test.store.queue_entries(["job-1"])["job-1"]
    under_test.store.apply(
        change(drop_queue_entries=found, push_approval=MINE, push_processing=MINE)
    )
    assert queues(under_test) == ([MINE, "x"], [MINE, "x"])


def test_a_refused_change_takes_nothing_out(under_test: RedisUnderTest) -> None:
    fill(under_test, MINE)
    before = under_test.everything()
    refused = change(expected_status="failed", drop_queue_entries=(approval_entry(MINE),))
    with pytest.raises(ChangedMeanwhileError):
        under_test.store.apply(refused)
    assert under_test.everything() == before


def test_a_removal_takes_out_what_it_was_told(under_test: RedisUnderTest) -> None:
    fill(under_test, MINE, "x")
    entries = (processing_entry(MINE), approval_entry(MINE))
    under_test.store.apply(removal(expected_status="queued", drop_queue_entries=entries))
    assert queues(under_test) == (["x"], ["x"])
