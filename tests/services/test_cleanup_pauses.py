"""A run that was stopped, or waits for a slow object store, and goes on when all has changed."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest

from jobctl.domain.limits import DeletionLimit
from jobctl.domain.retention import Sweep
from jobctl.errors import LockedError, RefusedError, UnavailableError
from jobctl.services import deletion_guard
from jobctl.services.cleanup import Pace, check_limit, preview
from jobctl.services.cleanup_plan import read_plan
from tests.services.cleaning import (
    DAY,
    actions_on,
    done,
    job_of_the_past,
    lease_of,
    planned,
    revive,
    swept,
)
from tests.services.deciding import awaiting, server_time
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, World

IDS = [f"00000000-0000-4000-8000-00000000000{one}" for one in range(3)]
KEYS = [f"temp/{job_id}.pdf" for job_id in IDS]
Prepare = Callable[[World], None]


def _outlived(world: World) -> None:
    for number, job_id in enumerate(IDS):
        job_of_the_past(world, job_id, age=timedelta(days=60, minutes=number))


def _timed_out(world: World) -> None:
    late = (server_time(world) - DAY).isoformat()
    for number, job_id in enumerate(IDS):
        awaiting(world, job_id, approval_expires_at=late)
        world.redis.raw.zadd(world.redis.keys.index, {job_id: 100 - number})


def _ghosts(world: World) -> None:
    _outlived(world)
    world.redis.raw.delete(*map(world.redis.keys.job, IDS))


def _orphans(world: World) -> None:
    _ghosts(world)
    world.redis.raw.delete(world.redis.keys.index)
    for key in KEYS:
        old = time.time() - 5 * 86_400
        os.utime(world.root / DOCUMENTS / key, (old, old))


SWEEPS: dict[Sweep, Prepare] = {
    Sweep.RETENTION: _outlived,
    Sweep.APPROVALS: _timed_out,
    Sweep.INDEX: _ghosts,
    Sweep.ORPHANS: _orphans,
}


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _at_the_second_document(world: World, happens: Callable[[], object]) -> None:
    """Whichever that is: directories have an order of their own."""
    seen: list[str] = []

    def at(key: str) -> None:
        seen.append(key)
        if len(seen) == 2:
            happens()

    world.objects.before |= {key: lambda key=key: at(key) for key in KEYS}  # type: ignore[misc]


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_run_that_wakes_behind_its_lease_deletes_no_further_document(
    world: World, sweep: Sweep
) -> None:
    SWEEPS[sweep](world)
    clock = _Clock()
    lease = lease_of(world, clock=clock)
    lease.acquire()

    def paused() -> None:
        clock.now += 130
        world.redis.raw.set(world.redis.keys.lease, "another run")

    _at_the_second_document(world, paused)
    report, operations = swept(world, lease=lease, sweeps=frozenset({sweep}))
    left = world.keys_in(DOCUMENTS)
    assert len(left) == 2
    failed = {one.id for one in operations if one.error is not None}
    assert {f"temp/{job_id}.pdf" for job_id in failed} >= left
    assert report.exit_code == 3 or isinstance(report.halted, LockedError)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_job_that_comes_back_while_documents_are_deleted_keeps_its_own(
    world: World, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion_guard, "_FRESH_SECONDS", 0.0)
    SWEEPS[sweep](world)

    def return_all() -> None:
        for job_id in IDS:
            revive(world, job_id)

    _at_the_second_document(world, return_all)
    report, operations = swept(world, sweeps=frozenset({sweep}))
    left = world.keys_in(DOCUMENTS)
    assert len(left) == 2
    kept = {key.removeprefix("temp/").removesuffix(".pdf") for key in left}
    assert {one.id for one in operations if one.error is not None} >= kept
    assert {world.redis.hash(job_id)["status"] for job_id in kept} == {"processing"}
    assert report.exit_code in {3, 5}
    assert all("delete" not in actions_on(world, job_id) for job_id in kept)


def test_a_lease_is_asked_for_again_before_it_is_old(world: World) -> None:
    clock = _Clock()
    lease = lease_of(world, clock=clock)
    lease.acquire()
    raw, key = world.redis.raw, world.redis.keys.lease
    raw.pexpire(key, 30_000)
    clock.now = 1.0
    lease.hold()
    assert raw.pttl(key) <= 30_000
    clock.now = 20.0
    lease.hold()
    assert raw.pttl(key) > 50_000
    raw.delete(key)
    clock.now = 21.0
    lease.hold()
    clock.now = 40.0
    for _ in range(2):
        with pytest.raises(LockedError):
            lease.hold()


def test_the_time_for_the_selection_counts(world: World) -> None:
    _outlived(world)
    pace = Pace(started=time.monotonic() - 20, time_budget=timedelta(seconds=10))
    report, operations = swept(world, pace=pace)
    assert (operations, report.not_tried, report.exit_code) == ([], 3, 0)
    assert report.seconds >= 20


def test_a_refusal_of_all_names_each_of_them(world: World) -> None:
    _outlived(world)
    lease = lease_of(world)
    lease.acquire()
    world.objects.before["delete"] = lambda: world.redis.raw.delete(world.redis.keys.lease)
    report, operations = swept(world, lease=lease)
    assert [one.error.job_id for one in operations if one.error] == IDS
    assert all(one.error and one.id in one.error.message for one in operations)
    assert report.exit_code == 3


@pytest.mark.parametrize("sweep", [Sweep.RETENTION, Sweep.INDEX, Sweep.ORPHANS])
def test_documents_that_are_gone_count_though_their_record_stays(
    world: World, sweep: Sweep
) -> None:
    SWEEPS[sweep](world)
    jobs = ObservedJobs(world)
    jobs.fail("apply_all", 2, UnavailableError("Redis has gone"))
    report, operations = swept(world, jobs=jobs, sweeps=frozenset({sweep}))
    assert world.keys_in(DOCUMENTS) == set()
    assert all(one.error for one in operations)
    assert (report.objects, len(operations)) == (3, 3)


@pytest.mark.parametrize("how", ["status", "stamp"])
def test_a_plan_tells_which_job_it_lets_go(world: World, how: str) -> None:
    _outlived(world)
    world.objects.broken.add("delete")
    swept(world)
    world.objects.broken.clear()
    if how == "status":
        world.redis.raw.hset(world.redis.keys.job(IDS[0]), "status", "processing")
    else:
        revive(world, IDS[0], "completed")
    saved, lines = StringIO(), planned(world)
    lines.save(saved)
    plan = read_plan(
        saved.getvalue().splitlines(keepends=True),
        namespace=world.redis.keys.namespace,
        lines=StringIO(),
    )
    shown = {one.id: one.action for one in preview(plan)}
    assert shown == {IDS[0]: "delete-abandon", IDS[1]: "delete", IDS[2]: "delete"}
    check_limit(DeletionLimit(number=2), plan)
    with pytest.raises(RefusedError):
        check_limit(DeletionLimit(number=1), plan)
    assert dict(done(swept(world, plan)[1])) == shown
