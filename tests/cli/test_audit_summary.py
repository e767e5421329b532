"""`audit summary`: three small tables, one document, or rows."""

import csv
import os
import pty
from io import StringIO
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.audit_user import limited_user
from tests.cli.expect import assert_refused, unchanged
from tests.cli.runner import run, start
from tests.cli.terminal import run_on_terminal
from tests.cli.world import World
from tests.render.hostile import HOSTILE, unsafe
from tests.storage.audit_trail import FOREIGN, write_trail
from tests.waiting import PATIENCE

FORMATS = ("table", "wide", "json", "jsonl", "csv", "tsv", "id")


@pytest.fixture
def trail(any_world: World) -> World:
    def alter(number: int) -> dict[str, str]:
        return {"actor": "cron" if number % 3 else "ops", "action": "delete"}

    write_trail(any_world.redis, any_world.key("audit"), 9, alter)
    return any_world


def test_json_is_one_document(trail: World) -> None:
    with unchanged(trail):
        document = trail.run("audit", "summary", "-o", "json").json
    assert document == {
        "schema": "jobctl/v1",
        "kind": "AuditSummary",
        "total": 9,
        "first": trail.audit[0]["at"],
        "last": trail.audit[-1]["at"],
        "by_actor": [{"name": "cron", "count": 6}, {"name": "ops", "count": 3}],
        "by_action": [{"name": "delete", "count": 9}],
        "by_day": [{"name": "2026-03-01", "count": 9}],
    }
    assert trail.run("audit", "summary", "-o", "jsonl").lines == [document]


def test_rows_have_these_columns(trail: World) -> None:
    rows = trail.run("audit", "summary").rows
    assert rows == [
        {"by": "actor", "name": "cron", "count": "6"},
        {"by": "actor", "name": "ops", "count": "3"},
        {"by": "action", "name": "delete", "count": "9"},
        {"by": "day", "name": "2026-03-01", "count": "9"},
    ]
    comma = trail.run("audit", "summary", "-o", "csv").stdout
    assert list(csv.DictReader(StringIO(comma))) == rows


def test_a_terminal_has_three_small_tables(trail: World) -> None:
    shown = run_on_terminal("--color", "never", "audit", "summary", env=trail.env).stdout
    head, *tables = shown.split("\n\n")
    assert head.splitlines()[0].split() == ["Records", "9"]
    assert "2026-03-01T12:00:01Z" in head
    headings = [table.splitlines()[0].split() for table in tables]
    assert headings == [["ACTOR", "COUNT"], ["ACTION", "COUNT"], ["DAY", "COUNT"]]
    assert tables[0].splitlines()[1].split() == ["cron", "6"]


def test_filters(trail: World) -> None:
    options = ["--actor", "ops", "--until", "2026-03-01T12:00:07Z", "--action", "DELETE"]
    document = trail.run("audit", "summary", *options, "-o", "json").json
    assert (document["total"], document["by_actor"]) == (2, [{"name": "ops", "count": 2}])


@pytest.mark.parametrize("output", FORMATS)
def test_an_empty_trail_counts_nothing(output: str, any_world: World) -> None:
    outcome = any_world.run("audit", "summary", "-o", output)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    if output == "json":
        document = outcome.json
        assert (document["total"], document["first"], document["by_day"]) == (0, None, [])
    if output == "table":
        assert outcome.stdout.split() == ["Records", "0"]


@pytest.mark.parametrize("output", FORMATS)
def test_what_jobctl_did_not_write_is_counted_and_acts_on_nothing(
    output: str, any_world: World
) -> None:
    stream = any_world.key("audit")
    for text in HOSTILE.values():
        stored = text.encode("utf-8", "surrogatepass")
        any_world.redis.xadd(stream, {"actor": stored, "action": stored, "note": "CANARY"})
    any_world.redis.xadd(stream, FOREIGN)
    outcome = any_world.run("--debug", "audit", "summary", "-o", output)
    assert outcome.exit_code == 0, outcome.stderr
    assert unsafe(outcome.stdout.replace("\n", "").replace("\t", "")) == []
    assert "CANARY" not in outcome.everything
    if output == "json":
        assert outcome.json["total"] == len(HOSTILE) + 1
        assert outcome.json["by_actor"][-1] == {"name": None, "count": 1}


def test_a_long_pass_shows_its_progress_and_leaves_nothing_of_it(world: World) -> None:
    write_trail(world.redis, world.key("audit"), 2_000)
    ours, theirs = pty.openpty()
    try:
        with start("audit", "summary", env=world.env, stderr=theirs) as process:
            os.close(theirs)
            assert process.stdout is not None
            assert b"actor\ttester\t2000" in process.stdout.read()
            assert process.wait(PATIENCE) == 0
            drawn = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
    assert "500 of 2,000 records  25%" in drawn
    assert drawn.endswith("\r\x1b[K")


@pytest.mark.parametrize("arguments", [["x"], ["--since", "30"], ["-n", "3"], ["--actor", ""]])
def test_a_wrong_command_line_is_refused(arguments: list[str]) -> None:
    env = {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}
    assert_refused(run("audit", "summary", *arguments, env=env), ExitCode.USAGE)


def test_a_key_that_is_no_stream(any_world: World) -> None:
    any_world.redis.set(any_world.key("audit"), "not a stream")
    assert_refused(any_world.run("audit", "summary"), ExitCode.UNAVAILABLE)


@pytest.mark.parametrize("denied", ["xinfo", "xrange"])
def test_a_user_who_may_not_read_the_trail(denied: str, trail: World, tmp_path: Path) -> None:
    with limited_user(trail, tmp_path, f"-{denied}") as limited:
        refused = trail.run("audit", "summary", **limited)
    assert_refused(refused, ExitCode.NOT_PERMITTED)
    assert denied.upper() in refused.stderr


def test_an_outage_never_reads_as_an_empty_trail(world: World) -> None:
    outcome = world.run("audit", "summary", JOBCTL_REDIS_URL="redis://127.0.0.1:1/0")
    assert_refused(outcome, ExitCode.UNAVAILABLE)
