"""`cleanup` and `backfill-index` where the machine they run on, or its server, is not well."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from jobctl.cli import plan_files
from jobctl.errors import ExitCode
from tests.cli.decisions import with_document
from tests.cli.expect import assert_refused, unchanged
from tests.cli.runner import start
from tests.cli.world import World, new_id
from tests.waiting import wait_until

LONG_AGO = 60 * 86_400


def _old(world: World) -> str:
    at = time.time() - LONG_AGO
    return with_document(world, world.seed("completed", job_id=new_id(), at=at))


def test_without_a_place_for_the_plan_nothing_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: Any, **__: Any) -> Any:
        raise FileNotFoundError(2, "No usable temporary directory found")

    _old(world)
    monkeypatch.setattr(plan_files, "TemporaryFile", nowhere)
    with unchanged(world):
        outcome = world.run("cleanup", "--yes")
    assert_refused(outcome, ExitCode.BAD_CONFIGURATION)
    assert "TMPDIR" in outcome.stderr


def test_without_space_for_the_plan_nothing_is_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _old(world)
    full = Path("/dev/full")
    monkeypatch.setattr(plan_files, "TemporaryFile", lambda *_, **__: full.open("r+"))
    with unchanged(world):
        outcome = world.run("cleanup", "--yes")
    assert_refused(outcome, ExitCode.BAD_CONFIGURATION)
    assert "nothing was changed" in outcome.stderr


@pytest.mark.parametrize("arguments", [("cleanup", "--yes"), ("cleanup", "--bad")])
def test_a_standard_error_that_is_full_fails_no_run(world: World, arguments: tuple[str]) -> None:
    job_id = _old(world)
    with Path("/dev/full").open("wb") as full:
        process = start(*arguments, env=world.env, stderr=full.fileno())
        stdout, _ = process.communicate(timeout=60)
    works = "--yes" in arguments
    assert process.returncode == (ExitCode.DONE if works else ExitCode.USAGE)
    assert (job_id in stdout.decode()) is works


def test_a_plan_takes_its_place_in_one_step_and_is_its_owners_alone(world: World) -> None:
    _old(world)
    plan = world.directory / "plan.jsonl"
    plan.write_text("the plan before")
    with plan.open() as reader:
        assert world.run("cleanup", "--plan-out", str(plan)).exit_code == 0
        assert reader.read() == "the plan before"
    assert plan.stat().st_mode & 0o777 == 0o600
    assert [*world.directory.iterdir()] == [plan]


def test_a_home_directory_is_expanded(world: World) -> None:
    _old(world)
    outcome = world.run("cleanup", "--yes", "--archive=~/kept", HOME=str(world.directory))
    assert outcome.exit_code == 0, outcome.everything
    assert [*(world.directory / "kept").rglob("*.jsonl.gz")]


def test_a_read_only_context_is_shown_what_is_due_without_saying_dry_run(world: World) -> None:
    _old(world)
    plan = str(world.directory / "plan.jsonl")
    with unchanged(world):
        shown = world.run("--read-only", "cleanup")
        saved = world.run("--read-only", "cleanup", "--yes", "--plan-out", plan)
        refused = world.run("--read-only", "cleanup", "--yes")
    assert (shown.exit_code, saved.exit_code) == (0, 0), shown.everything
    assert len(shown.rows) == len(saved.rows) == 1
    assert_refused(refused, ExitCode.REFUSED)


def test_a_user_who_may_not_run_scripts_leaves_no_lease_behind(world: World) -> None:
    _old(world)
    name = f"writer-{new_id()}"
    rules = ("on", ">secret", "~*", "+@all", "-@scripting")
    world.redis.execute_command("ACL", "SETUSER", name, *rules)
    password = world.file("password", b"secret")
    try:
        with unchanged(world):
            outcome = world.run(
                "cleanup",
                "--yes",
                JOBCTL_REDIS_USERNAME=name,
                JOBCTL_REDIS_PASSWORD_FILE=password,
            )
    finally:
        world.redis.execute_command("ACL", "DELUSER", name)
    assert_refused(outcome, ExitCode.NOT_PERMITTED)


def test_a_key_of_a_wrong_type_is_named(world: World) -> None:
    key = world.key("jobs-by-updated")
    world.redis.set(key, "something else")
    outcome = world.run("cleanup")
    assert_refused(outcome, ExitCode.UNAVAILABLE)
    assert key in outcome.stderr


def test_a_signal_ends_the_wait_for_a_rate_at_once(world: World) -> None:
    """At this rate the first batch is followed by a wait of half an hour."""
    for _ in range(20):
        world.redis.zrem(world.key("jobs-by-updated"), world.seed("queued"))
    process = start("backfill-index", "--rate", "0.01", env=world.env)
    try:
        wait_until(lambda: world.redis.zcard(world.key("jobs-by-updated")))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (ExitCode.TERMINATED, ExitCode.DONE)
    finally:
        process.kill()
        process.communicate()
