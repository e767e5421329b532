"""`list`: newest first, filtered before it is limited, and resumed where it ended."""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest

from jobctl.domain.queries import JobFilter
from jobctl.domain.status import JobStatus
from jobctl.errors import InvalidUsageError
from jobctl.services.list_jobs import (
    PAGE_SIZE,
    JobListing,
    ListJobs,
    count_jobs,
    list_jobs,
)
from tests.services.world import World
from tests.storage.redis_under_test import AT, SCORE

SECOND = timedelta(seconds=1)


def listing(world: World, conditions: dict[str, Any] | None = None, **options: Any) -> JobListing:
    request = ListJobs(filter=JobFilter(**(conditions or {})), **options)
    return list_jobs(request, jobs=world.redis.store)


def ids(found: JobListing) -> list[str]:
    return [job.id for job in found]


def write(world: World, count: int, *, tied: bool = False, **fields: str) -> list[str]:
    """*count* jobs, newest first; every third one has failed."""
    pipe = world.redis.raw.pipeline(transaction=False)
    for number in range(count):
        name = f"job-{number:03}"
        status = "queued" if number % 3 else "failed"
        stored = {"job_id": name, "status": status, "updated_at": AT.isoformat()} | fields
        pipe.hset(world.redis.keys.job(name), mapping=stored)
        pipe.expire(world.redis.keys.job(name), 1000)
        pipe.zadd(world.redis.keys.index, {name: SCORE if tied else SCORE + number})
    pipe.execute()
    return [f"job-{number:03}" for number in reversed(range(count))]


def test_jobs_are_listed_from_the_newest_change_back(world: World) -> None:
    names = write(world, 5)
    found = listing(world)
    assert ids(found) == names
    assert (found.shown, found.expired, found.total) == (5, 0, 5)


@pytest.mark.parametrize("limit", [1, 2, 49, 64, 65, 100, 199, 200])
def test_a_limit_cuts_off_and_its_cursor_goes_on(world: World, limit: int) -> None:
    names = write(world, 200, tied=True)
    seen: list[str] = []
    cursor = None
    for _ in range(-(-200 // limit)):
        found = listing(world, limit=limit, cursor=cursor)
        page = ids(found)
        assert len(page) <= limit
        seen += page
        cursor = found.next_cursor
        if cursor is None:
            break
    assert seen == names


@pytest.mark.parametrize(("count", "more"), [(3, True), (4, False), (5, False)])
def test_there_is_a_cursor_only_while_there_are_more(world: World, count: int, more: bool) -> None:
    write(world, 4)
    found = listing(world, limit=count)
    list(found)
    assert (found.next_cursor is not None) == more


def test_the_limit_counts_jobs_that_pass_the_filter(world: World) -> None:
    names = write(world, 300)
    failed = [name for name in names if int(name[-3:]) % 3 == 0]
    found = listing(world, {"statuses": frozenset({JobStatus.FAILED})}, limit=90)
    assert ids(found) == failed[:90]
    assert found.total is None
    rest = listing(
        world,
        {"statuses": frozenset({JobStatus.FAILED})},
        limit=90,
        cursor=found.next_cursor,
    )
    assert ids(rest) == failed[90:]
    assert rest.next_cursor is None


def test_without_a_limit_all_are_listed(world: World) -> None:
    names = write(world, PAGE_SIZE * 3 + 1)
    found = listing(world, limit=None)
    assert ids(found) == names
    assert found.next_cursor is None


def test_expired_entries_are_counted_and_are_no_jobs(world: World) -> None:
    names = write(world, 3)
    world.redis.raw.zadd(world.redis.keys.index, {"ghost-1": SCORE + 9, "ghost-2": SCORE - 9})
    found = listing(world)
    assert ids(found) == names
    assert (found.shown, found.expired) == (3, 2)


def test_ghosts_do_not_use_up_the_limit(world: World) -> None:
    names = write(world, 3)
    ghosts = {f"ghost-{number}": SCORE + 100 for number in range(150)}
    world.redis.raw.zadd(world.redis.keys.index, ghosts)
    assert ids(listing(world, limit=2)) == names[:2]


def test_the_times_bound_the_list_and_its_total(world: World) -> None:
    write(world, 9)
    bounds = {"since": AT + 2 * SECOND, "until": AT + 5 * SECOND}
    found = listing(world, bounds)
    assert ids(found) == ["job-004", "job-003", "job-002"]
    assert found.total == 3


def test_the_times_hold_behind_a_cursor_of_another_list(world: World) -> None:
    write(world, 9)
    first = listing(world, limit=1)
    list(first)
    found = listing(world, {"until": AT + 3 * SECOND}, cursor=first.next_cursor)
    assert ids(found) == ["job-002", "job-001", "job-000"]


def test_a_job_that_changes_while_the_list_is_read_hides_no_other(world: World) -> None:
    names = write(world, PAGE_SIZE * 3)
    seen = []
    for job in listing(world, limit=None):
        seen.append(job.id)
        if len(seen) % 10 == 0:
            world.redis.raw.zadd(world.redis.keys.index, {seen[-1]: SCORE + 10_000})
    assert seen == names


def test_jobs_can_be_sorted_by_creation(world: World) -> None:
    for number, day in enumerate((3, 1, 5, 2)):
        world.redis.write_job(
            f"job-{number}", created_at=f"2026-01-0{day}T00:00:00+00:00", score=SCORE + number
        )
    world.redis.write_job("job-undated", created_at="unreadable", score=SCORE + 99)
    found = listing(world, sort="created", limit=3)
    assert ids(found) == ["job-2", "job-0", "job-3"]
    everything = listing(world, sort="created", limit=50)
    assert ids(everything)[-1] == "job-undated"


@pytest.mark.parametrize("options", [{"limit": None}, {"cursor": "x"}])
def test_sorting_by_creation_needs_a_limit_and_has_no_cursor(
    world: World, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidUsageError):
        listing(world, sort="created", **options)


def encoded(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!",
        "ä",
        "////",
        encoded(None),
        encoded({}),
        encoded([]),
        encoded([1]),
        encoded([1, "a", "b"]),
        encoded(["x", "a"]),
        encoded([None, "a"]),
        encoded([[], "a"]),
        encoded([10**400, "a"]),
        encoded([float("nan"), "a"]),
        urlsafe_b64encode(b"[" * 100_000).decode(),
        urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_malformed_cursor_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(InvalidUsageError):
        list(listing(world, cursor=cursor))


def test_a_cursor_survives_ids_of_every_kind(world: World) -> None:
    names = ["z\udcff", "y:._-", "x" * 128]
    for number, name in enumerate(reversed(names)):
        world.redis.write_job(name, score=SCORE + number)
    seen, cursor = [], None
    for _ in names:
        found = listing(world, limit=1, cursor=cursor)
        seen += ids(found)
        cursor = found.next_cursor
    assert seen == names


def test_a_cursor_keeps_the_score_to_the_last_digit(world: World) -> None:
    scores = [SCORE, SCORE + 2e-7, 0.1, 1e22, -5.5]
    for number, score in enumerate(scores):
        world.redis.raw.zadd(world.redis.keys.index, {f"job-{number}": score})
        world.redis.raw.hset(world.redis.keys.job(f"job-{number}"), "status", "queued")
    first = ids(listing(world, limit=None))
    seen, cursor = [], None
    for _ in scores:
        found = listing(world, limit=1, cursor=cursor)
        seen += ids(found)
        cursor = found.next_cursor
    assert seen == first == ["job-3", "job-1", "job-0", "job-2", "job-4"]


def test_counting_counts_jobs_and_not_ghosts(world: World) -> None:
    write(world, 150)
    world.redis.raw.zadd(world.redis.keys.index, {"ghost": SCORE})
    store = world.redis.store
    everything = ListJobs(filter=JobFilter(), limit=None)
    assert count_jobs(everything, jobs=store).count == 150
    failed = JobFilter(statuses=frozenset({JobStatus.FAILED}))
    assert count_jobs(ListJobs(filter=failed, limit=None), jobs=store).count == 50


def test_an_empty_store_is_an_empty_list(world: World) -> None:
    found = listing(world)
    assert ids(found) == []
    assert (found.total, found.next_cursor) == (0, None)
