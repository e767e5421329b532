"""`cleanup` on the command line: how it ends, and what it leaves for others."""

import gzip
import json
import shutil
import time

from jobctl.errors import ExitCode
from tests.acceptance.embedded import short_directory
from tests.cli.decisions import actions, request_approval, with_document
from tests.cli.expect import assert_refused, unchanged
from tests.cli.runner import run
from tests.cli.world import World, new_id

DAY = 86_400
LONG_AGO = 60 * DAY


def _old(world: World, status: str = "completed", age: float = LONG_AGO) -> str:
    return with_document(world, world.seed(status, job_id=new_id(), at=time.time() - age))


def test_more_than_the_limit_changes_nothing(world: World) -> None:
    for _ in range(3):
        _old(world)
    with unchanged(world):
        assert_refused(world.run("cleanup", "--yes", "--max-delete", "2"), ExitCode.REFUSED)
        shown = world.run("cleanup", "--max-delete", "2")
    assert (shown.exit_code, len(shown.rows)) == (0, 3)
    assert "it would be refused" in shown.stderr


def test_an_empty_policy_is_refused(world: World) -> None:
    never = [f"--older={one}=never" for one in ("completed", "failed", "cancelled", "denied")]
    assert_refused(world.run("cleanup", "--yes", *never), ExitCode.REFUSED)
    assert world.run("cleanup", "--yes", "--only", "index", *never).exit_code == 0


def test_another_run_is_waited_for_by_nobody(world: World) -> None:
    _old(world)
    world.redis.set(world.key("jobctl:lease:cleanup"), "op somebody else")
    with unchanged(world):
        outcome = world.run("cleanup", "--yes")
    assert_refused(outcome, ExitCode.LOCKED)
    assert "somebody else" in outcome.stderr


def test_without_redis_it_is_unavailable(world: World) -> None:
    outcome = world.run("cleanup", "--yes", JOBCTL_REDIS_URL="redis://127.0.0.1:1/0")
    assert_refused(outcome, ExitCode.UNAVAILABLE)


def test_without_the_object_store_nothing_is_changed(world: World) -> None:
    job_id = _old(world)
    with unchanged(world):
        outcome = world.run("cleanup", "--yes", JOBCTL_S3_ENDPOINT_URL="http://127.0.0.1:1")
    assert outcome.exit_code == ExitCode.UNAVAILABLE
    assert world.job(job_id)["status"] == "completed"
    assert world.run("cleanup", "--yes").exit_code == 0
    assert actions(world) == ["delete-intent", "delete"]


def test_wrong_credentials_delete_nothing(strict_world: World) -> None:
    world = strict_world
    job_id = _old(world)
    outcome = world.run("cleanup", "--yes", AWS_SECRET_ACCESS_KEY="wrong")
    assert outcome.exit_code == ExitCode.NOT_PERMITTED
    assert f"{world.documents}/temp/{job_id}.pdf" in world.objects
    assert world.job(job_id)["status"] == "completed"


def test_a_user_who_may_not_write_changes_nothing(world: World) -> None:
    _old(world)
    name = f"reader-{new_id()}"
    world.redis.execute_command("ACL", "SETUSER", name, "on", ">secret", "~*", "+@read", "+time")
    try:
        with unchanged(world):
            outcome = world.run(
                "cleanup",
                "--yes",
                JOBCTL_REDIS_USERNAME=name,
                JOBCTL_REDIS_PASSWORD_FILE=world.file("password", b"secret"),
            )
    finally:
        world.redis.execute_command("ACL", "DELUSER", name)
    assert_refused(outcome, ExitCode.NOT_PERMITTED)


def test_a_read_only_context_is_only_shown_what_is_due(world: World) -> None:
    _old(world)
    with unchanged(world):
        assert world.run("--read-only", "cleanup", "--dry-run").exit_code == 0
        assert world.run("--read-only", "cleanup", "--yes").exit_code != 0


def test_a_store_that_nobody_chose_is_refused_without_a_terminal() -> None:
    directory = short_directory()
    env = {"XDG_DATA_HOME": str(directory)}
    try:
        shown = run("cleanup", env=env)
        refused = run("cleanup", "--yes", env=env)
        chosen = run("--context", "local", "cleanup", "--yes", env=env)
    finally:
        shutil.rmtree(directory)
    assert (shown.exit_code, chosen.exit_code) == (0, 0), chosen.stderr
    assert refused.exit_code == ExitCode.REFUSED
    assert "nobody has chosen this store" in refused.stderr


def test_the_time_that_runs_out_is_no_failure(world: World) -> None:
    for _ in range(4):
        _old(world)
    outcome = world.run("cleanup", "--yes", "--time-budget", "1s", "--rate", "1", "-o", "json")
    assert outcome.exit_code == 0
    summary = outcome.json["summary"]
    assert summary["left"] >= 1
    assert summary["done"].get("delete", 0) + summary["left"] == 4


def test_an_archive_holds_what_was_deleted(world: World) -> None:
    job_id = _old(world)
    record = dict(world.job(job_id))
    place = world.directory / "archive"
    assert world.run("cleanup", "--yes", "--archive", str(place)).exit_code == 0
    [file] = place.rglob("*.jsonl.gz")
    [line] = gzip.decompress(file.read_bytes()).splitlines()
    entry = json.loads(line)
    assert (entry["id"], entry["fields"]) == (job_id, record)


def test_a_bucket_that_is_missing_changes_nothing(world: World) -> None:
    for _ in range(12):
        _old(world, "failed")
    request_approval(world, approval_expires_at="2026-01-01T00:00:00+00:00")
    with unchanged(world):
        outcome = world.run(
            "cleanup", "--yes", "--max-delete", "100%", JOBCTL_DOCUMENTS_BUCKET="nosuch"
        )
    assert_refused(outcome, ExitCode.NOT_FOUND)
    assert "bucket nosuch does not exist" in outcome.stderr
