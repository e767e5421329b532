"""Many jobs while others change some of them, or the approval service holds them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest

from jobctl.errors import (
    ChangedMeanwhileError,
    ConflictError,
    ExitCode,
    HeldError,
    UnavailableError,
)
from tests.services.deciding import approved, awaiting, cancelled, only, snapshot
from tests.services.observed import ObservedJobs
from tests.services.world import World

DOWN = UnavailableError("redis is gone")
ENOUGH = 50  # looks: nobody looks so often


def written(world: World, job_id: str, status: str) -> Callable[[], object]:
    """What another writer does in between."""
    return lambda: world.redis.raw.hset(world.redis.keys.job(job_id), "status", status)


def restless(world: World, jobs: ObservedJobs, job_id: str) -> Callable[[], object]:
    """Another writer who never leaves the job alone."""

    def write() -> None:
        assert jobs.calls["apply_all"] < ENOUGH, "no end in sight"
        written(world, job_id, f"turn {jobs.calls['apply_all']}")()

    return write


def held(world: World, job_id: str) -> str:
    lock = world.redis.keys.approval_lock(job_id)
    world.redis.raw.set(lock, "processing")
    return lock


@contextmanager
def released_later(world: World, lock: str, when: Event) -> Iterator[None]:
    def release() -> None:
        assert when.wait(60)
        world.redis.raw.delete(lock)

    thread = Thread(target=release)
    thread.start()
    try:
        yield
    finally:
        when.set()
        thread.join()


def test_a_job_that_is_changed_in_between_is_looked_at_again_and_keeps_its_turn(
    world: World,
) -> None:
    for job_id in ("job-1", "job-2", "job-3"):
        world.redis.write_job(job_id)
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, written(world, "job-1", "processing"))
    operations = [*cancelled(world, "job-1", "job-2", "job-3", jobs=jobs)]
    assert [one.id for one in operations] == ["job-1", "job-2", "job-3"]
    assert [one.changed for one in operations] == [True] * 3
    assert [one.previous_status for one in operations] == ["processing", "queued", "queued"]
    assert [mutation.job_id for mutation in jobs.applied] == ["job-1", "job-2", "job-3", "job-1"]
    assert len(world.redis.audit()) == 3


def test_the_answer_is_about_what_a_job_has_become_in_between(world: World) -> None:
    world.redis.write_job()
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, written(world, "job-1", "completed"))
    found = cancelled(world, "job-1", jobs=jobs)
    operation = only(found)
    assert isinstance(operation.error, ConflictError)
    assert "is completed" in operation.error.message
    assert (operation.previous_status, found.exit_code) == ("completed", ExitCode.CONFLICT)
    assert world.redis.audit() == []


def test_a_record_that_disappears_in_between_is_not_brought_back(world: World) -> None:
    world.redis.write_job()
    jobs, key = ObservedJobs(world), world.redis.keys.job("job-1")
    jobs.at("apply_all", 1, lambda: world.redis.raw.delete(key))
    found = cancelled(world, "job-1", jobs=jobs)
    assert only(found).error is not None
    assert found.exit_code == ExitCode.NOT_FOUND
    assert world.redis.hash() == {}


def test_a_job_that_never_comes_to_rest_is_given_up(world: World) -> None:
    world.redis.write_job()
    world.redis.write_job("job-2")
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 0, restless(world, jobs, "job-1"))
    first, second = cancelled(world, "job-1", "job-2", jobs=jobs)
    assert isinstance(first.error, ChangedMeanwhileError)
    assert second.changed
    assert jobs.calls["apply_all"] == 5
    assert world.redis.actions() == ["cancel"]


@pytest.mark.parametrize("held_for", [4, 5, 6])
def test_a_job_that_is_held_and_then_never_comes_to_rest_is_given_up_too(
    world: World, held_for: int
) -> None:
    """The looks at one job are not spent on another for good."""
    world.redis.write_job()
    world.redis.write_job("job-2")
    lock, jobs = held(world, "job-2"), ObservedJobs(world)
    both = [restless(world, jobs, job_id) for job_id in ("job-1", "job-2")]

    def write() -> None:
        if jobs.calls["apply_all"] == held_for:
            world.redis.raw.delete(lock)
        for one in both:
            one()

    jobs.at("apply_all", 0, write)
    waiting = {"wait": timedelta(minutes=2)}
    operations = [*cancelled(world, "job-1", "job-2", jobs=jobs, bulk=waiting)]
    assert [type(one.error) for one in operations] == [ChangedMeanwhileError] * 2


@pytest.mark.parametrize("method", ["read", "queue_entries"])
def test_what_was_changed_is_told_though_the_store_goes_away_before_a_second_look(
    world: World, method: str
) -> None:
    for job_id in ("job-1", "job-2", "job-3"):
        world.redis.write_job(job_id)
    world.redis.write_job("job-4", status="completed")
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, written(world, "job-2", "processing"))
    jobs.fail(method, 2, DOWN)
    found = cancelled(world, "job-1", "job-2", "job-3", "job-4", jobs=jobs)
    operations = [*found]
    assert [one.changed for one in operations] == [True, False, True, False]
    assert operations[1].error is DOWN
    assert isinstance(operations[3].error, ConflictError)
    assert (found.changed, found.failed, found.exit_code) == (2, 2, ExitCode.PARTIAL)


def test_what_was_changed_is_told_though_documents_go_away_before_a_second_look(
    world: World,
) -> None:
    awaiting(world)
    awaiting(world, "job-2")
    jobs = ObservedJobs(world)

    def meanwhile() -> None:
        written(world, "job-2", "Awaiting_Approval")()
        world.objects.broken.add("head")

    jobs.at("apply_all", 1, meanwhile)
    found = approved(world, "job-1", "job-2", jobs=jobs)
    first, second = found
    assert first.changed
    assert isinstance(second.error, UnavailableError)
    assert found.exit_code == ExitCode.PARTIAL
    assert world.redis.actions() == ["approve"]


def test_a_job_that_is_held_is_a_conflict_at_once_unless_it_is_waited_for(world: World) -> None:
    awaiting(world)
    world.redis.write_job("job-2")
    held(world, "job-1")
    jobs = ObservedJobs(world)
    before = world.redis.hash()
    first, second = cancelled(world, "job-1", "job-2", jobs=jobs)
    assert isinstance(first.error, HeldError)
    assert second.changed
    assert jobs.calls["apply_all"] == 1
    assert world.redis.hash() == before


def test_a_job_that_is_let_go_while_it_is_waited_for_is_changed(world: World) -> None:
    awaiting(world)
    world.redis.write_job("job-2")
    jobs, seen = ObservedJobs(world), Event()
    jobs.at("apply_all", 3, seen.set)
    with released_later(world, held(world, "job-1"), seen):
        found = cancelled(world, "job-1", "job-2", jobs=jobs, bulk={"wait": timedelta(minutes=2)})
        assert [one.changed for one in found] == [True, True]
    assert found.exit_code == ExitCode.DONE
    assert [one.job_id for one in jobs.applied].count("job-2") == 1
    assert sorted(world.redis.actions()) == ["cancel", "cancel"]


def test_what_the_service_decides_while_it_is_waited_for_is_the_answer(world: World) -> None:
    awaiting(world)
    jobs, lock = ObservedJobs(world), held(world, "job-1")

    def decide() -> None:
        stored = {"status": "denied", "denied_at": "2026-03-01T10:00:00+00:00"}
        world.redis.raw.hset(world.redis.keys.job("job-1"), mapping=stored)
        world.redis.raw.delete(lock)

    jobs.at("read", 3, decide)
    operation = only(approved(world, "job-1", jobs=jobs, bulk={"wait": timedelta(minutes=2)}))
    assert isinstance(operation.error, ConflictError)
    assert "was denied at 2026-03-01T10:00:00Z" in operation.error.message
    assert world.redis.audit() == []


def test_a_job_that_is_not_let_go_is_a_conflict_behind_the_wait(world: World) -> None:
    awaiting(world)
    held(world, "job-1")
    before, jobs = snapshot(world), ObservedJobs(world)
    found = approved(world, "job-1", jobs=jobs, bulk={"wait": timedelta(seconds=1)})
    assert isinstance(only(found).error, HeldError)
    assert found.exit_code == ExitCode.CONFLICT
    assert jobs.calls["apply_all"] > 1
    assert snapshot(world) == before


def test_a_signal_ends_the_wait_for_a_job_that_is_held(world: World) -> None:
    awaiting(world)
    held(world, "job-1")
    jobs = ObservedJobs(world)
    bulk = {
        "wait": timedelta(seconds=20),
        "interrupted": lambda: ExitCode.INTERRUPTED if jobs.calls["apply_all"] > 1 else None,
    }
    found = approved(world, "job-1", jobs=jobs, bulk=bulk)
    assert isinstance(only(found).error, HeldError)
    assert jobs.calls["apply_all"] == 2
    assert found.exit_code == ExitCode.CONFLICT
