"""A status is looked for without reading every job: the result is as if each had been read."""

import random
from typing import Any

import pytest

from jobctl.domain.queries import JobFilter
from jobctl.domain.status import ACTIVE, CANCELLED_MESSAGE, TERMINAL, JobStatus
from jobctl.services.list_jobs import ListJobs, count_jobs, list_jobs
from tests.services.world import World
from tests.storage.redis_under_test import AT, SCORE

STORED = [
    *(status.value for status in JobStatus),
    "FAILED", " Pending ", "finished", "canceled", "timeout", "on_hold", "",
]  # fmt: skip
CANCELLED = [
    {"cancelled_at": AT.isoformat()},
    {"error_message": CANCELLED_MESSAGE},
    {"error": CANCELLED_MESSAGE},
    {"summary": CANCELLED_MESSAGE},
]
FILTERS: list[dict[str, Any]] = [
    {},
    *({"statuses": frozenset({status})} for status in JobStatus),
    {"statuses": TERMINAL},
    {"statuses": ACTIVE, "any_unknown_status": True},
    {"statuses": frozenset({JobStatus.FAILED, JobStatus.QUEUED})},
    {"unknown_statuses": frozenset({"on_hold"})},
]


def populate(world: World, amount: int) -> dict[str, int]:
    """Jobs of all kinds, some with one time, some expired or of no type of a job; their scores."""
    draw, pipe = random.Random(7), world.redis.raw.pipeline(transaction=False)
    scores: dict[str, int] = {}
    for number in range(amount):
        name, key = f"job-{number:04}", world.redis.keys.job(f"job-{number:04}")
        scores[name] = int(SCORE) + number // 3
        pipe.zadd(world.redis.keys.index, {name: scores[name]})
        kind = draw.random()
        if kind < 0.1:
            continue
        if kind < 0.13:
            pipe.rpush(key, "no job")
            continue
        stored = {"job_id": name, "status": draw.choice(STORED), "updated_at": AT.isoformat()}
        if draw.random() < 0.3:
            stored |= draw.choice(CANCELLED)
        pipe.hset(key, mapping=stored)
    pipe.execute()
    return scores


@pytest.mark.parametrize("conditions", FILTERS)
def test_what_is_listed_and_counted_is_what_reading_each_would_find(
    world: World, conditions: dict[str, Any]
) -> None:
    scores = populate(world, 2_300)
    wanted = JobFilter(**conditions)
    records = world.redis.store.read([*scores]).records
    expected = [one.job.id for one in records if one is not None and wanted.admits(one.job)]
    expected.sort(key=lambda name: (scores[name], name), reverse=True)
    request = ListJobs(filter=wanted, limit=None)
    found = list_jobs(request, jobs=world.redis.store)
    assert [job.id for job in found] == expected
    assert count_jobs(request, jobs=world.redis.store).count == len(expected)


@pytest.mark.parametrize("limit", [1, 63, 64, 65, 200])
def test_a_cursor_goes_on_among_those_of_one_status(world: World, limit: int) -> None:
    populate(world, 2_300)
    wanted = JobFilter(statuses=frozenset({JobStatus.CANCELLED}))
    whole = [
        job.id for job in list_jobs(ListJobs(filter=wanted, limit=None), jobs=world.redis.store)
    ]
    seen: list[str] = []
    cursor = None
    while True:
        request = ListJobs(filter=wanted, limit=limit, cursor=cursor)
        found = list_jobs(request, jobs=world.redis.store)
        seen += [job.id for job in found]
        cursor = found.next_cursor
        if cursor is None:
            break
    assert seen == whole
    assert len(whole) > 200
