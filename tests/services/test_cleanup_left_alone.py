"""What a cleanup must not take for rubbish: entries of lives not over, and ids that are none."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest

from jobctl.domain.limits import DeletionLimit
from jobctl.domain.retention import Sweep
from jobctl.errors import InvalidUsageError, RefusedError
from jobctl.services.cleanup import check_limit
from jobctl.services.cleanup_plan import read_plan
from jobctl.services.left_alone import Oddity
from tests.services.cleaning import DAY, LONG_AGO, done, job_of_the_past, planned, swept
from tests.services.deciding import TTL, awaiting, server_time, snapshot
from tests.services.world import DOCUMENTS, World

LIVE = "6f1c7f0a-3b61-4f0e-9a65-0d9ad1b1a001"
# What an index may hold: each would be a prefix of what is somebody else's.
NO_IDS = [f"{LIVE}/x", "", ".", "..", "/", "a..b", "x" * 3_000, "-dash", "tab\t", "jöb"]


def _ghost(world: World, job_id: str = "job-1", age: timedelta = LONG_AGO) -> None:
    job_of_the_past(world, job_id, age=age)
    world.redis.raw.delete(world.redis.keys.job(job_id))


@pytest.mark.parametrize("sweep", [Sweep.INDEX, Sweep.APPROVALS, Sweep.RETENTION])
def test_the_limit_counts_every_sweep_that_deletes_documents(world: World, sweep: Sweep) -> None:
    _ghost(world, "ghost")
    awaiting(world, "late", approval_expires_at=(server_time(world) - DAY).isoformat())
    job_of_the_past(world, "done")
    plan = planned(world, sweeps=frozenset({sweep}))
    with pytest.raises(RefusedError, match=rf"1 deletion \({sweep} 1\)"):
        check_limit(DeletionLimit(number=0), plan)
    check_limit(DeletionLimit(number=1), plan)


def test_a_refusal_says_what_it_is_made_of_and_what_to_do(world: World) -> None:
    _ghost(world)
    job_of_the_past(world, "done")
    with pytest.raises(RefusedError, match="retention 1, index 1") as refused:
        check_limit(DeletionLimit(number=1), planned(world))
    assert "backfill-index --prune" in (refused.value.hint or "")


def test_a_record_that_went_before_it_could_expire_keeps_its_entry_and_documents(
    world: World,
) -> None:
    """Evicted, deleted by hand, or of another namespace: nobody has let its time run out."""
    _ghost(world, "early", age=TTL.shortest - timedelta(minutes=1))
    _ghost(world, "late", age=TTL.shortest + timedelta(minutes=1))
    report, operations = swept(world)
    assert done(operations) == [("late", "prune")]
    assert report.plan.header.left_alone[Oddity.GONE_EARLY].examples == ("early",)
    assert world.redis.raw.zrange(world.redis.keys.index, 0, -1) == ["early"]
    assert world.keys_in(DOCUMENTS) == {"temp/early.pdf"}


def test_an_entry_that_is_written_anew_behind_the_plan_is_left(world: World) -> None:
    _ghost(world)
    plan = planned(world)
    now = server_time(world).timestamp()
    world.redis.raw.zadd(world.redis.keys.index, {"job-1": now})
    assert done(swept(world, plan)[1]) == []
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}


@pytest.mark.parametrize("job_id", NO_IDS)
def test_a_ghost_whose_id_is_none_deletes_nobodys_documents(world: World, job_id: str) -> None:
    job_of_the_past(world, LIVE, "processing", age=timedelta(minutes=1))
    world.put(DOCUMENTS, f"temp/{LIVE}/x/page.png")
    world.redis.raw.zadd(world.redis.keys.index, {job_id: 1})
    before = snapshot(world)
    report, operations = swept(world)
    assert operations == []
    assert snapshot(world) == before
    left = report.plan.header.left_alone[Oddity.MALFORMED]
    assert left.count == 1
    assert len(left.examples[0]) <= 81


def test_a_job_whose_id_is_none_keeps_its_documents(world: World) -> None:
    job_of_the_past(world, f"{LIVE}/x", document=False)
    before = snapshot(world)
    assert swept(world)[1] == []
    assert snapshot(world) == before


def test_a_plan_with_an_id_that_is_none_is_refused(world: World) -> None:
    job_of_the_past(world, "job-1")
    plan = planned(world)
    plan.add(replace(next(plan.entries()), job_id=f"{LIVE}/x"))
    file = StringIO()
    plan.save(file)
    file.seek(0)
    with pytest.raises(InvalidUsageError, match="line 3"):
        read_plan(file, namespace=world.redis.keys.namespace, lines=StringIO())


def test_a_saved_plan_keeps_what_is_left_alone(world: World) -> None:
    _ghost(world, "early", age=DAY)
    plan = planned(world)
    file = StringIO()
    plan.save(file)
    file.seek(0)
    read = read_plan(file, namespace=world.redis.keys.namespace, lines=StringIO())
    assert read.header.left_alone == plan.header.left_alone
    assert read.header.left_alone[Oddity.GONE_EARLY].count == 1


@pytest.mark.parametrize("kind", ["late fields", "list"])
def test_a_record_without_any_known_field_is_no_ghost(world: World, kind: str) -> None:
    """A worker that reports late makes such a record of one that has expired."""
    _ghost(world)
    key = world.redis.keys.job("job-1")
    if kind == "list":
        world.redis.raw.rpush(key, "something else")
    else:
        world.redis.raw.hset(key, mapping={"percentage": "50", "processing_phase": "ocr"})
    before = snapshot(world)
    report, operations = swept(world)
    assert (operations, report.exit_code) == ([], 0)
    assert report.plan.header.left_alone[Oddity.UNDATABLE].examples == ("job-1",)
    assert snapshot(world) == before


def test_a_record_that_comes_back_with_unknown_fields_keeps_its_documents(world: World) -> None:
    _ghost(world)
    plan = planned(world)
    world.redis.raw.hset(world.redis.keys.job("job-1"), mapping={"percentage": "50"})
    report, operations = swept(world, plan)
    assert (done(operations), report.exit_code) == ([], 0)
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
