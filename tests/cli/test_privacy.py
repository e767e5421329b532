"""PII and tokens stay where they are stored: never in what jobctl prints, logs or records.

Hazard 11: the findings' texts are repeated by workers in all kinds of fields.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.world import World, as_json, findings

TOKEN = "tok3n-CANARY-Zq9xk2Lw7vB1"
NAMES = ("Xanthippe Quandt-CANARY", "zoë.quandt@CANARY.example", 'Ms "Q"\nCANARY Lane 7')
FORMATS = ("table", "wide", "json", "jsonl", "csv", "tsv", "id")
COLUMNS = "id,name,summary,key,user,creator,phase,task"

MALFORMED: dict[str, str] = {
    "not JSON": f"[{NAMES[0]}",
    "cut off": as_json(findings(*NAMES))[:-7],
    "an object": as_json({"text": NAMES[0]}),
    "a text": as_json(NAMES[0]),
    "a list of texts": as_json(list(NAMES)),
    "a list of lists": as_json([[NAMES[0]]]),
    "a number": "7",
    "null among them": as_json([*findings(*NAMES), None]),
    "the text is a list": as_json([{"entity_type": "PERSON", "text": list(NAMES)}]),
    "the text is an object": as_json([{"entity_type": "PERSON", "text": {"value": NAMES[0]}}]),
    "the type is a list": as_json([{"entity_type": [NAMES[0]], "text": NAMES[0]}]),
    "the text is named differently": as_json([{"entity_type": "PERSON", "value": NAMES[0]}]),
    "stored as a text of JSON": as_json(as_json(findings(*NAMES))),
}


def _fields(name: str) -> dict[str, object]:
    """A record in which *name*, which the scan has found, is wherever a worker may put it."""
    decision = {"decision": "deny", "justification": f"shows {name}", "reviewed_by": "r"}
    return {
        "approval_token": TOKEN,
        "original_filename": f"{name}.pdf",
        "document_name": f"Letter of {name.upper()}",
        "summary": f"reading {name}",
        "error": f"cannot parse {name}",
        "error_message": f"bad line: {name!r} {name}",
        "error_details": {"line": name, name: [name]},
        "metadata": {"author": name, name: 1, "nested": [{"x": name}], "api_token": TOKEN},
        "denial_decision": decision,
        "approval_decision": decision,
        "cancel_reason": f"because of {name}",
        "pii_skip_reason": f"{name} asked",
        "correction_results": [{"text": name}],
        "verification_summary": {"text": name},
        "attempts": [{"attempt": 1, "status": "failed", "error": name, name: name}, name],
        "note_of_a_worker": f"{name} with {TOKEN}",
        "nested_of_a_worker": {"name": name},
        "session_token": TOKEN,
    }


def _commands(job_id: str, path: Path) -> Iterator[list[str]]:
    for output in FORMATS:
        for command in (["status", job_id], ["list"], ["list", "--columns", COLUMNS]):
            yield [*command, "-o", output]
        yield ["status", "--errors", job_id, "-o", output]
        yield ["update", job_id, "--percentage", "5", "-o", output]
        yield ["update", job_id, "--status", "queued", "-o", output]
        yield ["delete", job_id, "--dry-run", "-o", output]
        yield ["create", str(path), "--id", job_id, "-o", output]
        yield ["update", job_id, "--findings", str(path), "-o", output]
    yield ["list", "--field", "summary=x"]
    yield ["doctor", "-o", "json"]
    yield ["delete", job_id, "-o", "json"]
    yield ["update", job_id, "--status", "failed"]
    yield ["delete", job_id]


def _shown(world: World, job_id: str) -> str:
    """Everything that jobctl lets out about the job, its audit trail included."""
    path = world.directory / "findings.json"
    path.write_text(as_json([{"entity_type": "PERSON", "text": NAMES[0]}]))
    commands = list(_commands(job_id, path))
    outcomes = [world.run("--debug", "--verbose", *command) for command in commands]
    logged = world.run("--debug", "--log-format", "json", "status", job_id)
    assert all(one.exit_code != 1 for one in outcomes), "a defect instead of an answer"
    return "".join(one.everything for one in (*outcomes, logged)) + as_json(world.audit)


def _assert_no_canary(shown: str) -> None:
    lines = [line for line in shown.splitlines() if "CANARY" in line.upper()]
    assert lines == []
    for part in ("Xanthippe", "zoë.quandt", "zo\\u00eb.quandt"):
        assert part.lower() not in shown.lower()


@pytest.mark.parametrize("name", NAMES, ids=["plain", "not ASCII", "quotes and a line feed"])
def test_what_the_scan_has_found_is_shown_nowhere(name: str, world: World) -> None:
    job_id = world.seed("processing", pii_findings=findings(name), **_fields(name))
    _assert_no_canary(_shown(world, job_id))


@pytest.mark.parametrize("stored", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_malformed_findings_may_hold_is_shown_nowhere(stored: str, world: World) -> None:
    job_id = world.seed("processing", pii_findings=stored, **_fields(NAMES[0]))
    _assert_no_canary(_shown(world, job_id))


def test_error_texts_are_shown_on_request_alone(world: World) -> None:
    """Nothing was found, so nothing can be masked: then only --errors shows what workers wrote."""
    fields = {
        "error": "CANARY one",
        "error_message": "CANARY two",
        "error_details": {"x": "CANARY"},
    }
    job_id = world.seed("failed", **fields)
    for output in FORMATS:
        for command in (["status", job_id], ["list"]):
            assert "CANARY" not in world.run(*command, "-o", output).everything
    document = world.run("status", job_id, "--errors", "-o", "json").json
    assert document["errors"]["message"] == "CANARY one; CANARY two"
    assert document["errors"]["details"] == {"x": "CANARY"}
    assert world.run("status", job_id, "-o", "json").json["errors"]["has_errors"] is True


def test_findings_are_counted_by_type(world: World) -> None:
    found = [*findings("Ada", "Grace"), {"entity_type": "EMAIL", "text": "a@b"}]
    job_id = world.seed("awaiting_approval", pii_findings=found)
    pii = world.run("status", job_id, "-o", "json").json["pii"]
    assert (pii["count"], pii["entity_types"]) == (3, {"EMAIL": 1, "PERSON": 2})
    assert "PERSON 2" in world.run("status", job_id, "-o", "table").stdout


def test_unreadable_findings_are_named_as_such(world: World) -> None:
    job_id = world.seed("awaiting_approval", pii_findings="[")
    document = world.run("status", job_id, "-o", "json").json
    assert document["pii"]["readable"] is False
    assert "unreadable_field" in {one["code"] for one in document["anomalies"]}


@pytest.mark.parametrize("flag", ["--verbose", "--debug"])
def test_the_log_says_what_was_done_and_holds_no_content(flag: str, world: World) -> None:
    job_id = world.seed("processing", pii_findings=findings(NAMES[0]), summary=NAMES[0])
    outcome = world.run(flag, "update", job_id, "--summary", "CANARY-2")
    assert outcome.exit_code == 0
    assert outcome.stderr
    assert "CANARY" not in outcome.stderr


def test_the_log_as_json_is_a_line_an_entry(world: World) -> None:
    job_id = world.seed()
    outcome = world.run("--debug", "--log-format", "json", "status", job_id)
    entries = [json.loads(line) for line in outcome.stderr.splitlines()]
    assert entries
    assert all({"at", "level", "logger", "message"} <= entry.keys() for entry in entries)


def test_the_approval_queue_entry_of_update_holds_no_findings(world: World, tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    path.write_text(as_json(findings(NAMES[0])))
    job_id = world.seed("pii_scanning")
    options = ["--findings", str(path), "--status", "awaiting_approval"]
    assert world.run("update", job_id, *options).exit_code == 0
    (entry,) = world.redis.lrange(world.key("queue:approval"), 0, -1)
    assert "CANARY" not in entry
