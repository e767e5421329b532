"""A new index takes the place of the old one, and nothing that others write meanwhile is lost."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from jobctl.errors import ExitCode
from tests.servers.redis_server import RedisServer
from tests.services.indexing import Bench, crowd, opened

# A writer's clock may be as wrong as it likes.
BEHIND = datetime.now(UTC) - timedelta(days=3)


@pytest.fixture
def bench(any_redis: RedisServer, namespace: str) -> Iterator[Bench]:
    with opened(any_redis.url, namespace) as entered:
        yield entered


def _before_the_swap(bench: Bench, happens: Callable[[], None]) -> None:
    """*happens* when every record has been seen, and the old index is still in its place."""
    swap: Callable[[], None] = bench.index.swap

    def late() -> None:
        happens()
        swap()

    bench.index.swap = late


def _late(bench: Bench) -> None:
    bench.redis.write_job("late", score=BEHIND.timestamp(), updated_at=BEHIND.isoformat())


def _kill_behind_the_swap(bench: Bench) -> None:
    take_over = bench.index.take_over

    def killed(_: int) -> tuple[int, int]:
        bench.index.take_over = take_over
        raise KeyboardInterrupt

    bench.index.take_over = killed


def test_a_job_of_a_writer_whose_clock_is_behind_is_not_lost(bench: Bench) -> None:
    expected = crowd(bench, 1_200)
    _before_the_swap(bench, lambda: _late(bench))
    assert bench.run(mode="rebuild").complete
    assert bench.scores() == pytest.approx(expected | {"late": BEHIND.timestamp()}, abs=0.000_01)
    assert bench.own_keys() == set()


def test_a_job_that_is_deleted_meanwhile_does_not_come_back(bench: Bench) -> None:
    expected = crowd(bench, 1_200)

    def delete() -> None:
        bench.redis.raw.delete(bench.redis.keys.job("job-00007"))
        bench.forget("job-00007")

    _before_the_swap(bench, delete)
    report = bench.run(mode="rebuild")
    assert report.pruned == 1
    del expected["job-00007"]
    assert bench.scores() == expected


def test_a_record_that_goes_while_its_entry_is_taken_over_leaves_none(bench: Bench) -> None:
    expected = crowd(bench, 5)
    _before_the_swap(bench, lambda: _late(bench))
    take_over = bench.index.take_over

    def and_gone(cursor: int) -> tuple[int, int]:
        done: tuple[int, int] = take_over(cursor)
        bench.redis.raw.delete(bench.redis.keys.job("late"))
        return done

    bench.index.take_over = and_gone
    bench.run(mode="rebuild")
    assert bench.scores() == expected


def test_ghosts_that_a_rebuilding_drops_are_counted_and_recorded(bench: Bench) -> None:
    expected = crowd(bench, 5)
    bench.redis.raw.zadd(bench.redis.keys.index, {"ghost-1": 7, "ghost-2": 8})
    report = bench.run(mode="rebuild")
    assert (report.missing, report.pruned, bench.scores()) == (0, 2, expected)
    summaries = [entry["summary"] for _, entry in bench.redis.audit()]
    assert summaries == ["rebuild", "rebuild: 5 records, 0 added, 0 raised, 2 pruned"]


@pytest.mark.parametrize("following", ["repair", "rebuild"])
def test_a_rebuilding_that_is_killed_behind_the_swap_is_finished_by_any_run(
    bench: Bench, following: str
) -> None:
    expected = crowd(bench, 50)
    bench.redis.raw.hdel(bench.redis.keys.job("job-00003"), "updated_at", "created_at")
    # Only the old index knows the times of these.
    bench.redis.raw.zadd(bench.redis.keys.index, {"job-00001": BEHIND.timestamp()})
    _before_the_swap(bench, lambda: _late(bench))
    _kill_behind_the_swap(bench)
    with pytest.raises(KeyboardInterrupt):
        bench.run(mode="rebuild")
    assert "late" not in bench.scores()
    assert [bench.redis.raw.ttl(key) for key in bench.own_keys()] == [-1]

    assert bench.run(mode=following).complete
    expected |= {"late": BEHIND.timestamp(), "job-00001": BEHIND.timestamp()}
    assert bench.scores() == pytest.approx(expected, abs=0.000_01)
    assert bench.own_keys() == set()


def test_a_rebuilding_that_is_stopped_behind_the_swap_says_so(bench: Bench) -> None:
    crowd(bench, 3_000)
    swapped: list[bool] = []
    _before_the_swap(bench, lambda: swapped.append(True))
    report = bench.run(
        mode="rebuild", interrupted=lambda: ExitCode.INTERRUPTED if swapped else None
    )
    assert (report.complete, report.exit_code) == (False, ExitCode.INTERRUPTED)
    assert bench.redis.audit()[-1][1]["summary"].endswith("; stopped before its end")
    assert len(bench.own_keys()) == 1
    bench.index.swap = lambda: pytest.fail("a repair swaps nothing")
    assert bench.run().complete
    assert bench.own_keys() == set()
