"""An orphan is judged again when it is deleted: a plan may be days old, or not ours."""

import os
from datetime import timedelta
from io import StringIO

import pytest

from jobctl.domain.retention import Due
from jobctl.services.cleanup_plan import CleanupPlan
from jobctl.services.operations import Operation
from tests.services.cleaning import DAY, actions_on, job_of_the_past, planned, swept
from tests.services.deciding import server_time
from tests.services.test_orphans import ORPHANS, OWN, OWN_RESULTS, orphaned, put
from tests.services.world import DOCUMENTS, RESULTS, World


def _notes(operations: list[Operation]) -> set[str]:
    assert not any(one.changed or one.error for one in operations)
    return {note for one in operations for note in one.notes}


def test_what_was_written_again_since_the_plan_stays(world: World) -> None:
    job_id = orphaned(world)
    plan = planned(world, sweeps=ORPHANS)
    now = server_time(world).timestamp()
    for pattern in OWN:
        os.utime(world.root / DOCUMENTS / pattern.format(job_id), (now, now))
    report, operations = swept(world, plan)
    assert _notes(operations) == {"it was written again since"}
    assert len(world.keys_in(DOCUMENTS)) == len(OWN)
    assert (report.exit_code, actions_on(world, job_id)) == (0, [])


@pytest.mark.parametrize(("age", "stays"), [(5 * DAY, True), (7 * DAY, False)])
def test_the_grace_of_the_plan_counts(world: World, age: timedelta, stays: bool) -> None:
    put(world, DOCUMENTS, key := "temp/00000000-0000-4000-8000-000000000001.pdf", age=8 * DAY)
    plan = planned(world, sweeps=ORPHANS, grace=6 * DAY)
    written = (server_time(world) - age).timestamp()
    os.utime(world.root / DOCUMENTS / key, (written, written))
    swept(world, plan)
    assert (key in world.keys_in(DOCUMENTS)) is stays


def test_results_of_a_plan_are_deleted_only_on_request(world: World) -> None:
    orphaned(world, RESULTS, OWN_RESULTS)
    plan = planned(world, sweeps=ORPHANS, results=True)
    _, operations = swept(world, plan)
    assert len(operations) == len(OWN_RESULTS) == len(world.keys_in(RESULTS))
    [note] = _notes(operations)
    assert "--results" in note
    report, _ = swept(world, plan, results=True)
    assert (report.objects, world.keys_in(RESULTS)) == (len(OWN_RESULTS), set())


@pytest.mark.parametrize("bucket", ["elsewhere", DOCUMENTS])
def test_a_plan_that_somebody_made_up_deletes_nothing_else(world: World, bucket: str) -> None:
    job_of_the_past(world, "job-1", "processing")
    key = "temp/job-1.pdf"
    put(world, bucket, *([key] if bucket != DOCUMENTS else []))
    real = planned(world, sweeps=ORPHANS)
    plan = CleanupPlan(real.header, StringIO())
    unknown = "00000000-0000-4000-8000-000000000001"
    plan.add(
        Due(
            job_id=unknown,
            sweep=next(iter(ORPHANS)),
            status="",
            stamp="",
            last_activity=None,
            reason="made up",
            bucket=bucket,
            key=key,
        )
    )
    swept(world, plan)
    assert key in world.keys_in(bucket)


def test_what_is_gone_already_is_no_failure(world: World) -> None:
    job_id = orphaned(world, patterns=OWN[:1])
    plan = planned(world, sweeps=ORPHANS)
    world.objects.delete(DOCUMENTS, [OWN[0].format(job_id)])
    report, operations = swept(world, plan)
    assert (_notes(operations), report.exit_code) == ({"it is gone already"}, 0)
