"""Archiving many jobs: what ends it, what fails for itself, and what else is kept."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobctl.domain.retention import Sweep
from jobctl.errors import ExitCode, JobctlError, LockedError
from jobctl.services.cleanup import CleanupReport, Pace
from jobctl.storage.directory_objects import DirectoryObjectStore
from tests.services.cleaning import (
    DAY,
    actions_on,
    done,
    job_of_the_past,
    lease_of,
    swept,
)
from tests.services.deciding import awaiting, server_time
from tests.services.test_archive import RUN, archive, files, lines
from tests.services.test_orphans import orphaned
from tests.services.world import BODY, DOCUMENTS, World

RETENTION = frozenset({Sweep.RETENTION})


def _jobs(world: World, count: int) -> list[str]:
    return [
        job_of_the_past(world, f"job-{one:03}", age=timedelta(days=60, minutes=one))
        for one in range(count)
    ]


class _Watched(DirectoryObjectStore):
    """Something happens before the write number *number*."""

    def __init__(self, root: Path, number: int, happens: Callable[[], object]) -> None:
        super().__init__(root)
        self._number = number
        self._happens = happens
        self.writes = 0

    def put_new(self, *place: Any, **options: Any) -> bool:
        self.writes += 1
        if self.writes == self._number:
            self._happens()
        return super().put_new(*place, **options)


def _archived(root: Path) -> dict[str, bytes]:
    return {name.partition(f"{RUN}/")[2]: body for name, body in files(root).items()}


def _kept_lines(root: Path) -> dict[str, dict[str, Any]]:
    packed = [body for name, body in _archived(root).items() if name.startswith("jobs-")]
    return {one["id"]: one for body in packed for one in lines(body)}


@pytest.mark.parametrize("how", ["signal", "time"])
def test_a_stop_leaves_what_was_not_begun_and_deletes_what_was_archived(
    world: World, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = _jobs(world, 150)
    stopped: list[ExitCode] = []
    store = _Watched(tmp_path / "a", 20, lambda: stopped.append(ExitCode.INTERRUPTED))
    pace = Pace(interrupted=lambda: next(iter(stopped), None))
    if how == "time":
        seconds = property(lambda _: 4_000.0 if stopped else 1.0)
        monkeypatch.setattr(CleanupReport, "seconds", seconds)
        pace = Pace(time_budget=timedelta(hours=1))
    report, operations = swept(
        world,
        sweeps=RETENTION,
        pace=pace,
        archive=lambda: archive(world, store, with_documents=True),
    )
    gone = {job_id for job_id, _ in done(operations)}
    assert 0 < len(gone) < 100
    assert report.not_tried == len(ids) - len(gone)
    assert report.exit_code == (ExitCode.INTERRUPTED if how == "signal" else 0)
    assert _kept_lines(tmp_path / "a").keys() == gone
    assert world.keys_in(DOCUMENTS) == {f"temp/{one}.pdf" for one in ids if one not in gone}
    assert all(actions_on(world, one) == [] for one in ids if one not in gone)


def test_a_lease_that_is_lost_while_documents_are_copied_marks_nothing(
    world: World, tmp_path: Path
) -> None:
    ids = _jobs(world, 3)
    clock = {"now": 0.0}
    lease = lease_of(world, clock=lambda: clock["now"])
    lease.acquire()

    def paused() -> None:
        clock["now"] += 130
        world.redis.raw.set(world.redis.keys.lease, "another run")

    store = _Watched(tmp_path / "a", 1, paused)
    with pytest.raises(LockedError):
        swept(
            world,
            sweeps=RETENTION,
            lease=lease,
            archive=lambda: archive(world, store, with_documents=True),
        )
    assert world.keys_in(DOCUMENTS) == {f"temp/{one}.pdf" for one in ids}
    assert all(actions_on(world, one) == [] for one in ids)


def test_what_was_archived_is_deleted_before_more_is_copied(world: World, tmp_path: Path) -> None:
    _jobs(world, 250)
    left: list[int] = []
    store = _Watched(tmp_path / "a", 120, lambda: left.append(len(world.keys_in(DOCUMENTS))))
    swept(
        world,
        sweeps=RETENTION,
        archive=lambda: archive(world, store, with_documents=True),
    )
    assert left == [150]
    assert world.keys_in(DOCUMENTS) == set()


def test_an_object_that_cannot_be_archived_keeps_its_own_job_alone(
    world: World, tmp_path: Path
) -> None:
    ids = _jobs(world, 3)
    odd = job_of_the_past(world, "odd")
    before = world.redis.hash(odd)
    place = tmp_path / "a/kept/jobs" / RUN / "documents/temp/odd.pdf/John.pdf"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"")
    store = DirectoryObjectStore(tmp_path / "a")
    report, operations = swept(
        world, sweeps=RETENTION, archive=lambda: archive(world, store, with_documents=True)
    )
    [failed] = [one for one in operations if one.error]
    assert failed.error is not None
    assert (failed.id, report.exit_code) == (odd, 3)
    assert "job odd: a document of it cannot be archived" in failed.error.message
    assert [job_id for job_id, _ in done(operations)] == ids
    assert world.redis.hash(odd) == before
    assert world.keys_in(DOCUMENTS) == {"temp/odd.pdf"}


def test_documents_of_whatever_sweep_are_archived(world: World, tmp_path: Path) -> None:
    awaiting(world, "late", approval_expires_at=(server_time(world) - DAY).isoformat())
    world.put(DOCUMENTS, "temp/late/John.pdf")
    job_of_the_past(world, "ghost")
    world.redis.raw.delete(world.redis.keys.job("ghost"))
    nobody = orphaned(world, patterns=("temp/{}.pdf",))
    old = server_time(world).timestamp() - 5 * 86_400
    os.utime(world.root / DOCUMENTS / f"temp/{nobody}.pdf", (old, old))
    store = DirectoryObjectStore(tmp_path / "a")
    report, _ = swept(
        world,
        sweeps=frozenset(Sweep),
        archive=lambda: archive(world, store, with_documents=True),
    )
    assert (report.exit_code, world.keys_in(DOCUMENTS)) == (0, set())
    kept = _archived(tmp_path / "a")
    names = {f"documents/temp/{one}" for one in ("late.pdf", "late/John.pdf", "ghost.pdf")}
    assert {name for name in kept if name.startswith("documents/")} == names | {
        f"documents/temp/{nobody}.pdf"
    }
    assert kept["documents/temp/ghost.pdf"] == BODY
    told = {one: (it["sweep"], it["has_record"]) for one, it in _kept_lines(tmp_path / "a").items()}
    assert told == {
        "late": ("approvals", True),
        "ghost": ("index", False),
        nobody: ("orphans", False),
    }


@pytest.mark.parametrize("sweep", [Sweep.APPROVALS, Sweep.INDEX, Sweep.ORPHANS])
def test_nothing_is_deleted_that_cannot_be_archived(
    world: World, tmp_path: Path, sweep: Sweep
) -> None:
    if sweep is Sweep.APPROVALS:
        awaiting(world, "job-1", approval_expires_at=(server_time(world) - DAY).isoformat())
    elif sweep is Sweep.INDEX:
        job_of_the_past(world, "job-1")
        world.redis.raw.delete(world.redis.keys.job("job-1"))
    else:
        orphaned(world)
    before = world.keys_in(DOCUMENTS)
    (tmp_path / "file").write_bytes(b"")
    store = DirectoryObjectStore(tmp_path / "file")
    with suppress(JobctlError):
        report, operations = swept(
            world,
            sweeps=frozenset({sweep}),
            archive=lambda: archive(world, store, with_documents=True),
        )
        assert report.exit_code != 0
        assert any(one.error for one in operations)
    assert world.keys_in(DOCUMENTS) == before
