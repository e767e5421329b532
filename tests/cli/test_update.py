"""`update`: a worker's report as a compare-and-set with one audit entry."""

from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import assert_failed, assert_refused, only_refused, unchanged
from tests.cli.world import World, as_json, findings

DAY = 86_400


def test_every_option_is_stored_as_the_services_field(any_world: World, tmp_path: Path) -> None:
    world = any_world
    job_id = world.seed("processing")
    path = tmp_path / "findings.json"
    path.write_text(as_json(findings("Ada Lovelace")))
    options = {
        "--status": "completed",
        "--expect-status": "processing",
        "--percentage": "99.5",
        "--summary": "done",
        "--result-url": "s3://results/1.md",
        "--confidence": "0.93",
        "--findings": str(path),
        "--set": "processing_phase=export",
    }
    flat = [text for pair in options.items() for text in pair]
    assert world.run("update", job_id, *flat).exit_code == 0
    job = world.job(job_id)
    assert job["status"] == "completed"
    assert job["percentage"] == "99.5"
    assert job["summary"] == "done"
    assert job["result_url"] == "s3://results/1.md"
    assert job["confidence_score"] == "0.93"
    assert job["processing_phase"] == "export"
    assert job["completed_at"] == job["updated_at"]
    assert job["pii_findings"] == as_json(findings("Ada Lovelace"))
    assert 30 * DAY - 10 <= world.redis.ttl(world.key("job", job_id)) <= 30 * DAY
    (entry,) = world.audit
    assert (entry["action"], entry["from"], entry["to"]) == ("update", "processing", "completed")


def test_update_moves_the_job_to_the_front_of_the_list(world: World) -> None:
    first = world.seed(at=1_700_000_000.0)
    second = world.seed(at=1_700_000_001.0)
    world.run("update", first, "--percentage", "1")
    assert world.run("list", "-o", "id").stdout.split() == [first, second]


def test_starting_notes_when(world: World) -> None:
    job_id = world.seed("processing_queued")
    world.run("update", job_id, "--status", "processing")
    started = world.job(job_id)["started_at"]
    world.run("update", job_id, "--percentage", "5")
    assert world.job(job_id)["started_at"] == started


def test_an_unexpected_status_changes_nothing(world: World) -> None:
    job_id = world.seed("processing")
    with only_refused(world, "update"):
        outcome = world.run("update", job_id, "--percentage", "1", "--expect-status", "queued")
        assert_failed(outcome, ExitCode.CONFLICT)
    assert "is processing, not queued" in outcome.stderr


@pytest.mark.parametrize(
    ("stored", "target"),
    [
        ("completed", "processing"),
        ("denied", "completed"),
        ("cancelled", "completed"),
        ("awaiting_approval", "processing_queued"),
        ("awaiting_approval", "denied"),
        ("queued", "completed"),
        ("processing", "cancelled"),
        ("hibernating", "failed"),
    ],
)
def test_a_move_that_is_no_workers_is_a_conflict(stored: str, target: str, world: World) -> None:
    job_id = world.seed(stored)
    with only_refused(world, "update"):
        assert_failed(world.run("update", job_id, "--status", target), ExitCode.CONFLICT)


def test_a_stored_alias_is_the_status_that_it_means(world: World) -> None:
    job_id = world.seed("Pending")
    outcome = world.run("update", job_id, "--status", "running", "--expect-status", "queued")
    assert outcome.exit_code == 0, outcome.stderr
    assert world.job(job_id)["status"] == "processing"


def test_a_dry_run_of_update_changes_nothing(world: World) -> None:
    job_id = world.seed()
    with unchanged(world):
        outcome = world.run("update", job_id, "--status", "processing", "--dry-run", "-o", "json")
    (item,) = outcome.json["items"]
    assert (item["changed"], item["op_id"], outcome.json["dry_run"]) == (False, None, True)


def test_a_lifetime_of_its_own(world: World) -> None:
    job_id = world.seed()
    world.run("update", job_id, "--ttl", "90m")
    assert 5390 <= world.redis.ttl(world.key("job", job_id)) <= 5400


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON CANARY-1",
        '"CANARY-1"',
        '{"text": "CANARY-1"}',
        '[{"entity_type": "PERSON", "text": "CANARY-1"}]',
        '[{"entity_type": "PERSON", "start": "CANARY-1", "end": 1, "score": 1, "text": "x"}]',
        '[{"entity_type": "P", "start": 0, "end": 1, "score": 2, "text": "CANARY-1"}]',
        '[{"entity_type": "P", "start": 0, "end": 1, "score": 1, "text": "x", "CANARY-1": 1}]',
        '[{"entity_type": "P", "start": 0, "end": 1, "score": 1, "text": ["CANARY-1"]}]',
    ],
)
def test_malformed_findings_are_refused_without_quoting_them(
    text: str, world: World, tmp_path: Path
) -> None:
    path = tmp_path / "findings.json"
    path.write_text(text)
    job_id = world.seed("pii_scanning")
    with unchanged(world):
        outcome = world.run("update", job_id, "--findings", str(path))
        debugged = world.run("--debug", "update", job_id, "--findings", str(path), "-o", "json")
    assert_refused(outcome, ExitCode.USAGE)
    assert "CANARY" not in outcome.everything + debugged.everything


def test_findings_that_are_not_there(world: World, tmp_path: Path) -> None:
    job_id = world.seed("pii_scanning")
    outcome = world.run("update", job_id, "--findings", str(tmp_path / "nothing"))
    assert_refused(outcome, ExitCode.NOT_FOUND)


@pytest.mark.parametrize(
    "field",
    ["job_id", "status", "created_at", "jobctl_op", "approval_token", "denial_decision"],
)
def test_what_has_its_own_command_cannot_be_set(field: str, world: World) -> None:
    job_id = world.seed()
    with unchanged(world):
        outcome = world.run("update", job_id, "--set", f"{field}=x")
        assert_refused(outcome, ExitCode.USAGE)


@pytest.mark.parametrize(
    "assignment", ["percentage=many", "pii_findings=x", "metadata={", "started_at=soon"]
)
def test_a_value_that_could_not_be_read_back_is_not_stored(assignment: str, world: World) -> None:
    job_id = world.seed()
    with unchanged(world):
        outcome = world.run("update", job_id, "--set", assignment)
        assert_refused(outcome, ExitCode.USAGE)


def test_the_audit_entry_names_fields_and_never_their_values(world: World) -> None:
    job_id = world.seed()
    world.run("update", job_id, "--summary", "CANARY-1", "--set", "error=CANARY-2")
    assert "CANARY" not in as_json(world.audit)
    assert "summary" in world.audit[0]["summary"]
