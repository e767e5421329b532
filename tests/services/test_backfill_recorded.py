"""Nothing of the index is changed before it is recorded that it will be."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from jobctl.errors import ExitCode, JobctlError, PartlyDoneError, UnavailableError
from tests.servers.redis_server import RedisServer
from tests.services.indexing import Bench, crowd, damaged, opened


@pytest.fixture
def bench(any_redis: RedisServer, namespace: str) -> Iterator[Bench]:
    with opened(any_redis.url, namespace) as entered:
        yield entered


def _no_trail(bench: Bench) -> None:
    bench.redis.raw.delete(bench.redis.keys.audit)
    bench.redis.raw.set(bench.redis.keys.audit, "something else")


@pytest.mark.parametrize(
    "changes", [{}, {"prune": True}, {"mode": "rebuild"}], ids=["repair", "prune", "rebuild"]
)
def test_without_a_trail_nothing_is_changed(bench: Bench, changes: dict[str, Any]) -> None:
    damaged(bench)
    _no_trail(bench)
    before = bench.redis.everything()
    with pytest.raises(UnavailableError):
        bench.run(**changes)
    assert bench.redis.everything() == before


def test_a_prune_without_any_repair_is_recorded_first(bench: Bench) -> None:
    crowd(bench, 5)
    bench.redis.raw.zadd(bench.redis.keys.index, {"ghost": 7})
    seen: list[list[str]] = []
    prune = bench.index.prune

    def observed(job_ids: Sequence[str]) -> int:
        seen.append(bench.redis.actions())
        pruned: int = prune(job_ids)
        return pruned

    bench.index.prune = observed
    bench.run(prune=True)
    assert seen == [["backfill-index-begin"]]
    assert bench.redis.actions() == ["backfill-index-begin", "backfill-index"]


def test_a_trail_that_is_lost_behind_the_swap_does_not_say_that_nothing_changed(
    bench: Bench,
) -> None:
    damaged(bench)
    drop = bench.index.drop_retired

    def and_lose() -> None:
        drop()
        _no_trail(bench)

    bench.index.drop_retired = and_lose
    with pytest.raises(PartlyDoneError) as failed:
        bench.run(mode="rebuild")
    assert failed.value.exit_code is ExitCode.PARTIAL
    assert "nothing was changed" not in failed.value.message
    assert "could not be recorded" in failed.value.message


@pytest.mark.parametrize("repaired", [True, False])
def test_nothing_was_changed_is_said_only_when_it_is_true(bench: Bench, repaired: bool) -> None:
    crowd(bench, 5)
    if repaired:
        bench.forget("job-00001")
    bench.redis.raw.zadd(bench.redis.keys.index, {"ghost": 7})

    def refused(_: Sequence[str]) -> int:
        raise UnavailableError("Redis is full; nothing was changed")

    bench.index.prune = refused
    with pytest.raises(JobctlError) as failed:
        bench.run(prune=True)
    assert isinstance(failed.value, PartlyDoneError) is repaired
    assert ("nothing was changed" in failed.value.message) is not repaired
