"""What a program may rely on in JSON: keys, types, times, and where errors go."""

import re
from typing import Any

import pytest

from tests.cli.world import World, findings, new_id

RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")

FULL: dict[str, object] = {
    "original_filename": "scan.pdf",
    "document_name": "Scan",
    "document_type": "syllabus",
    "priority": "HIGH",
    "percentage": "25",
    "summary": "page 3",
    "user_id": "u1",
    "organization_id": "o1",
    "created_by": "someone",
    "file_size": "1024",
    "total_pages": "12",
    "total_rows": "200",
    "processed_rows": "50",
    "successful_rows": "49",
    "failed_rows": "1",
    "estimated_duration": "90.5",
    "started_at": "2026-01-02T03:04:05+00:00",
    "completed_at": "2026-01-02T03:14:05+00:00",
    "confidence_score": "0.93",
    "result_url": "https://results.example/1.md",
    "error_message": "first",
    "error_details": {"code": 7},
    "attempt": "2",
    "attempts": [{"attempt": 1, "status": "failed", "error": "earlier"}],
    "metadata": {"term": "spring"},
    "approval_decision": {
        "decision": "approve",
        "justification": "fine",
        "reviewed_by": "r",
        "reviewed_at": "2026-01-02T03:04:05+00:00",
    },
    "pii_findings": findings("Ada Lovelace"),
}


def _paths(document: Any, open_maps: frozenset[str]) -> set[str]:
    """The path of every key, without those below a map whose keys are data."""
    if not isinstance(document, dict):
        return set()
    found = set()
    for name, value in document.items():
        found.add(name)
        if name not in open_maps:
            found |= {f"{name}.{below}" for below in _paths(value, open_maps)}
    return found


OPEN = frozenset({"metadata", "extra", "entity_types", "details", "approved", "denied"})


@pytest.mark.parametrize("command", ["status", "list"])
def test_every_key_of_a_job_is_there_whatever_is_stored(command: str, world: World) -> None:
    bare, full = world.seed(), world.seed("completed", **FULL)
    world.redis.hdel(world.key("job", bare), "created_at", "s3_key", "max_rounds")
    arguments = ["status", bare, full] if command == "status" else ["list"]
    items = {item["id"]: item for item in world.run(*arguments, "-o", "json").json["items"]}
    assert _paths(items[bare], OPEN) == _paths(items[full], OPEN)
    assert items[bare]["document"]["key"] is None


def test_numbers_are_numbers_and_times_are_rfc3339_in_utc(world: World) -> None:
    job_id = world.seed("completed", **FULL)
    job = world.run("status", job_id, "-o", "json").json
    assert (job["schema"], job["kind"], job["id"]) == ("jobctl/v1", "Job", job_id)
    assert job["document"]["size"] == 1024
    assert job["document"]["pages"] == 12
    assert job["progress"]["percentage"] == 25
    assert job["progress"]["remaining_rows"] == 150
    assert job["progress"]["elapsed_seconds"] == 600
    assert job["result"]["confidence"] == 0.93
    assert job["options"]["max_rounds"] == 1
    assert job["errors"]["count"] == 1
    assert job["attempt"] == 2
    assert job["attempts"] == [{"attempt": 1, "status": "failed", "error": None}]
    assert job["pii"]["entity_types"] == {"PERSON": 1}
    assert 0 < job["record"]["ttl_seconds"] <= 30 * 86_400
    assert job["timestamps"]["started_at"] == "2026-01-02T03:04:05Z"
    times = [job["timestamps"]["created_at"], job["record"]["read_at"], job["record"]["indexed_at"]]
    assert all(RFC3339.fullmatch(time) for time in times)


def test_a_created_job_says_whether_it_was_created(world: World) -> None:
    job_id = new_id()
    first = world.run("create", world.file(), "--id", job_id, "-o", "json").json
    again = world.run("create", world.file(), "--id", job_id, "-o", "json").json
    assert (first["kind"], first["id"], first["created"]) == ("Job", job_id, True)
    assert (again["id"], again["created"]) == (job_id, False)
    assert first["location"] == f"s3://{world.documents}/temp/{job_id}.pdf"
    assert first.keys() == again.keys()


def test_a_change_is_an_operation_list_with_a_summary(world: World) -> None:
    job_id = world.seed()
    document = world.run("update", job_id, "--status", "processing", "-o", "json").json
    (item,) = document.pop("items")
    op_id = item.pop("op_id")
    assert document == {
        "schema": "jobctl/v1",
        "kind": "OperationList",
        "dry_run": False,
        "summary": {"requested": 1, "changed": 1, "unchanged": 0, "failed": 0, "not_tried": 0},
    }
    assert item == {
        "id": job_id,
        "action": "update",
        "changed": True,
        "previous_status": "queued",
        "status": "processing",
        "notes": [],
        "error": None,
    }
    assert op_id == world.job(job_id)["jobctl_op"] == world.audit[0]["op_id"]


@pytest.mark.parametrize("output", ["json", "jsonl"])
@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["status", "no-such-job"], "not_found", 4),
        (["status", "!"], "usage", 2),
        (["update", "no-such-job", "--percentage", "1"], "not_found", 4),
        (["delete", "no-such-job"], "not_found", 4),
        (["create", "no-such-file"], "not_found", 4),
        (["list", "--older", "30"], "usage", 2),
        (["list", "--no-such-option"], "usage", 2),
        (["config", "no_such_setting"], "not_found", 4),
    ],
)
def test_an_error_is_one_json_object_on_stderr(
    arguments: list[str], code: str, exit_code: int, output: str, world: World
) -> None:
    outcome = world.run(*arguments, "-o", output)
    assert outcome.exit_code == exit_code
    error = outcome.error
    assert error.keys() == {"schema", "kind", "code", "message", "hint", "exit_code", "id", "op_id"}
    assert (error["schema"], error["kind"]) == ("jobctl/v1", "Error")
    assert (error["code"], error["exit_code"]) == (code, exit_code)
    assert error["message"]
    if "no-such-job" in arguments:
        assert error["id"] == "no-such-job"


@pytest.mark.parametrize(
    "arguments", [["list", "--no-such-option"], ["lst"], ["--no-such-option"], ["status"]]
)
def test_a_wrong_command_line_is_json_too_where_the_environment_asks_for_json(
    arguments: list[str], world: World
) -> None:
    outcome = world.run(*arguments, JOBCTL_OUTPUT="json")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.error["kind"] == "Error"


def test_a_wrong_setting_is_json_too_where_the_environment_asks_for_json(world: World) -> None:
    outcome = world.run("list", JOBCTL_OUTPUT="json", JOBCTL_TTL_FAILED="30")
    assert (outcome.exit_code, outcome.stdout) == (13, "")
    assert outcome.error["code"] == "bad_configuration"


def test_a_missing_job_does_not_hide_the_others(world: World) -> None:
    job_id = world.seed()
    outcome = world.run("status", "no-such-job", job_id, "-o", "json")
    assert outcome.exit_code == 4
    assert [item["id"] for item in outcome.json["items"]] == [job_id]
    assert outcome.error["id"] == "no-such-job"


def test_unknown_fields_and_an_unknown_status_are_shown_as_they_are(world: World) -> None:
    job_id = world.seed("hibernating", colour="green")
    job = world.run("status", job_id, "-o", "json").json
    assert (job["status"], job["stored_status"]) == ("hibernating", "hibernating")
    assert job["extra"] == {"colour": "green"}


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("Pending", "queued"),
        ("RUNNING", "processing"),
        ("finished", "completed"),
        ("canceled", "cancelled"),
        ("timeout", "failed"),
    ],
)
def test_aliases_are_read_case_insensitively(stored: str, shown: str, world: World) -> None:
    job = world.run("status", world.seed(stored), "-o", "json").json
    assert (job["status"], job["stored_status"]) == (shown, stored)


def test_a_failed_job_that_was_cancelled_is_reported_as_cancelled(world: World) -> None:
    by_message = world.seed("failed", error_message="Job cancelled by user")
    by_time = world.seed("failed", cancelled_at="2026-01-02T03:04:05+00:00")
    items = world.run("status", by_message, by_time, "-o", "json").json["items"]
    assert [item["status"] for item in items] == ["cancelled", "cancelled"]
