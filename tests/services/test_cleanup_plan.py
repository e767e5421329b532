"""A preview, a saved plan and the real run are one selection."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from jobctl.domain.limits import DeletionLimit
from jobctl.domain.retention import Due, RetentionPolicy, Sweep
from jobctl.errors import InvalidUsageError, RefusedError, UnavailableError
from jobctl.services.cleanup import check_limit, preview
from jobctl.services.cleanup_plan import CleanupPlan, PlanHeader, read_plan
from jobctl.services.cleanup_selection import Selecting, select
from tests.services.cleaning import (
    DAY,
    STUCK_AFTER,
    actions_on,
    done,
    job_of_the_past,
    planned,
    policy,
    revive,
    swept,
)
from tests.services.deciding import awaiting, documents, server_time, snapshot
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, World


def _one_of_each(world: World) -> None:
    job_of_the_past(world, "done")
    job_of_the_past(world, "fresh", age=DAY)
    job_of_the_past(world, "stuck", "processing", age=2 * STUCK_AFTER)
    job_of_the_past(world, "busy", "processing", age=STUCK_AFTER / 2)
    job_of_the_past(world, "ghost")
    world.redis.raw.delete(world.redis.keys.job("ghost"))
    expired = (server_time(world) - DAY).isoformat()
    awaiting(world, "late", approval_expires_at=expired)
    awaiting(world, "in-time")


def _saved(plan: CleanupPlan) -> str:
    file = StringIO()
    plan.save(file)
    return file.getvalue()


def _read(world: World, text: str) -> CleanupPlan:
    source = StringIO(text)
    return read_plan(source, namespace=world.redis.keys.namespace, lines=StringIO())


def test_a_preview_tells_what_the_next_run_does_and_changes_nothing(world: World) -> None:
    _one_of_each(world)
    before = snapshot(world)
    report = preview(planned(world))
    shown = [(one.id, one.action) for one in report]
    assert snapshot(world) == before
    assert (report.exit_code, report.changed, report.dry_run) == (0, 0, True)
    assert sorted(shown) == [
        ("done", "delete"),
        ("ghost", "prune"),
        ("late", "time-out"),
        ("stuck", "fail-stuck"),
    ]
    report, operations = swept(world)
    assert sorted(done(operations)) == sorted(shown)
    assert (report.exit_code, report.not_tried) == (0, 0)
    assert swept(world)[1] == []


@pytest.mark.parametrize("sweep", [Sweep.APPROVALS, Sweep.STUCK, Sweep.RETENTION, Sweep.INDEX])
def test_a_sweep_can_be_chosen_alone(world: World, sweep: Sweep) -> None:
    _one_of_each(world)
    [due] = planned(world, sweeps=frozenset({sweep})).entries()
    assert due.sweep is sweep


def test_a_saved_plan_is_carried_out_as_it_was_shown(world: World) -> None:
    _one_of_each(world)
    plan = planned(world)
    again = _read(world, _saved(plan))
    assert again.header.policy == plan.header.policy
    assert [*again.entries()] == [*plan.entries()]
    assert again.counts == plan.counts
    report, operations = swept(world, again)
    assert sorted(done(operations)) == sorted((one.id, one.action) for one in preview(plan))
    assert report.exit_code == 0


def test_a_plan_does_nothing_that_it_does_not_name(world: World) -> None:
    job_of_the_past(world, "job-1")
    text = _saved(planned(world))
    job_of_the_past(world, "job-2")
    assert done(swept(world, _read(world, text))[1]) == [("job-1", "delete")]
    assert world.keys_in(DOCUMENTS) == {"temp/job-2.pdf"}


def test_a_job_that_has_changed_since_the_plan_is_passed_over_and_told(world: World) -> None:
    for job_id in ("job-1", "job-2", "job-3"):
        job_of_the_past(world, job_id)
    text = _saved(planned(world))
    revive(world, "job-1", "completed")
    world.redis.raw.delete(world.redis.keys.job("job-3"))
    report, operations = swept(world, _read(world, text))
    notes = {one.id: one.notes for one in operations if not one.changed}
    assert notes == {
        "job-1": ("not due any more: it has changed since",),
        "job-3": ("it is gone already",),
    }
    assert (report.exit_code, report.unchanged, report.changed) == (0, 2, 1)
    assert actions_on(world, "job-1") == []


def _header(**changes: Any) -> Callable[[list[str]], None]:
    def alter(lines: list[str]) -> None:
        lines[0] = json.dumps(json.loads(lines[0]) | changes)

    return alter


def _drop_last(lines: list[str]) -> None:
    del lines[-1]


def _repeat(lines: list[str]) -> None:
    lines.append(lines[-1])


def _rename(lines: list[str]) -> None:
    lines[-1] = lines[-1].replace("job-", "bob-")


def _policy_of(lines: list[str]) -> None:
    head = json.loads(lines[0])
    head["policy"]["keep_seconds"] = {"completed": 0}
    lines[0] = json.dumps(head)


@pytest.mark.parametrize(
    "alter",
    [
        _drop_last,
        _repeat,
        _rename,
        _policy_of,
        _header(total=1_000_000),
        _header(cutoff="2036-01-01T00:00:00+00:00"),
        _header(digest="0" * 64),
    ],
)
def test_a_plan_that_was_altered_is_refused(
    world: World, alter: Callable[[list[str]], None]
) -> None:
    job_of_the_past(world, "job-1")
    job_of_the_past(world, "job-2")
    lines = _saved(planned(world)).splitlines()
    alter(lines)
    with pytest.raises(RefusedError, match="not as it was written"):
        _read(world, "".join(f"{line}\n" for line in lines))


def test_a_plan_of_another_namespace_is_refused(world: World) -> None:
    text = _saved(planned(world))
    with pytest.raises(RefusedError, match="not elsewhere"):
        read_plan(StringIO(text), namespace="elsewhere", lines=StringIO())


def _plan_head(**changes: Any) -> str:
    head = {"schema": "jobctl/v1", "kind": "CleanupPlan", "namespace": "n", "digest": ""}
    numbers = {"total": 1, "left_alone": {}, "cutoff": "2026-01-01T00:00:00+00:00"}
    return json.dumps(head | numbers | changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "not json",
        '{"schema": "jobctl/v1", "kind": "JobList"}',
        _plan_head(cutoff=5, policy={}),
        _plan_head(policy={"sweeps": [], "keep_seconds": {"failed": 1e300}}),
        _plan_head(policy=None),
    ],
)
def test_what_is_no_plan_is_bad_usage(world: World, text: str) -> None:
    with pytest.raises(InvalidUsageError, match="no cleanup plan"):
        _read(world, text)


def test_a_line_that_is_no_entry_is_named(world: World) -> None:
    text = _saved(planned(world))
    with pytest.raises(InvalidUsageError, match="line 2"):
        _read(world, f'{text}{{"job_id": "job-1"}}\n')


@pytest.mark.parametrize(
    ("limit", "refused"),
    [
        (DeletionLimit(number=2), True),
        (DeletionLimit(number=3), False),
        (DeletionLimit(percent=29), True),
        (DeletionLimit(percent=30), False),
        (DeletionLimit(percent=20, at_least=3), False),
        (DeletionLimit(percent=20, at_least=2), True),
        (DeletionLimit(number=0), True),
    ],
)
def test_more_deletions_than_the_limit_are_refused(
    world: World, limit: DeletionLimit, refused: bool
) -> None:
    for number in range(10):
        age = 60 * DAY if number < 3 else DAY
        job_of_the_past(world, f"job-{number}", age=age, document=False)
    plan = planned(world)
    if refused:
        with pytest.raises(RefusedError, match=r"3 deletions \(retention 3\) at 10 jobs"):
            check_limit(limit, plan)
    else:
        check_limit(limit, plan)


def test_other_changes_than_deletions_are_not_limited(world: World) -> None:
    job_of_the_past(world, "stuck", "processing", age=DAY)
    check_limit(DeletionLimit(number=0), planned(world))


@pytest.mark.parametrize("page", [1, 2])
def test_an_outage_never_reads_as_nothing_to_do(world: World, page: int) -> None:
    for number in range(600):
        job_of_the_past(world, f"job-{number}", document=False)
    jobs = ObservedJobs(world)
    jobs.fail("read", page, UnavailableError("Redis has gone"))
    request = Selecting(policy=policy(world), namespace="n", shortest_life=DAY)
    with pytest.raises(UnavailableError):
        select(request, jobs=jobs, documents=documents(world), lines=StringIO())


def test_a_plan_of_many_pages_is_read_to_its_end_by_several_readers(tmp_path: Path) -> None:
    policy = RetentionPolicy(
        cutoff=datetime.now(UTC), sweeps=frozenset(Sweep), keep={}, stuck_after=timedelta(hours=2)
    )
    header = PlanHeader(namespace="n", policy=policy, total=1_700)
    with (tmp_path / "lines").open("w+", encoding="utf-8") as lines:
        plan = CleanupPlan(header, lines)
        for number in range(1_700):
            plan.add(
                Due(
                    job_id=f"job-{number}",
                    sweep=Sweep.STUCK if number % 2 else Sweep.RETENTION,
                    status="failed",
                    stamp="",
                    last_activity=None,
                    reason="é" * 50,
                )
            )
        one, other = plan.entries(Sweep.STUCK), plan.entries()
        seen = [(next(one).job_id, next(other).job_id) for _ in range(850)]
        assert seen[-1] == ("job-1699", "job-849")
        assert [due.job_id for due in other][-1] == "job-1699"
