"""`audit record`: what an auditor is given, in every format, and what nobody is."""

import csv
import json
import os
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from jobctl.errors import ExitCode
from tests.cli.audit_user import limited_user
from tests.cli.expect import assert_failed, assert_refused, unchanged
from tests.cli.runner import run, start
from tests.cli.terminal import run_on_terminal
from tests.cli.world import World, as_json, findings
from tests.servers.proxy import FaultProxy
from tests.waiting import PATIENCE

FORMATS = ("table", "wide", "json", "jsonl", "csv", "tsv", "id")
REASON = ("--reason", "request 2026-17")
NAME = "Xanthippe Quandt-CANARY"
TOKEN = "tok3n-CANARY-Zq9xk2Lw7vB1"
KEYS = [
    *("schema", "kind", "job_id", "exists", "taken_at", "status"),
    *("created_at", "updated_at", "completed_at", "approved_at", "denied_at", "cancelled_at"),
    *("confidence_score", "pii", "error_present", "last_operation", "last_record", "reason"),
    "op_id",
]


def test_json_has_the_facts_of_the_original(any_world: World) -> None:
    found = [*findings("Ada", "Grace"), {"entity_type": "EMAIL", "text": "a@b"}]
    job_id = any_world.create()
    any_world.foreign.put_fields(job_id, pii_findings=as_json(found), error="CANARY")
    any_world.foreign.add_processing_result(job_id, "s3://results/x.md", 0.97)
    (created,) = any_world.audit
    document = any_world.run("audit", "record", job_id, *REASON, "-o", "json").json
    assert list(document) == KEYS
    stored = any_world.job(job_id)
    assert document["kind"] == "JobRecord"
    assert (document["job_id"], document["exists"]) == (job_id, True)
    assert (document["status"], document["confidence_score"]) == ("queued", 0.97)
    assert document["completed_at"] == stored["completed_at"].replace("+00:00", "Z")
    assert document["denied_at"] is None
    assert document["pii"] == {"count": 3, "entity_types": ["EMAIL", "PERSON"]}
    assert document["error_present"] is True
    assert document["last_operation"] == created["op_id"]
    assert document["last_record"] == {
        "seq": 1,
        "action": "create",
        "actor": "tester",
        "at": created["at"],
        "from": "",
        "to": "queued",
        "reason": "",
    }
    newest = any_world.audit[-1]
    assert (newest["action"], newest["reason"]) == ("audit-record", "request 2026-17")
    assert document["op_id"] == newest["op_id"]
    assert document["reason"] == "request 2026-17"


def test_several_are_a_list(any_world: World) -> None:
    ids = [any_world.seed(), any_world.seed("failed")]
    outcome = any_world.run("audit", "record", *ids, *REASON, "-o", "json")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    document = outcome.json
    assert (document["kind"], document["dry_run"]) == ("JobRecordList", False)
    assert [item["job_id"] for item in document["items"]] == ids
    assert [list(item) for item in document["items"]] == [KEYS[2:]] * 2
    assert document["summary"]["changed"] == 2
    lines = any_world.run("audit", "record", "-", *REASON, "-o", "jsonl", stdin="\n".join(ids))
    assert [(line["kind"], line["job_id"]) for line in lines.lines] == [
        ("JobRecord", job_id) for job_id in ids
    ]


def test_ids_come_from_a_list_in_a_pipe(any_world: World) -> None:
    job_id = any_world.seed()
    listed = any_world.run("list", "-o", "jsonl").stdout
    assert any_world.run("audit", "record", "-", *REASON, "-o", "id", stdin=listed).stdout == (
        f"{job_id}\n"
    )
    nothing = any_world.run("audit", "record", "-", *REASON, "-o", "json")
    assert (nothing.exit_code, nothing.json["items"]) == (0, [])


def test_rows_have_a_column_for_each_fact(any_world: World) -> None:
    job_id = any_world.seed("failed", pii_findings=findings("Ada"), error_message="x")
    (row,) = any_world.run("audit", "record", job_id, *REASON).rows
    assert (row["id"], row["exists"], row["status"]) == (job_id, "yes", "failed")
    assert (row["pii"], row["entity_types"], row["error"]) == ("1", "PERSON", "yes")
    assert (row["last_seq"], row["reason"]) == ("", "request 2026-17")
    comma = any_world.run("audit", "record", job_id, *REASON, "-o", "csv").stdout
    (listed,) = csv.DictReader(StringIO(comma))
    assert list(listed) == list(row)


def test_a_terminal_has_a_line_for_each_fact(world: World) -> None:
    job_id = world.create()
    shown = run_on_terminal(
        "--color", "never", "audit", "record", job_id, *REASON, env=world.env, width=120
    )
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in shown.stdout.splitlines())
    assert (lines["Job"], lines["Exists"], lines["Status"]) == (job_id, "yes", "queued")
    assert lines["Last in the trail"].startswith("record 1: create by tester, ")
    assert lines["Error"] == "no"


@pytest.mark.parametrize("output", FORMATS)
def test_a_deleted_job_is_told_of_by_the_trail(output: str, any_world: World) -> None:
    job_id = any_world.create()
    any_world.run("cancel", job_id)
    any_world.run("delete", job_id, "--reason", "the tour is over")
    outcome = any_world.run("audit", "record", job_id, *REASON, "-o", output)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert job_id in outcome.stdout
    if output == "json":
        document = outcome.json
        assert list(document) == KEYS
        assert (document["exists"], document["status"], document["pii"]) == (False, None, None)
        assert document["error_present"] is None
        assert document["last_record"]["reason"] == "the tour is over"
    if output == "table":
        assert "the tour is over" in outcome.stdout


def test_a_refused_attempt_hides_nothing_of_what_became_of_a_job(any_world: World) -> None:
    job_id = any_world.create()
    any_world.run("cancel", job_id)
    any_world.run("delete", job_id)
    deleted = any_world.audit[-1]["at"]
    assert any_world.run("cancel", job_id).exit_code == ExitCode.NOT_FOUND
    assert any_world.audit[-1]["action"] == "cancel-refused"
    document = any_world.run("audit", "record", job_id, *REASON, "-o", "json").json
    assert document["last_record"]["at"] == deleted


def test_an_id_that_nobody_knows_leaves_the_others_shown(any_world: World) -> None:
    job_id = any_world.seed()
    outcome = any_world.run("audit", "record", "nobody", job_id, *REASON)
    assert_failed(outcome, ExitCode.NOT_FOUND)
    assert [row["id"] for row in outcome.rows] == [job_id]
    with unchanged(any_world):
        assert_refused(any_world.run("audit", "record", "nobody", *REASON), ExitCode.NOT_FOUND)
    error = any_world.run("audit", "record", "nobody", *REASON, "-o", "json").error
    assert (error["code"], error["id"]) == ("not_found", "nobody")


@pytest.mark.parametrize("output", FORMATS)
def test_a_dry_run_and_a_read_only_context_take_none(output: str, any_world: World) -> None:
    job_id = any_world.create()
    with unchanged(any_world):
        arguments = ("audit", "record", job_id, *REASON, "-o", output)
        outcome = any_world.run("--read-only", *arguments, "--dry-run")
        assert outcome.exit_code == 0
        assert job_id in outcome.stdout
        if output == "json":
            assert outcome.json["op_id"] is None
        refused = any_world.run("--read-only", *arguments)
        assert (refused.exit_code, refused.stdout) == (ExitCode.REFUSED, "")


@pytest.mark.parametrize("stored", [as_json(findings(NAME)), f"[{NAME}"], ids=["read", "damaged"])
@pytest.mark.parametrize("output", FORMATS)
def test_what_the_scan_has_found_is_shown_nowhere(output: str, stored: str, world: World) -> None:
    job_id = world.create()
    world.run("update", job_id, "--summary", "x")
    fields: dict[str, Any] = {
        "pii_findings": stored,
        "approval_token": TOKEN,
        "error": f"cannot parse {NAME}",
        "error_message": NAME,
        "error_details": {"line": NAME},
        "summary": NAME,
        "original_filename": NAME,
        "cancel_reason": NAME,
    }
    world.foreign.put_fields(job_id, **fields)
    outcome = world.run(
        "--debug", "audit", "record", job_id, "--reason", f"about {NAME}", "-o", output
    )
    assert outcome.exit_code == 0, outcome.stderr
    for text in (outcome.everything, json.dumps(world.audit)):
        assert "CANARY" not in text
        assert "Xanthippe" not in text


def test_findings_that_cannot_be_read_are_not_counted(world: World) -> None:
    job_id = world.seed(pii_findings="[")
    document = world.run("audit", "record", job_id, *REASON, "-o", "json").json
    assert document["pii"] == {"count": None, "entity_types": []}
    shown = world.run("audit", "record", job_id, *REASON, "-o", "table").stdout
    assert "findings are unreadable" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["x"],
        ["x", "--reason", " "],
        ["x", "--reason", "y" * 1_001],
        ["../x", *REASON],
        REASON,
        ["x", "--reason"],
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str]) -> None:
    env = {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}
    assert_refused(run("audit", "record", *arguments, env=env), ExitCode.USAGE)


def test_a_lost_reply_is_recorded_once(far_world: World, proxy: FaultProxy) -> None:
    job_id = far_world.seed()
    proxy.drop_reply(matching=b"EVALSHA")
    outcome = far_world.run("audit", "record", job_id, *REASON, "-o", "json")
    assert outcome.exit_code == 0
    (entry,) = far_world.audit
    assert entry["op_id"] == outcome.json["op_id"]


@pytest.mark.parametrize("denied", ["xadd", "xrevrange"])
def test_a_user_who_may_not_use_the_trail(denied: str, any_world: World, tmp_path: Path) -> None:
    job_id = any_world.create()
    with limited_user(any_world, tmp_path, f"-{denied}") as limited, unchanged(any_world):
        refused = any_world.run("audit", "record", job_id, *REASON, **limited)
        assert_refused(refused, ExitCode.NOT_PERMITTED)
        assert "may not" in refused.stderr


def test_a_key_that_is_no_stream(any_world: World) -> None:
    job_id = any_world.seed()
    any_world.redis.set(any_world.key("audit"), "not a stream")
    with unchanged(any_world):
        outcome = any_world.run("audit", "record", job_id, *REASON)
        assert_refused(outcome, ExitCode.UNAVAILABLE)


def test_a_reader_that_has_gone_stops_nothing(world: World) -> None:
    ids = [world.seed() for _ in range(150)]
    reading, writing = os.pipe()
    os.close(reading)
    with start("audit", "record", *ids, *REASON, env=world.env, stdout=writing) as process:
        os.close(writing)
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(PATIENCE)) == (b"", 0)
    assert len(world.audit) == 150
