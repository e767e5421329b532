"""`jobctl backfill-index` as operators call it, and `cleanup --only orphans`."""

import time
from datetime import timedelta
from uuid import uuid4

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import assert_failed, assert_refused, unchanged
from tests.cli.world import World

OLD = 1_700_000_000.0


def lose(world: World, *job_ids: str) -> None:
    world.redis.zrem(world.key("jobs-by-updated"), *job_ids)


def scores(world: World) -> dict[str, float]:
    return dict(world.redis.zrange(world.key("jobs-by-updated"), 0, -1, withscores=True))


def damaged(world: World) -> str:
    """An index without one of its two jobs, and with a ghost; the id of that job."""
    lost = world.seed("completed", at=OLD)
    world.seed("queued", at=OLD + 1)
    lose(world, lost)
    world.redis.zadd(world.key("jobs-by-updated"), {"ghost": 5})
    return lost


def test_a_check_ends_with_findings_and_changes_nothing(any_world: World) -> None:
    damaged(any_world)
    with unchanged(any_world):
        outcome = any_world.run("backfill-index", "--check", "-o", "json")
    assert outcome.exit_code == ExitCode.FINDINGS
    assert (outcome.json["kind"], outcome.json["mode"]) == ("IndexReport", "check")
    assert (outcome.json["missing"], outcome.json["ghosts"]) == (1, 1)
    assert outcome.stderr == ""


def test_a_repair_puts_the_lost_job_back_and_a_check_is_content(any_world: World) -> None:
    lost = damaged(any_world)
    outcome = any_world.run("backfill-index", "--prune")
    assert outcome.exit_code == ExitCode.DONE, outcome.everything
    assert outcome.rows[0] | {"missing": "1", "pruned": "1", "size": "2"} == outcome.rows[0]
    assert scores(any_world)[lost] == OLD
    assert any_world.run("backfill-index", "--check").exit_code == ExitCode.DONE
    assert [(entry["action"], entry["actor"]) for entry in any_world.audit] == [
        ("backfill-index-begin", "tester"),
        ("backfill-index", "tester"),
    ]


def test_a_rebuild_leaves_nothing_of_its_own_behind(any_world: World) -> None:
    lost = damaged(any_world)
    outcome = any_world.run("backfill-index", "--rebuild")
    assert outcome.exit_code == ExitCode.DONE, outcome.everything
    assert lost in scores(any_world)
    assert "ghost" not in scores(any_world)
    assert [key for key in any_world.keys if ":jobctl:" in key] == []


@pytest.mark.parametrize("option", ["--prune", "--rebuild"])
def test_a_check_goes_with_nothing_that_changes(world: World, option: str) -> None:
    with unchanged(world):
        assert_failed(world.run("backfill-index", "--check", option), ExitCode.USAGE)


def test_another_run_holds_the_lease(world: World) -> None:
    damaged(world)
    world.redis.set(world.key("jobctl", "lease", "index"), "op-1 anna since noon", px=60_000)
    with unchanged(world):
        outcome = world.run("backfill-index")
        checked = world.run("backfill-index", "--check")
    assert_refused(outcome, ExitCode.LOCKED)
    assert "anna since noon" in outcome.stderr
    assert checked.exit_code == ExitCode.FINDINGS


def test_a_context_that_is_read_only_may_be_checked(world: World) -> None:
    damaged(world)
    with unchanged(world):
        outcome = world.run("--read-only", "backfill-index")
        checked = world.run("--read-only", "backfill-index", "--check")
    assert_refused(outcome, ExitCode.REFUSED)
    assert checked.exit_code == ExitCode.FINDINGS


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "many"])
def test_a_rate_is_a_number_of_jobs_a_second(world: World, rate: str) -> None:
    assert_refused(world.run("backfill-index", "--rate", rate), ExitCode.USAGE)


def test_a_rate_holds_the_work_back(world: World) -> None:
    """Not before its time; how much later is the machine's affair."""
    for _ in range(30):
        world.seed("queued")
    started = time.monotonic()
    assert world.run("backfill-index", "--rate", "60").exit_code == ExitCode.DONE
    assert time.monotonic() - started >= 30 / 60


def test_a_job_without_a_readable_time_is_named_not_guessed(world: World) -> None:
    lost = world.seed("queued", at=OLD)
    world.redis.hset(
        world.key("job", lost), mapping={"updated_at": "yesterday", "created_at": "2026-03-01"}
    )
    lose(world, lost)
    outcome = world.run("backfill-index")
    assert outcome.exit_code == ExitCode.DONE
    assert outcome.rows[0]["undatable"] == "1"
    assert lost in outcome.stderr
    assert scores(world) == {}


def test_an_unreachable_redis_is_no_empty_index(world: World) -> None:
    outcome = world.run("backfill-index", JOBCTL_REDIS_URL="redis://127.0.0.1:9/0")
    assert_refused(outcome, ExitCode.UNAVAILABLE)


def test_a_hash_tag_in_the_namespace_is_meant_as_it_stands(world: World) -> None:
    own = f"{{eq-pdf}}-{uuid4().hex}"
    world.redis.hset(f"{own}:job:mine", mapping={"updated_at": "2026-03-01T12:00:00+00:00"})
    lost = damaged(world)
    outcome = world.run("backfill-index", "-o", "json", JOBCTL_NAMESPACE=own)
    assert outcome.exit_code == ExitCode.DONE, outcome.everything
    assert (outcome.json["scanned"], outcome.json["missing"]) == (1, 1)
    assert world.redis.zrange(f"{own}:jobs-by-updated", 0, -1) == ["mine"]
    assert lost not in scores(world)


def test_documents_that_have_just_been_written_are_no_orphans(world: World) -> None:
    orphan = str(uuid4())
    for key in (f"temp/{orphan}/John.pdf", f"temp/{orphan}.pdf", "temp/readme.pdf"):
        world.bucket.put_object(Bucket=world.documents, Key=key, Body=b"x")
    world.seed("queued")
    with unchanged(world):
        young = world.run("cleanup", "--only", "orphans", "--dry-run", "-o", "json")
        refused = world.run("cleanup", "--only", "orphans", "--grace", "59m", "--yes")
    assert young.exit_code == ExitCode.DONE, young.everything
    assert young.json["items"] == []
    assert_refused(refused, ExitCode.USAGE)


def test_orphans_that_are_due_go_through_the_command_line(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a grace of a second: an S3 server dates what is written by itself."""
    orphan = str(uuid4())
    for key in (f"temp/{orphan}/John.pdf", f"temp/{orphan}.pdf", "temp/readme.pdf"):
        world.bucket.put_object(Bucket=world.documents, Key=key, Body=b"x")
    job_id = world.create()
    monkeypatch.setattr("jobctl.cli.retention_options._SHORTEST_GRACE", timedelta(seconds=1))
    arguments = ("cleanup", "--only", "orphans", "--grace", "1s", "-o", "json")
    deadline = time.monotonic() + 30
    while not (shown := world.run(*arguments, "--dry-run")).json["items"]:
        assert time.monotonic() < deadline, shown.everything
    outcome = world.run(*arguments, "--yes", "--max-delete", "10")
    assert outcome.exit_code == ExitCode.DONE, outcome.everything
    kept = {key for key in world.objects if "temp/" in key}
    assert kept == {f"{world.documents}/temp/readme.pdf", f"{world.documents}/temp/{job_id}.pdf"}
    assert "John" not in shown.everything + outcome.everything + repr(world.audit)
    assert [one["action"] for one in world.audit] == ["create", "orphan-intent", "delete-orphan"]
