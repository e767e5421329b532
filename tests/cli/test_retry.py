"""`retry`: everything from the start once more, with the history kept."""

import json

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    WHY,
    actions,
    hold,
    request_approval,
    statuses,
    with_document,
)
from tests.cli.expect import assert_refused, only_refused, unchanged
from tests.cli.runner import run
from tests.cli.world import World, new_id

NOWHERE = {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.mark.parametrize("status", ["failed", "timeout", "cancelled", "canceled"])
def test_retry_queues_a_job_again(status: str, world: World) -> None:
    job_id = with_document(world, world.seed(status, error="the OCR service was down"))
    outcome = world.run("retry", job_id, "--reason", "it is up again")
    (row,) = outcome.rows
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert (row["action"], row["changed"], row["to"]) == ("retry", "yes", "queued")
    assert row["notes"] == "attempt 2"
    job = world.job(job_id)
    assert (job["status"], job["attempt"]) == ("queued", "2")
    assert "error" not in job
    (kept,) = json.loads(job["attempts"])
    assert kept["error"] == "the OCR service was down"
    (entry,) = world.audit
    assert (entry["from"], entry["to"]) == (status, "queued")
    assert (entry["reason"], entry["summary"]) == ("it is up again", "attempt 2")


def test_a_whole_life_with_two_attempts(any_world: World) -> None:
    world = any_world
    job_id = world.create("--status", "awaiting_approval")
    assert world.run("approve", job_id, *WHY, "--as", "r.reviewer").exit_code == 0
    assert world.run("update", job_id, "--status", "processing").exit_code == 0
    assert world.run("cancel", job_id, "--reason", "wrong engine").exit_code == 0
    assert world.run("retry", job_id).exit_code == 0
    job = world.job(job_id)
    gone = {"approval_decision", "approved_at", "cancelled_at", "cancel_reason", "completed_at"}
    assert gone.isdisjoint(job)
    (kept,) = json.loads(job["attempts"])
    assert (kept["attempt"], kept["status"]) == (1, "cancelled")
    assert (kept["approved_by"], kept["cancel_reason"]) == ("r.reviewer", "wrong engine")
    assert world.key("queue:processing") not in world.keys
    assert world.run("cancel", job_id).exit_code == 0
    assert world.run("retry", job_id).rows[0]["notes"] == "attempt 3"
    attempts = json.loads(world.job(job_id)["attempts"])
    assert [one["attempt"] for one in attempts] == [1, 2]
    verbs = ["create", "approve", "update", "cancel", "retry", "cancel", "retry"]
    assert actions(world) == verbs


def test_a_job_that_is_queued_again_already_stays_as_it_is(world: World) -> None:
    job_id = world.seed("failed")
    assert world.run("retry", job_id, "--no-verify").exit_code == 0
    with unchanged(world):
        outcome = world.run("retry", job_id)
    assert outcome.exit_code == 0
    assert outcome.rows[0]["changed"] == "no"
    assert outcome.rows[0]["notes"] == "attempt 2 is queued already"


@pytest.mark.parametrize(
    "status", ["queued", "awaiting_approval", "processing", "completed", "denied", "hibernating"]
)
def test_retry_refuses_what_neither_failed_nor_was_cancelled(status: str, world: World) -> None:
    job_id = with_document(world, world.seed(status))
    with only_refused(world, "retry"):
        outcome = world.run("retry", job_id)
    assert_refused(outcome, ExitCode.CONFLICT)
    assert status in outcome.stderr
    assert ("lost its document" in outcome.stderr) == (status == "denied")


def test_a_job_that_a_service_stored_as_failed_when_it_was_cancelled_is_retried(
    world: World,
) -> None:
    job_id = world.seed()
    assert world.run("cancel", job_id, JOBCTL_CANCEL_STATUS="failed").exit_code == 0
    outcome = world.run("retry", job_id, "--no-verify")
    assert outcome.rows[0]["from"] == "cancelled"
    assert {"cancelled_at", "error_message"}.isdisjoint(world.job(job_id))
    assert world.run("status", job_id, "-o", "json").json["status"] == "queued"


def test_a_document_that_is_lost_is_noticed_unless_nobody_looks(world: World) -> None:
    job_id = world.seed("failed")
    with only_refused(world, "retry"):
        outcome = world.run("retry", job_id)
        dry = world.run("retry", job_id, "--dry-run")
    assert_refused(outcome, ExitCode.NOT_FOUND)
    assert f"s3://{world.documents}/temp/{job_id}.pdf" in outcome.stderr
    assert dry.exit_code == ExitCode.NOT_FOUND
    assert world.run("retry", job_id, "--no-verify").exit_code == 0


def test_a_job_that_names_no_document_is_a_conflict(world: World) -> None:
    job_id = world.seed("failed")
    world.redis.hdel(world.key("job", job_id), "s3_key")
    with only_refused(world, "retry"):
        outcome = world.run("retry", job_id)
    assert_refused(outcome, ExitCode.CONFLICT)
    assert "--no-verify" in outcome.stderr


def test_documents_out_of_reach_change_nothing(world: World) -> None:
    ids = [with_document(world, world.seed("failed")) for _ in range(3)]
    with unchanged(world):
        outcome = world.run("retry", *ids, JOBCTL_S3_ENDPOINT_URL="http://127.0.0.1:1")
    assert_refused(outcome, ExitCode.UNAVAILABLE)


def test_a_job_that_the_approval_service_holds_is_a_conflict(world: World) -> None:
    job_id = world.seed("failed")
    hold(world, job_id)
    with only_refused(world, "retry"):
        assert_refused(world.run("retry", job_id, "--no-verify"), ExitCode.CONFLICT)


def test_what_was_left_of_an_approval_goes(world: World) -> None:
    job_id = request_approval(world)
    world.foreign.update_job_status(job_id, "failed")
    assert world.run("retry", job_id, "--no-verify").exit_code == 0
    assert world.keys == sorted(map(world.key, ("audit", f"job:{job_id}", "jobs-by-updated")))


def test_a_dry_run_and_a_context_that_is_read_only_retry_nothing(world: World) -> None:
    job_id = with_document(world, world.seed("failed"))
    with unchanged(world):
        dry = world.run("retry", job_id, "--dry-run", "-o", "json")
        assert_refused(world.run("--read-only", "retry", job_id), ExitCode.REFUSED)
        assert world.run("--read-only", "retry", job_id, "--dry-run").exit_code == 0
    document = dry.json
    (item,) = document["items"]
    assert (dry.exit_code, document["dry_run"]) == (0, True)
    assert (item["changed"], item["op_id"], item["status"]) == (False, None, "queued")


def test_nothing_named_malformed_ids_and_a_long_reason_contact_nothing() -> None:
    for arguments in ([], ["--yes"], ["a b"], [""], ["job", "--reason", "x" * 1_001]):
        assert_refused(run("retry", *arguments, env=NOWHERE), ExitCode.USAGE)
    uuid = NOWHERE | {"JOBCTL_ID_FORMAT": "uuid"}
    assert_refused(run("retry", "job-1", env=uuid), ExitCode.USAGE)
    assert_refused(run("retry", new_id(), env=uuid), ExitCode.UNAVAILABLE)


def test_some_of_several_is_partly_done(world: World) -> None:
    failed, completed = with_document(world, world.seed("failed")), world.seed("completed")
    outcome = world.run("retry", failed, completed, new_id(), "-o", "json")
    assert outcome.exit_code == ExitCode.PARTIAL
    codes = [item["error"] and item["error"]["code"] for item in outcome.json["items"]]
    assert codes == [None, "conflict", "not_found"]
    assert statuses(world, failed, completed) == ["queued", "completed"]
