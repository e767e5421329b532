"""`cancel`: ends what is under way, as the services understand it, and leaves the document."""

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    actions,
    hold,
    request_approval,
    statuses,
    token_of,
    with_document,
)
from tests.cli.expect import assert_refused, only_refused, unchanged
from tests.cli.runner import run
from tests.cli.world import World, new_id

NOWHERE = {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}
STORED = {
    "cancelled": {"status": "cancelled"},
    "failed": {"status": "failed", "error_message": "Job cancelled by user"},
}


@pytest.mark.parametrize(
    "status",
    [
        "queued",
        "pii_scanning",
        "awaiting_approval",
        "processing_queued",
        "waiting_for_remote_worker",
        "processing",
        "Running",
        "hibernating",
    ],
)
def test_cancel_ends_a_job_in_any_active_status(status: str, world: World) -> None:
    job_id = with_document(world, world.seed(status))
    outcome = world.run("cancel", job_id, "--reason", "uploaded twice")
    (row,) = outcome.rows
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert (row["action"], row["changed"], row["to"]) == ("cancel", "yes", "cancelled")
    job = world.job(job_id)
    assert (job["status"], job["cancel_reason"]) == ("cancelled", "uploaded twice")
    assert job["cancelled_at"] == job["completed_at"] == job["updated_at"]
    (entry,) = world.audit
    assert (entry["from"], entry["to"], entry["reason"]) == (status, "cancelled", "uploaded twice")
    assert len(world.objects) == 1


def test_nothing_waits_for_a_cancelled_job(any_world: World) -> None:
    world = any_world
    awaiting = request_approval(world)
    token = token_of(world, awaiting)
    queued = world.create()
    world.redis.lpush(world.key("queue:processing"), f'{{"job_id": "{queued}"}}', "of another")
    assert world.run("cancel", awaiting, queued).exit_code == 0
    assert world.key("approval-token", token) not in world.keys
    assert world.key("timeouts:approval") not in world.keys
    assert world.key("queue:approval") not in world.keys
    assert world.redis.lrange(world.key("queue:processing"), 0, -1) == ["of another"]
    assert "approval_token" not in world.job(awaiting)


@pytest.mark.parametrize("setting", STORED)
def test_how_a_cancelled_job_is_stored_is_a_setting(setting: str, world: World) -> None:
    job_id = world.seed("processing")
    env = {"JOBCTL_CANCEL_STATUS": setting}
    outcome = world.run("cancel", job_id, "-o", "json", **env)
    assert outcome.json["items"][0]["status"] == "cancelled"
    assert STORED[setting].items() <= world.job(job_id).items()
    assert world.audit[0]["to"] == setting
    assert world.run("status", job_id, "-o", "json").json["status"] == "cancelled"
    with unchanged(world):
        again = world.run("cancel", job_id, **env)
    assert again.exit_code == 0
    assert (again.rows[0]["changed"], again.rows[0]["notes"]) == ("no", "cancelled already")


def test_a_way_of_storing_that_nobody_knows_is_bad_configuration() -> None:
    outcome = run("cancel", new_id(), env=NOWHERE | {"JOBCTL_CANCEL_STATUS": "gone"})
    assert (outcome.exit_code, outcome.stdout) == (ExitCode.BAD_CONFIGURATION, "")
    assert "JOBCTL_CANCEL_STATUS" in outcome.stderr


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("cancelled", {}),
        ("canceled", {}),
        ("failed", {"cancelled_at": "2026-01-02T03:04:05+00:00"}),
        ("failed", {"error_message": "Job cancelled by user"}),
    ],
)
def test_what_others_have_cancelled_is_cancelled_already(
    status: str, fields: dict[str, object], world: World
) -> None:
    job_id = world.seed(status, **fields)
    with unchanged(world):
        outcome = world.run("cancel", job_id)
    assert outcome.exit_code == 0
    assert (outcome.rows[0]["changed"], outcome.rows[0]["to"]) == ("no", "cancelled")


@pytest.mark.parametrize("status", ["completed", "failed", "denied", "Finished", "timeout"])
def test_what_has_ended_cannot_be_cancelled_and_may_be_passed_over(
    status: str, world: World
) -> None:
    ended, active = world.seed(status), world.seed("queued")
    with only_refused(world, "cancel"):
        outcome = world.run("cancel", ended)
        assert_refused(outcome, ExitCode.CONFLICT)
        assert "--ignore-terminal" in outcome.stderr
    passed = world.run("cancel", ended, active, "--ignore-terminal")
    assert (passed.exit_code, passed.stderr) == (0, "")
    assert [row["changed"] for row in passed.rows] == ["no", "yes"]
    assert passed.rows[0]["notes"] == "has ended already"
    assert statuses(world, ended, active) == [status, "cancelled"]


def test_some_of_several_is_partly_done(world: World) -> None:
    ended, active = world.seed("completed"), world.seed("queued")
    outcome = world.run("cancel", ended, new_id(), active)
    assert outcome.exit_code == ExitCode.PARTIAL
    assert [row["id"] for row in outcome.rows] == [active]
    assert len(outcome.stderr.splitlines()) == 4
    alike = world.run("cancel", ended, world.seed("denied"))
    assert (alike.exit_code, alike.stdout) == (ExitCode.CONFLICT, "")


def test_what_goes_on_all_the_same_is_said(world: World) -> None:
    with_task = world.seed("processing", celery_task_id="task-17")
    without = world.seed("processing")
    rows = world.run("cancel", with_task, without).rows
    assert "task-17" in rows[0]["notes"]
    assert "may still run" in rows[0]["notes"]
    assert "worker" in rows[1]["notes"]


def test_a_reason_is_optional_and_may_not_be_a_book(world: World) -> None:
    job_id = world.seed()
    with unchanged(world):
        assert_refused(world.run("cancel", job_id, "--reason", "x" * 1_001), ExitCode.USAGE)
    assert world.run("cancel", job_id).exit_code == 0
    assert "cancel_reason" not in world.job(job_id)
    assert world.audit[0]["reason"] == ""
    other = world.seed()
    assert world.run("cancel", other, "--reason", "x" * 1_000).exit_code == 0
    assert world.audit[1]["reason"] == "x" * 1_000


def test_a_job_that_the_approval_service_holds_is_a_conflict(world: World) -> None:
    job_id = request_approval(world)
    hold(world, job_id)
    with only_refused(world, "cancel"):
        assert_refused(world.run("cancel", job_id), ExitCode.CONFLICT)


def test_a_job_that_is_being_deleted_is_not_cancelled(world: World) -> None:
    job_id = world.seed(cleanup_state="deleting")
    with only_refused(world, "cancel"):
        outcome = world.run("cancel", job_id)
    assert_refused(outcome, ExitCode.CONFLICT)
    assert f"jobctl delete {job_id}" in outcome.stderr


def test_cancel_needs_no_documents(world: World) -> None:
    job_id = world.seed()
    nowhere = {"JOBCTL_S3_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": ""}
    assert world.run("cancel", job_id, **nowhere).exit_code == 0


def test_a_dry_run_and_a_context_that_is_read_only_cancel_nothing(world: World) -> None:
    job_id = world.seed()
    with unchanged(world):
        dry = world.run("cancel", job_id, "--dry-run")
        assert_refused(world.run("--read-only", "cancel", job_id), ExitCode.REFUSED)
        read_only = world.run("--read-only", "cancel", job_id, "--dry-run", "-q")
    assert (dry.exit_code, dry.rows[0]["changed"]) == (0, "no")
    assert dry.stderr == "dry run: nothing was changed\n"
    assert (read_only.rows, read_only.stderr) == (dry.rows, "")


def test_nothing_named_and_malformed_ids_contact_nothing() -> None:
    for arguments in ([], ["--yes"], ["--ignore-terminal"], ["a b"], [""], ["{x}"]):
        assert_refused(run("cancel", *arguments, env=NOWHERE), ExitCode.USAGE)
    uuid = NOWHERE | {"JOBCTL_ID_FORMAT": "uuid"}
    assert_refused(run("cancel", "job-1", env=uuid), ExitCode.USAGE)
    assert_refused(run("cancel", new_id(), env=uuid), ExitCode.UNAVAILABLE)


def test_a_record_without_anything_but_a_status_is_cancelled(world: World) -> None:
    """Hazard 4: what a service writes after the record has expired."""
    job_id = new_id()
    world.foreign.put_fields(job_id, status="processing")
    assert world.run("cancel", job_id).exit_code == 0
    assert statuses(world, job_id) == ["cancelled"]
    assert world.redis.ttl(world.key("job", job_id)) > 0
    assert actions(world) == ["cancel"]
