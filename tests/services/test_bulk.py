"""Many jobs: in order, each on its own, and what was not tried is said."""

from collections.abc import Callable

import pytest

from jobctl.errors import (
    ConflictError,
    ExitCode,
    JobctlError,
    NotFoundError,
    NotPermittedError,
    UnavailableError,
)
from jobctl.services.object_store import StoredObject
from tests.services.deciding import approved, awaiting, cancelled, contents, retried, snapshot
from tests.services.observed import ObservedJobs
from tests.services.world import World
from tests.storage.redis_under_test import assert_sound_chain

DOWN = UnavailableError("redis is gone")
FORBIDDEN = NotPermittedError("the Redis user may not LRANGE")


def queued(world: World, count: int) -> list[str]:
    ids = [f"job-{number}" for number in range(1, count + 1)]
    for job_id in ids:
        world.redis.write_job(job_id)
        entry = f'{{"job_id": "{job_id}"}}'
        world.redis.raw.lpush(world.redis.keys.processing_queue, entry)
    return ids


def statuses(world: World, ids: list[str]) -> list[str]:
    return [world.redis.hash(job_id)["status"] for job_id in ids]


def stored(world: World, job_id: str, status: str) -> Callable[[], object]:
    """What another writer does in between."""
    return lambda: world.redis.raw.hset(world.redis.keys.job(job_id), "status", status)


def test_outcomes_come_in_the_order_of_the_ids_each_once(world: World) -> None:
    queued(world, 3)
    found = cancelled(world, "job-3", "nope", "job-1", "job-3", "job-2", "nope")
    operations = [*found]
    assert [one.id for one in operations] == ["job-3", "nope", "job-1", "job-2"]
    assert [one.changed for one in operations] == [True, False, True, True]
    assert isinstance(operations[1].error, NotFoundError)
    assert (found.requested, found.changed, found.unchanged, found.failed) == (4, 3, 0, 1)
    assert (found.not_tried, found.exit_code) == (0, ExitCode.PARTIAL)
    assert world.redis.actions() == ["cancel"] * 3


def test_no_job_is_nothing_to_do_and_nothing_is_asked(world: World) -> None:
    jobs = ObservedJobs(world)
    found = cancelled(world, jobs=jobs)
    assert [*found] == []
    assert (found.requested, found.exit_code) == (0, ExitCode.DONE)
    assert jobs.calls.total() == 0


def test_what_fails_alike_for_all_has_the_exit_code_of_the_failure(world: World) -> None:
    found = cancelled(world, "a", "b")
    assert [type(one.error) for one in found] == [NotFoundError, NotFoundError]
    assert found.exit_code == ExitCode.NOT_FOUND


def test_what_fails_in_different_ways_is_partly_done(world: World) -> None:
    world.redis.write_job("job-1", status="completed")
    found = cancelled(world, "job-1", "nope")
    assert [type(one.error) for one in found] == [ConflictError, NotFoundError]
    assert found.exit_code == ExitCode.PARTIAL


def test_a_dry_run_changes_nothing_and_does_not_read_the_queues(world: World) -> None:
    ids = queued(world, 101)
    world.redis.write_job("done", status="completed")
    before, jobs = snapshot(world), ObservedJobs(world)
    found = cancelled(world, *ids, "done", "nope", jobs=jobs, bulk={"dry_run": True})
    operations = [*found]
    assert found.dry_run
    assert (found.changed, found.unchanged, found.failed) == (0, 101, 2)
    assert {one.op_id for one in operations} == {None}
    assert snapshot(world) == before
    assert (jobs.calls["queue_entries"], jobs.calls["apply_all"]) == (0, 0)


def test_queues_are_read_once_for_all_and_records_once_a_batch(world: World) -> None:
    ids = queued(world, 201)
    jobs = ObservedJobs(world)
    found = cancelled(world, *ids, jobs=jobs)
    assert [one.id for one in found] == ids
    assert jobs.calls == {
        "read": 3,
        "queue_entries": 1,
        "apply_all": 3,
    }
    assert "queue:processing" not in contents(world)
    assert set(statuses(world, ids)) == {"cancelled"}
    assert_sound_chain(world.redis.audit())


def test_a_batch_is_begun_when_the_one_before_it_was_read(world: World) -> None:
    ids = queued(world, 101)
    before = snapshot(world)
    found = cancelled(world, *ids)
    assert snapshot(world) == before
    operations = iter(found)
    next(operations)
    assert statuses(world, ["job-100", "job-101"]) == ["cancelled", "queued"]
    assert len([*operations]) == 100
    assert statuses(world, ["job-101"]) == ["cancelled"]


@pytest.mark.parametrize("signal", [ExitCode.INTERRUPTED, ExitCode.TERMINATED])
def test_a_signal_ends_the_work_between_two_batches(world: World, signal: ExitCode) -> None:
    ids = queued(world, 250)
    jobs = ObservedJobs(world)
    interrupted = {"interrupted": lambda: signal if jobs.calls["apply_all"] else None}
    found = cancelled(world, *ids, jobs=jobs, bulk=interrupted)
    assert [one.changed for one in found] == [True] * 100
    assert (found.requested, found.tried, found.not_tried) == (250, 100, 150)
    assert (found.exit_code, found.halted) == (signal, None)
    assert statuses(world, ids) == ["cancelled"] * 100 + ["queued"] * 150


def test_a_signal_before_the_first_batch_leaves_everything(world: World) -> None:
    ids = queued(world, 2)
    before = snapshot(world)
    found = cancelled(world, *ids, bulk={"interrupted": lambda: ExitCode.INTERRUPTED})
    assert [*found] == []
    assert (found.not_tried, found.exit_code) == (2, ExitCode.INTERRUPTED)
    assert snapshot(world) == before


def test_a_signal_in_the_last_batch_takes_nothing_from_what_was_done(world: World) -> None:
    ids = queued(world, 101)
    jobs = ObservedJobs(world)
    interrupted = {
        "interrupted": lambda: ExitCode.INTERRUPTED if jobs.calls["apply_all"] == 2 else None
    }
    found = cancelled(world, *ids, jobs=jobs, bulk=interrupted)
    assert len([*found]) == 101
    assert (found.not_tried, found.exit_code) == (0, ExitCode.DONE)


def test_a_store_that_goes_away_in_the_second_batch_halts_the_rest(world: World) -> None:
    ids = queued(world, 150)
    jobs = ObservedJobs(world)
    jobs.fail("read", 2, DOWN)
    found = cancelled(world, *ids, jobs=jobs)
    assert [one.changed for one in found] == [True] * 100
    assert found.halted is DOWN
    assert (found.not_tried, found.failed, found.exit_code) == (50, 0, ExitCode.PARTIAL)
    assert jobs.calls["read"] == 2


@pytest.mark.parametrize("method", ["read", "queue_entries", "apply_all"])
@pytest.mark.parametrize("error", [DOWN, FORBIDDEN])
def test_a_store_that_cannot_be_used_is_asked_once_and_nothing_is_changed(
    world: World, method: str, error: JobctlError
) -> None:
    ids = queued(world, 3)
    before, jobs = snapshot(world), ObservedJobs(world)
    jobs.fail(method, 0, error)
    with pytest.raises(type(error)):
        list(cancelled(world, *ids, jobs=jobs))
    assert jobs.calls[method] == 1
    assert snapshot(world) == before


def test_documents_that_cannot_be_reached_are_asked_for_once_and_nothing_is_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job_id in ("job-1", "job-2", "job-3"):
        awaiting(world, job_id)
    before, jobs = snapshot(world), ObservedJobs(world)
    asked: list[str] = []

    def failing(bucket: str, key: str) -> StoredObject:
        asked.append(key)
        raise DOWN

    monkeypatch.setattr(world.objects, "head", failing)
    found = approved(world, "nope", "job-1", "job-2", "job-3", jobs=jobs)
    with pytest.raises(UnavailableError):
        list(found)
    assert asked == ["temp/job-1.pdf"]
    assert jobs.calls["apply_all"] == 0
    assert snapshot(world) == before


def test_documents_that_cannot_be_reached_in_the_second_batch_halt_the_rest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = queued(world, 130)
    for job_id in ids:
        stored(world, job_id, "failed")()
        world.redis.raw.hset(world.redis.keys.job(job_id), "s3_key", f"temp/{job_id}.pdf")

    def head(bucket: str, key: str) -> StoredObject:
        if key == "temp/job-101.pdf":
            raise DOWN
        return StoredObject(key=key, size=1, modified_at=world.redis.store.read([]).now)

    monkeypatch.setattr(world.objects, "head", head)
    found = retried(world, *ids)
    assert [one.changed for one in found] == [True] * 100
    assert (found.halted, found.not_tried) == (DOWN, 30)
    assert statuses(world, ids) == ["queued"] * 100 + ["failed"] * 30


def test_one_document_that_cannot_be_asked_for_stops_no_other_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job_id in ("job-1", "job-2", "job-3"):
        awaiting(world, job_id)
    head = world.objects.head

    def failing(bucket: str, key: str) -> StoredObject | None:
        if key == "temp/job-2.pdf":
            raise DOWN
        return head(bucket, key)

    monkeypatch.setattr(world.objects, "head", failing)
    found = approved(world, "job-1", "job-2", "job-3")
    first, second, third = found
    assert (first.changed, second.error, third.changed) == (True, DOWN, True)
    assert found.exit_code == ExitCode.PARTIAL
    assert world.redis.hash("job-2")["status"] == "awaiting_approval"
