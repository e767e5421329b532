"""`audit trim`: what leaves Redis is in verified segments, and the trail says that it left."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobctl.errors import ConflictError, ExitCode, FindingsError
from jobctl.services.audit_anchors import Anchors
from jobctl.services.audit_trim import AuditTrim, TrimAudit, audit_trim
from jobctl.storage.directory_segments import DirectorySegmentStore
from tests.services.tampering import NAMESPACE, directory, exported, honest, put, verified
from tests.services.world import World
from tests.storage.redis_under_test import AT, change, open_audit_log


@pytest.fixture
def segments(tmp_path: Path) -> DirectorySegmentStore:
    return directory(tmp_path / "segments")


def trimmed(
    world: World,
    segments: DirectorySegmentStore,
    *,
    older: timedelta = timedelta(seconds=1),
    now: timedelta = timedelta(days=1),
    keep_last: int = 1,
    dry_run: bool = False,
    interrupted: Callable[[], ExitCode | None] = lambda: None,
) -> AuditTrim:
    request = TrimAudit(
        actor="tester",
        new_op_id=world.op_id,
        older=older,
        keep_last=keep_last,
        at=AT + now,
        dry_run=dry_run,
        interrupted=interrupted,
    )
    anchors = Anchors(segments, namespace=NAMESPACE)
    with open_audit_log(world.redis.url, world.redis.keys) as trail:
        return audit_trim(request, trail=trail, anchors=anchors, jobs=world.redis.store)


def numbers(world: World) -> list[int]:
    return [int(place.removesuffix("-0")) for place, _ in world.redis.audit()]


def test_anchored_records_go_and_the_last_of_them_says_so(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(50))
    exported(world, segments)
    report = trimmed(world, segments)
    assert (report.upto, report.due, report.removed, report.left) == (49, 49, 49, 2)
    assert numbers(world) == [50, 51]
    _, record = world.redis.audit()[-1]
    assert (record["action"], record["actor"]) == ("audit-trim", "tester")
    assert record["op_id"] == report.op_id
    found = verified(world, segments)
    assert (found.exit_code, found.trimmed_to, found.first) == (ExitCode.DONE, 49, 50)
    assert verified(world).exit_code == ExitCode.DONE


def test_what_no_segment_holds_stays(world: World, segments: DirectorySegmentStore) -> None:
    put(world, honest(20))
    exported(world, segments)
    put(world, honest(50))
    assert trimmed(world, segments).upto == 20
    assert numbers(world) == [*range(21, 52)]
    assert verified(world, segments).exit_code == ExitCode.DONE


def test_what_is_younger_and_the_newest_ones_stay(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(50))
    exported(world, segments)
    young = trimmed(world, segments, now=timedelta(seconds=40), older=timedelta(seconds=10))
    assert young.upto == 29
    assert trimmed(world, segments, keep_last=15).upto == 36
    assert numbers(world) == [*range(37, 53)]


def test_a_dry_run_tells_the_same_and_changes_nothing(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(50))
    exported(world, segments)
    before = world.redis.everything()
    report = trimmed(world, segments, dry_run=True)
    assert (report.upto, report.due, report.removed, report.left) == (49, 49, 0, 50)
    assert world.redis.everything() == before


def test_without_segments_nothing_goes(world: World, segments: DirectorySegmentStore) -> None:
    put(world, honest(50))
    with pytest.raises(FindingsError, match="no segment was found"):
        trimmed(world, segments)
    assert len(numbers(world)) == 50


def test_nothing_goes_where_anything_is_wrong(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(50))
    exported(world, segments)
    Path(segments.locate(2)).unlink()
    before = world.redis.everything()
    with pytest.raises(FindingsError, match="segment 2 is missing"):
        trimmed(world, segments)
    assert world.redis.everything() == before


def test_a_trim_that_was_stopped_is_finished_by_the_next(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(2_500))
    exported(world, segments, most=1_000)

    def halfway() -> ExitCode | None:
        return ExitCode.TERMINATED if len(numbers(world)) < 2_000 else None

    report = trimmed(world, segments, interrupted=halfway)
    assert report.exit_code == ExitCode.TERMINATED
    assert 0 < report.removed < report.due
    found = verified(world, segments)
    assert (found.exit_code, found.trimmed_to) == (ExitCode.DONE, report.removed)
    exported(world, segments)
    assert trimmed(world, segments).exit_code == ExitCode.DONE
    assert numbers(world)[0] > 2_490
    assert verified(world, segments).exit_code == ExitCode.DONE


def test_records_that_are_removed_without_a_record_of_it_are_found(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(50)[10:])
    found = verified(world)
    assert (found.exit_code, found.found) == (ExitCode.FINDINGS, 1)
    assert found.findings[0].text.startswith("records 1 to 10 are not there")


def test_a_record_of_a_trim_does_not_excuse_what_no_segment_holds(
    world: World, segments: DirectorySegmentStore
) -> None:
    """Whoever can write records can write this one; segments tell."""
    put(world, honest(50))
    exported(world, segments, most=100)
    put(world, honest(80))
    pinned = honest(80)[69][1]["hash"]
    forged = change(
        "-", action="audit-trim", only_recorded=True, expected_status=None,
        summary=f"records up to 70 removed, held by 1 segment: {pinned}",
    )  # fmt: skip
    world.redis.store.apply(forged)
    world.redis.raw.xtrim(world.redis.keys.audit, minid="70-1", approximate=False)
    assert verified(world).exit_code == ExitCode.DONE
    found = verified(world, segments)
    assert [one.text for one in found.findings] == [
        "records 51 to 70 were trimmed, and no segment holds them"
    ]


def test_the_script_removes_nothing_behind_a_record_that_is_not_as_pinned(world: World) -> None:
    put(world, honest(20))
    with open_audit_log(world.redis.url, world.redis.keys) as trail:
        for upto, pinned in ((10, "0" * 64), (21, honest(21)[20][1]["hash"])):
            with pytest.raises(ConflictError):
                trail.trim(upto, pinned=pinned, step=5)
        assert len(numbers(world)) == 20
        hashes: dict[int, Any] = {n: fields["hash"] for n, (_, fields) in enumerate(honest(20), 1)}
        assert trail.trim(10, pinned=hashes[10], step=4) == 4
        assert numbers(world)[0] == 5
