"""Walking the index: nothing is lost or repeated by equal times, however the pages fall."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobctl.services.ports import Position
from tests.servers.proxy import FaultProxy
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    AT,
    SCORE,
    RedisUnderTest,
    open_store,
    redis_under_test,
)


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


def walked(under_test: RedisUnderTest, *, page_size: int = 64, **bounds: Any) -> list[str]:
    options: dict[str, Any] = {"since": None, "until": None, "after": None} | bounds
    pages = under_test.store.walk(page_size=page_size, **options)
    return [entry.position.job_id for page in pages for entry in page]


def newest_first(members: dict[str, float]) -> list[str]:
    """The order of a sorted set, reversed: by score, then by the bytes of the member."""
    ordered = sorted(members.items(), key=lambda pair: (pair[1], pair[0].encode()), reverse=True)
    return [member for member, _ in ordered]


def number_jobs(under_test: RedisUnderTest, count: int) -> None:
    members = {f"j{number}": SCORE + number for number in range(count)}
    under_test.raw.zadd(under_test.keys.index, members)


@pytest.mark.parametrize("page_size", [1, 3, 64, 699, 700, 701])
def test_seven_hundred_jobs_with_one_time_are_each_seen_once(
    under_test: RedisUnderTest, page_size: int
) -> None:
    members = {f"job-{number}": SCORE for number in range(700)}
    under_test.raw.zadd(under_test.keys.index, members)
    assert walked(under_test, page_size=page_size) == newest_first(members)


@pytest.mark.parametrize("page_size", [1, 2, 3, 5, 7, 64])
def test_groups_of_equal_times_are_each_seen_once(
    under_test: RedisUnderTest, page_size: int
) -> None:
    members = {f"job-{number}": SCORE + number // 5 for number in range(43)}
    under_test.raw.zadd(under_test.keys.index, members)
    assert walked(under_test, page_size=page_size) == newest_first(members)


def test_pages_have_the_size_asked_for(under_test: RedisUnderTest) -> None:
    under_test.raw.zadd(under_test.keys.index, {f"{number}": number for number in range(10)})
    pages = under_test.store.walk(since=None, until=None, after=None, page_size=4)
    assert [len(page) for page in pages] == [4, 4, 2]


def test_a_page_is_one_round_trip(under_test: RedisUnderTest, any_redis: RedisServer) -> None:
    under_test.raw.zadd(under_test.keys.index, {f"{number}": number // 25 for number in range(100)})
    with FaultProxy(any_redis.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        store.read([])
        before = proxy.requests
        pages = list(store.walk(since=None, until=None, after=None, page_size=10))
        # A record each, one request for the following places a page, and the first page's.
        assert proxy.requests - before == 100 + len(pages) + 1
        store.close()


def test_an_empty_index_has_no_pages(under_test: RedisUnderTest) -> None:
    assert walked(under_test) == []


def test_a_member_whose_record_has_expired_has_no_job(under_test: RedisUnderTest) -> None:
    under_test.write_job("alive")
    under_test.raw.zadd(under_test.keys.index, {"ghost": SCORE - 1})
    [page] = under_test.store.walk(since=None, until=None, after=None, page_size=9)
    assert [(entry.position.job_id, entry.job is None) for entry in page] == [
        ("alive", False),
        ("ghost", True),
    ]


@pytest.mark.parametrize("page_size", [1, 3, 64])
@pytest.mark.parametrize("stop", [0, 1, 6, 7, 8, 13, 19])
def test_a_walk_resumes_behind_any_position_in_the_middle_of_ties(
    under_test: RedisUnderTest, page_size: int, stop: int
) -> None:
    members = {f"job-{number}": SCORE + number // 7 for number in range(20)}
    under_test.raw.zadd(under_test.keys.index, members)
    order = newest_first(members)
    after = Position(score=members[order[stop]], job_id=order[stop])
    assert walked(under_test, page_size=page_size, after=after) == order[stop + 1 :]


def test_a_walk_resumes_behind_a_position_that_is_no_longer_there(
    under_test: RedisUnderTest,
) -> None:
    members = {f"job-{number}": SCORE for number in range(9)}
    under_test.raw.zadd(under_test.keys.index, members)
    under_test.raw.zrem(under_test.keys.index, "job-5")
    after = Position(score=SCORE, job_id="job-5")
    assert walked(under_test, after=after) == ["job-4", "job-3", "job-2", "job-1", "job-0"]


def test_times_are_since_inclusive_and_until_exclusive(under_test: RedisUnderTest) -> None:
    step = timedelta(seconds=1)
    number_jobs(under_test, 6)
    assert walked(under_test, since=AT + 2 * step, until=AT + 4 * step) == ["j3", "j2"]
    assert walked(under_test, since=AT + 5 * step) == ["j5"]
    assert walked(under_test, until=AT) == []


@pytest.mark.parametrize("page_size", [1, 2, 64])
def test_the_bounds_hold_for_a_walk_that_resumes(
    under_test: RedisUnderTest, page_size: int
) -> None:
    step = timedelta(seconds=1)
    number_jobs(under_test, 9)
    bounds: dict[str, Any] = {"since": AT + 2 * step, "until": AT + 6 * step}
    inside = Position(score=SCORE + 4, job_id="j4")
    assert walked(under_test, page_size=page_size, after=inside, **bounds) == ["j3", "j2"]
    newer = Position(score=SCORE + 8, job_id="j8")
    assert walked(under_test, page_size=page_size, after=newer, **bounds) == [
        "j5",
        "j4",
        "j3",
        "j2",
    ]


@pytest.mark.parametrize("page_size", [1, 3, 10])
def test_what_vanishes_or_moves_between_pages_hides_nothing_else(
    under_test: RedisUnderTest, page_size: int
) -> None:
    members = {f"job-{number:02}": SCORE for number in range(40)}
    under_test.raw.zadd(under_test.keys.index, members)
    dice = random.Random(page_size)
    seen: list[str] = []
    gone: set[str] = set()
    for page in under_test.store.walk(since=None, until=None, after=None, page_size=page_size):
        seen += [entry.position.job_id for entry in page]
        # The last one seen, one seen before, and one not yet seen, alternately removed and moved.
        choices = [seen[-1], dice.choice(seen), dice.choice(sorted(members))]
        for place, victim in enumerate(choices):
            gone.add(victim)
            if place % 2:
                under_test.raw.zrem(under_test.keys.index, victim)
            else:
                under_test.raw.zadd(under_test.keys.index, {victim: SCORE + 100 + len(gone)})
    assert len(seen) == len(set(seen))
    assert set(members) - gone <= set(seen)


def test_what_arrives_between_pages_hides_nothing(under_test: RedisUnderTest) -> None:
    members = {f"job-{number:02}": SCORE for number in range(0, 40, 2)}
    under_test.raw.zadd(under_test.keys.index, members)
    seen: list[str] = []
    pages = under_test.store.walk(since=None, until=None, after=None, page_size=3)
    for number, page in enumerate(pages):
        seen += [entry.position.job_id for entry in page]
        newcomers = {f"job-{2 * number + 1:02}": SCORE, f"new-{number}": SCORE + 5}
        under_test.raw.zadd(under_test.keys.index, newcomers)
    assert len(seen) == len(set(seen))
    assert set(members) <= set(seen)


def test_a_walk_in_the_middle_of_many_ties_is_not_searched_from_the_start_each_time(
    under_test: RedisUnderTest, any_redis: RedisServer
) -> None:
    members = {f"job-{number:04}": SCORE for number in range(400)}
    under_test.raw.zadd(under_test.keys.index, members)
    after = Position(score=SCORE, job_id="job-0390")
    with FaultProxy(any_redis.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        pages = list(store.walk(since=None, until=None, after=after, page_size=10))
        assert sum(map(len, pages)) == 390
        searches = proxy.executed(b"ZREVRANGEBYSCORE")
        assert searches <= len(pages) + 20
        store.close()


@pytest.mark.parametrize("seed", range(8))
def test_a_random_index_is_walked_as_python_sorts_it(under_test: RedisUnderTest, seed: int) -> None:
    dice = random.Random(seed)
    alphabet = "abAB09._:-"
    members = {
        "".join(dice.choices(alphabet, k=dice.randint(1, 6))): SCORE + dice.randint(0, 12) / 4
        for _ in range(250)
    }
    under_test.raw.zadd(under_test.keys.index, members)
    since = datetime.fromtimestamp(SCORE + dice.randint(0, 4) / 4, UTC)
    until = datetime.fromtimestamp(SCORE + dice.randint(8, 14) / 4, UTC)
    order = newest_first(members)
    inside = [one for one in order if since.timestamp() <= members[one] < until.timestamp()]
    for page_size in (1, 2, 7, 50, 300):
        assert walked(under_test, page_size=page_size) == order
        assert walked(under_test, page_size=page_size, since=since, until=until) == inside
        stop = dice.choice(inside)
        after = Position(score=members[stop], job_id=stop)
        rest = inside[inside.index(stop) + 1 :]
        found = walked(under_test, page_size=page_size, since=since, until=until, after=after)
        assert found == rest
