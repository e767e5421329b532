"""`deny`: the decision first, then exactly the job's own documents, and what if they stay."""

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    REASON,
    WHY,
    actions,
    decision_of,
    hold,
    request_approval,
    statuses,
    token_file,
    token_of,
    with_document,
)
from tests.cli.expect import assert_failed, assert_refused, only_refused, unchanged
from tests.cli.runner import run
from tests.cli.world import World, new_id
from tests.servers.s3 import READ_ONLY
from tests.servers.scripted_s3 import Answer, Request, failure, scripted_s3

NO_DOCUMENTS = {"JOBCTL_S3_ENDPOINT_URL": "http://127.0.0.1:1"}


def test_deny_ends_a_job_and_deletes_its_document(any_world: World) -> None:
    world = any_world
    job_id = world.create("--status", "awaiting_approval")
    outcome = world.run("deny", job_id, *WHY)
    (row,) = outcome.rows
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert row == {
        "id": job_id,
        "action": "deny",
        "changed": "yes",
        "from": "awaiting_approval",
        "to": "denied",
        "notes": "1 object deleted",
    }
    job = world.job(job_id)
    assert job["denied_at"]
    assert {"approval_token", "cleanup_state"}.isdisjoint(job)
    assert world.objects == {}
    assert world.keys == sorted(map(world.key, ("audit", f"job:{job_id}", "jobs-by-updated")))
    assert actions(world) == ["create", "deny", "deny-cleanup"]


def test_the_denial_says_who_and_why(world: World) -> None:
    job_id = request_approval(world)
    world.run("deny", job_id, *WHY, "--as", "r.reviewer")
    decision = decision_of(world, job_id, "denial")
    assert decision.pop("reviewed_at") == world.job(job_id)["denied_at"]
    assert decision == {
        "decision": "denied",
        "justification": REASON,
        "reviewed_by": "r.reviewer",
    }
    denied, cleaned = world.audit
    assert (denied["reason"], denied["summary"]) == (REASON, "reviewed by r.reviewer (--as)")
    assert (denied["from"], denied["to"]) == ("awaiting_approval", "denied")
    assert cleaned["summary"] == "0 objects deleted"


def test_deny_deletes_nothing_that_belongs_to_another_job(world: World) -> None:
    job_id = request_approval(world)
    owned = [f"temp/{job_id}.pdf", f"temp/{job_id}/a", f"{job_id}/pages/1.png", f"debug/{job_id}/x"]
    others = [f"temp/{job_id}-other.pdf", f"temp/{job_id}0.pdf", f"{job_id}-2/pages/1.png"]
    for key in (*owned, *others):
        world.bucket.put_object(Bucket=world.documents, Key=key, Body=b"x")
    result = f"results/{job_id}/r.md"
    world.bucket.put_object(Bucket=world.results, Key=result, Body=b"x")
    assert world.run("deny", job_id, *WHY).rows[0]["notes"] == "4 objects deleted"
    kept = {f"{world.documents}/{key}" for key in others}
    assert set(world.objects) == kept | {f"{world.results}/{result}"}


def test_a_registered_document_stays_and_is_named(world: World) -> None:
    job_id = request_approval(world)
    world.foreign.put_fields(job_id, s3_key="temp/shared.pdf")
    world.bucket.put_object(Bucket=world.documents, Key="temp/shared.pdf", Body=b"x")
    outcome = world.run("deny", job_id, *WHY)
    assert f"s3://{world.documents}/temp/… was registered" in outcome.rows[0]["notes"]
    assert list(world.objects) == [f"{world.documents}/temp/shared.pdf"]


def test_denying_again_changes_nothing(world: World) -> None:
    job_id = request_approval(world)
    world.run("deny", job_id, *WHY)
    with unchanged(world):
        outcome = world.run("deny", job_id, *WHY)
    assert outcome.exit_code == 0
    assert (outcome.rows[0]["changed"], outcome.rows[0]["notes"]) == ("no", "denied already")


def test_denying_what_was_approved_names_who_and_when_and_spares_the_document(
    world: World,
) -> None:
    job_id = with_document(world, request_approval(world))
    world.run("approve", job_id, *WHY, "--as", "r.reviewer")
    at = world.job(job_id)["approved_at"].replace("+00:00", "Z")
    for status in ("processing_queued", "processing", "completed", "failed"):
        world.foreign.put_fields(job_id, status=status)
        with only_refused(world, "deny"):
            outcome = world.run("deny", job_id, *WHY)
        assert_refused(outcome, ExitCode.CONFLICT)
        assert f"approved by r.reviewer at {at}" in outcome.stderr


@pytest.mark.parametrize(
    "status", ["queued", "pii_scanning", "completed", "failed", "cancelled", "hibernating"]
)
def test_deny_refuses_a_job_that_awaits_nothing(status: str, world: World) -> None:
    """Hazard 2: the service denies a completed job and deletes its document."""
    job_id = with_document(world, world.seed(status))
    with only_refused(world, "deny"):
        outcome = world.run("deny", job_id, *WHY)
    assert_refused(outcome, ExitCode.CONFLICT)
    assert status in outcome.stderr


def test_an_unknown_job_is_not_found_and_no_record_appears(world: World) -> None:
    with only_refused(world, "deny"):
        assert_refused(world.run("deny", new_id(), *WHY), ExitCode.NOT_FOUND)


def test_deny_in_time_by_somebody_else_in_the_expected_status(world: World) -> None:
    late = request_approval(world, approval_expires_at="2020-01-01T00:00:00+00:00")
    own = request_approval(world, created_by="tester")
    with only_refused(world, *["deny"] * 3):
        assert_refused(world.run("deny", late, *WHY), ExitCode.CONFLICT)
        different = world.run("deny", own, *WHY, "--different-from-creator")
        assert_refused(different, ExitCode.REFUSED)
        unexpected = world.run("deny", own, *WHY, "--expect-status", "queued")
        assert_refused(unexpected, ExitCode.CONFLICT)
    assert world.run("deny", own, *WHY).exit_code == 0


def test_a_token_denies_its_job_and_is_used_up(world: World) -> None:
    job_id, other = request_approval(world), request_approval(world)
    path = token_file(world, token_of(world, job_id))
    assert world.run("deny", "--token-file", path, *WHY).exit_code == 0
    assert statuses(world, job_id, other) == ["denied", "awaiting_approval"]
    with only_refused(world, "deny", "approve"):
        for verb in ("deny", "approve"):
            again = world.run(verb, "--token-file", path, *WHY)
            assert_refused(again, ExitCode.NOT_FOUND)


def test_a_job_that_the_approval_service_holds_keeps_its_document(world: World) -> None:
    job_id = with_document(world, request_approval(world))
    hold(world, job_id)
    with only_refused(world, "deny"):
        assert_refused(world.run("deny", job_id, *WHY), ExitCode.CONFLICT)


def test_a_dry_run_and_a_context_that_is_read_only_deny_nothing(world: World) -> None:
    job_id = with_document(world, request_approval(world))
    with unchanged(world):
        outcome = world.run("deny", job_id, *WHY, "--dry-run")
        assert_refused(world.run("--read-only", "deny", job_id, *WHY), ExitCode.REFUSED)
        read_only = world.run("--read-only", "deny", job_id, *WHY, "--dry-run")
    for one in (outcome, read_only):
        assert (one.exit_code, one.stderr) == (0, "dry run: nothing was changed\n")
        assert (one.rows[0]["changed"], one.rows[0]["to"]) == ("no", "denied")


def test_documents_out_of_reach_are_partly_done_and_the_same_command_finishes_it(
    world: World,
) -> None:
    job_id = with_document(world, request_approval(world))
    for attempt in range(2):
        outcome = world.run("deny", job_id, *WHY, "-o", "json", **NO_DOCUMENTS)
        assert outcome.exit_code == ExitCode.PARTIAL
        (item,) = outcome.json["items"]
        assert (item["status"], item["error"]["code"]) == ("denied", "partly_done")
        assert item["changed"] is (attempt == 0)
        assert statuses(world, job_id) == ["denied"]
    assert actions(world) == ["deny"]
    assert len(world.objects) == 1
    finished = world.run("deny", job_id, *WHY)
    assert finished.exit_code == 0
    assert "cleanup finished" in finished.rows[0]["notes"]
    assert world.objects == {}
    assert "cleanup_state" not in world.job(job_id)
    with unchanged(world):
        assert world.run("deny", job_id, *WHY).rows[0]["notes"] == "denied already"


def test_who_may_not_delete_is_told_which_document_is_left(strict_world: World) -> None:
    world = strict_world
    job_id = with_document(world, request_approval(world))
    reader = {"AWS_ACCESS_KEY_ID": READ_ONLY[0], "AWS_SECRET_ACCESS_KEY": READ_ONLY[1]}
    outcome = world.run("deny", job_id, *WHY, **reader)
    assert_failed(outcome, ExitCode.PARTIAL)
    assert f"job {job_id} was denied" in outcome.stderr
    assert world.documents in outcome.stderr
    assert len(world.objects) == 1
    assert world.run("deny", job_id, *WHY).exit_code == 0
    assert world.objects == {}


def test_many_denials_without_documents_in_reach_end_after_the_first_hundred(
    world: World,
) -> None:
    """What was denied is reported; that the rest makes no sense is found out once."""
    ids = [request_approval(world) for _ in range(150)]
    asked: list[str] = []

    def refuse(request: Request) -> Answer:
        asked.append(request.path)
        return failure(403, "AccessDenied")

    with scripted_s3(refuse) as server:
        url = {"JOBCTL_S3_ENDPOINT_URL": server.endpoint_url}
        outcome = world.run("deny", *ids, *WHY, "-o", "json", **url)
    assert outcome.exit_code == ExitCode.PARTIAL
    assert statuses(world, *ids) == ["denied"] * 100 + ["awaiting_approval"] * 50
    document = outcome.json
    assert [item["status"] for item in document["items"]] == ["denied"] * 100
    assert document["summary"]["not_tried"] == 50
    assert len(asked) < 10


def test_only_what_can_be_denied_is_denied(world: World) -> None:
    awaiting, queued, unknown = request_approval(world), world.seed("queued"), new_id()
    outcome = world.run("deny", awaiting, queued, unknown, *WHY, "-o", "json")
    assert outcome.exit_code == ExitCode.PARTIAL
    codes = [item["error"] and item["error"]["code"] for item in outcome.json["items"]]
    assert codes == [None, "conflict", "not_found"]
    assert statuses(world, awaiting, queued) == ["denied", "queued"]


def test_deny_without_redis_in_reach() -> None:
    outcome = run("deny", new_id(), *WHY, env={"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert_refused(outcome, ExitCode.UNAVAILABLE)
