"""`approve`: what it records, whom it lets decide, and everything that it refuses."""

import json
from datetime import timedelta

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    REASON,
    WHY,
    actions,
    decision_of,
    hold,
    limited_user,
    request_approval,
    statuses,
    token_file,
    token_of,
    with_document,
)
from tests.cli.expect import assert_failed, assert_refused, only_refused, unchanged
from tests.cli.runner import run
from tests.cli.world import World, new_id
from tests.servers.s3 import S3Server

NOWHERE = "redis://127.0.0.1:1/0"


def test_approve_lets_a_job_go_on(any_world: World) -> None:
    world = any_world
    job_id = world.create("--status", "awaiting_approval")
    outcome = world.run("approve", job_id, *WHY)
    (row,) = outcome.rows
    assert outcome.exit_code == 0
    assert row == {
        "id": job_id,
        "action": "approve",
        "changed": "yes",
        "from": "awaiting_approval",
        "to": "processing_queued",
        "notes": "queued for the workers",
    }
    job = world.job(job_id)
    assert job["status"] == "processing_queued"
    assert job["approved_at"] == job["updated_at"]
    assert "approval_token" not in job
    kinds = ("audit", f"job:{job_id}", "jobs-by-updated", "queue:processing")
    assert world.keys == sorted(map(world.key, kinds))
    (entry,) = world.redis.lrange(world.key("queue:processing"), 0, -1)
    assert json.loads(entry) == {
        "job_id": job_id,
        "s3_key": job["s3_key"],
        "approved_at": job["approved_at"],
    }
    assert world.objects


def test_the_decision_and_its_audit_record_say_who_and_why(world: World) -> None:
    job_id = request_approval(world)
    world.run("approve", job_id, *WHY, "--no-verify", "--as", " dean@example.edu ")
    decision = decision_of(world, job_id)
    assert decision.pop("reviewed_at") == world.job(job_id)["approved_at"]
    assert decision == {
        "decision": "approved",
        "justification": REASON,
        "reviewed_by": "dean@example.edu",
    }
    (entry,) = world.audit
    assert (entry["actor"], entry["action"], entry["reason"]) == ("tester", "approve", REASON)
    assert (entry["from"], entry["to"]) == ("awaiting_approval", "processing_queued")
    assert entry["summary"] == "reviewed by dean@example.edu (--as)"


@pytest.mark.parametrize(
    ("arguments", "env", "origin"),
    [
        (["--actor", "flag-user"], {}, "flag-user (flag --actor)"),
        ([], {}, "tester (environment JOBCTL_ACTOR)"),
        ([], {"JOBCTL_ACTOR": ""}, "(user@host)"),
    ],
)
def test_without_as_the_actor_decides(
    arguments: list[str], env: dict[str, str], origin: str, world: World
) -> None:
    job_id = request_approval(world)
    assert world.run(*arguments, "approve", job_id, *WHY, "--no-verify", **env).exit_code == 0
    assert world.audit[0]["summary"].endswith(origin)
    assert world.audit[0]["summary"].startswith(f"reviewed by {world.audit[0]['actor']} ")


def test_the_same_decision_again_changes_nothing(world: World) -> None:
    job_id = request_approval(world)
    world.run("approve", job_id, *WHY, "--no-verify")
    for status in ("processing_queued", "processing", "completed"):
        world.foreign.put_fields(job_id, status=status)
        with unchanged(world):
            outcome = world.run("approve", job_id, *WHY)
        assert outcome.exit_code == 0
        (row,) = outcome.rows
        assert (row["changed"], row["to"], row["notes"]) == ("no", status, "approved already")


def test_the_opposite_decision_is_a_conflict_that_names_who_and_when(world: World) -> None:
    job_id = request_approval(world)
    decision = {"reviewed_by": "r.reviewer", "reviewed_at": "2026-01-02T03:04:05+00:00"}
    world.foreign.put_fields(job_id, status="denied", denial_decision=decision)
    with only_refused(world, "approve"):
        outcome = world.run("approve", job_id, *WHY)
    assert_refused(outcome, ExitCode.CONFLICT)
    assert "denied by r.reviewer at 2026-01-02T03:04:05Z" in outcome.stderr


@pytest.mark.parametrize(
    "status",
    ["queued", "pii_scanning", "processing", "completed", "failed", "cancelled", "hibernating"],
)
def test_approve_refuses_a_job_that_awaits_nothing(status: str, world: World) -> None:
    job_id = with_document(world, world.seed(status))
    with only_refused(world, "approve"):
        outcome = world.run("approve", job_id, *WHY)
    assert_refused(outcome, ExitCode.CONFLICT)
    assert status in outcome.stderr


def test_a_job_that_failed_since_its_approval_is_not_what_was_asked_for(world: World) -> None:
    job_id = request_approval(world)
    world.run("approve", job_id, *WHY, "--no-verify")
    world.foreign.update_job_status(job_id, "failed")
    with only_refused(world, "approve"):
        outcome = world.run("approve", job_id, *WHY)
    assert_refused(outcome, ExitCode.CONFLICT)
    assert "approved by tester" in outcome.stderr


def test_an_unknown_id_and_a_prefix_are_not_found(world: World) -> None:
    job_id = request_approval(world)
    with only_refused(world, "approve", "approve"):
        for given in (new_id(), job_id[:12]):
            assert_refused(world.run("approve", given, *WHY), ExitCode.NOT_FOUND)


def test_a_document_that_is_lost_is_noticed_unless_nobody_looks(world: World) -> None:
    job_id = request_approval(world)
    with only_refused(world, "approve"):
        outcome = world.run("approve", job_id, *WHY)
    assert_refused(outcome, ExitCode.NOT_FOUND)
    assert f"s3://{world.documents}/temp/{job_id}.pdf" in outcome.stderr
    assert "--no-verify" in outcome.stderr
    assert world.run("approve", job_id, *WHY, "--no-verify").exit_code == 0


DEADLINES = {
    "over": ("2020-01-01T00:00:00+00:00", "expired"),
    "naive": ("2099-01-01T00:00:00", "unreadable deadline"),
    "nonsense": ("soon", "unreadable deadline"),
    "missing": ("", "no deadline"),
}


@pytest.mark.parametrize(("stored", "said"), DEADLINES.values(), ids=DEADLINES.keys())
def test_an_approval_that_is_not_in_time_is_a_conflict(
    stored: str, said: str, world: World
) -> None:
    job_id = with_document(world, request_approval(world, approval_expires_at=stored))
    with only_refused(world, "approve"):
        outcome = world.run("approve", job_id, *WHY)
    assert_refused(outcome, ExitCode.CONFLICT)
    assert said in outcome.stderr
    assert f"jobctl token issue {job_id} --extend" in outcome.stderr


def test_a_new_deadline_makes_the_decision_possible_again(world: World) -> None:
    job_id = request_approval(world, window=timedelta(seconds=-1))
    assert world.run("approve", job_id, *WHY, "--no-verify").exit_code == ExitCode.CONFLICT
    assert world.run("token", "issue", job_id, "--extend", "1h").exit_code == 0
    assert world.run("approve", job_id, *WHY, "--no-verify").exit_code == 0


def test_expect_status_guards_the_decision(world: World) -> None:
    job_id = request_approval(world)
    with only_refused(world, "approve"):
        outcome = world.run("approve", job_id, *WHY, "--no-verify", "--expect-status", "queued")
    assert_refused(outcome, ExitCode.CONFLICT)
    assert "awaiting_approval" in outcome.stderr
    expected = ["--expect-status", "Awaiting_Approval"]
    assert world.run("approve", job_id, *WHY, "--no-verify", *expected).exit_code == 0


@pytest.mark.parametrize(
    ("fields", "decider"),
    [
        ({"created_by": "Tester"}, []),
        ({"user_id": "tester"}, ["--as", "somebody else"]),
        ({"user_id": "DEAN"}, ["--as", "dean"]),
        ({"created_by": "dean", "user_id": "u-1"}, ["--as", "dean"]),
        ({}, []),
    ],
)
def test_who_made_a_job_does_not_decide_on_it(
    fields: dict[str, str], decider: list[str], world: World
) -> None:
    job_id = request_approval(world, **fields)  # type: ignore[arg-type] # only stored fields
    command = ["approve", job_id, *WHY, "--no-verify", *decider]
    with only_refused(world, "approve"):
        outcome = world.run(*command, "--different-from-creator")
    assert_refused(outcome, ExitCode.REFUSED)
    assert world.run(*command).exit_code == 0


def test_somebody_else_decides(world: World) -> None:
    job_id = request_approval(world, created_by="author", user_id="author")
    options = ["--different-from-creator", "--no-verify"]
    assert world.run("approve", job_id, *WHY, *options).exit_code == 0


def test_handoff_none_records_the_decision_and_says_so(world: World) -> None:
    job_id = request_approval(world)
    outcome = world.run("approve", job_id, *WHY, "--no-verify", JOBCTL_HANDOFF="none")
    assert outcome.exit_code == 0
    assert outcome.rows[0]["notes"] == "recorded only: nothing starts it"
    assert statuses(world, job_id) == ["processing_queued"]
    assert world.key("queue:processing") not in world.keys


def test_handoff_celery_is_refused_by_name(world: World) -> None:
    job_id = request_approval(world)
    with unchanged(world):
        outcome = world.run("approve", job_id, *WHY, "--no-verify", JOBCTL_HANDOFF="celery")
    assert (outcome.exit_code, outcome.stdout) == (ExitCode.BAD_CONFIGURATION, "")
    assert "JOBCTL_HANDOFF" in outcome.stderr
    assert "Celery" in outcome.stderr
    assert "queue or none" in outcome.stderr


def test_a_job_that_the_approval_service_holds_is_a_conflict(world: World) -> None:
    job_id = request_approval(world)
    hold(world, job_id)
    with only_refused(world, "approve"):
        outcome = world.run("approve", job_id, *WHY, "--no-verify")
    assert_refused(outcome, ExitCode.CONFLICT)
    assert "approval service" in outcome.stderr


def test_exit_codes_of_what_is_out_of_reach(world: World, strict_world: World) -> None:
    job_id = with_document(world, request_approval(world))
    nowhere = {"JOBCTL_S3_ENDPOINT_URL": "http://127.0.0.1:1"}
    stranger = {"AWS_SECRET_ACCESS_KEY": "wrong", **_endpoint(strict_world.s3)}
    with unchanged(world):
        gone = world.run("approve", job_id, *WHY, JOBCTL_REDIS_URL=NOWHERE)
        no_documents = world.run("approve", job_id, *WHY, **nowhere)
        no_access = world.run("approve", job_id, *WHY, **stranger)
        no_change = world.run("approve", job_id, *WHY, **limited_user(world, "-xadd"))
    assert_refused(gone, ExitCode.UNAVAILABLE)
    assert_refused(no_documents, ExitCode.UNAVAILABLE)
    assert_refused(no_access, ExitCode.NOT_PERMITTED)
    assert_refused(no_change, ExitCode.NOT_PERMITTED)


def _endpoint(server: S3Server) -> dict[str, str]:
    return {"JOBCTL_S3_ENDPOINT_URL": server.endpoint_url, "AWS_ACCESS_KEY_ID": server.access_key}


def test_a_context_that_is_read_only_decides_nothing(world: World) -> None:
    job_id = request_approval(world)
    path = token_file(world, token_of(world, job_id))
    with unchanged(world):
        for chosen in ([job_id], ["--token-file", path], ["--since", "1d", "--yes"]):
            command = ["approve", *chosen, *WHY, "--no-verify"]
            assert_refused(world.run("--read-only", *command), ExitCode.REFUSED)
            dry = world.run("--read-only", *command, "--dry-run")
            assert (dry.exit_code, dry.rows[0]["id"]) == (0, job_id)
    assert actions(world) == []


def test_a_malformed_id_is_refused_before_anything_is_contacted() -> None:
    env = {"JOBCTL_REDIS_URL": NOWHERE}
    for given in ("a b", "../x", "", "x" * 129, "a\nb"):
        assert_refused(run("approve", given, *WHY, env=env), ExitCode.USAGE)
    uuids = env | {"JOBCTL_ID_FORMAT": "uuid"}
    for given in ("job-1", f"urn:uuid:{new_id()}", f"{{{new_id()}}}"):
        assert_refused(run("approve", given, *WHY, env=uuids), ExitCode.USAGE)
    assert_failed(run("approve", new_id(), *WHY, env=uuids), ExitCode.UNAVAILABLE)
