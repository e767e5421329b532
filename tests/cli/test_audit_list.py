"""`audit` and `audit list`: who changed what, in every format, whatever stands in the trail."""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.audit_user import limited_user
from tests.cli.expect import assert_failed, assert_refused, unchanged
from tests.cli.runner import run
from tests.cli.terminal import run_on_terminal
from tests.cli.world import World
from tests.render.hostile import HOSTILE
from tests.storage.audit_trail import FOREIGN, write_trail

FORMATS = ("table", "wide", "json", "jsonl", "csv", "tsv", "id")
COLUMNS = ["seq", "at", "actor", "action", "job", "from", "to", "reason", "summary"]
KEYS = ["seq", "at", "op_id", "actor", "action", "job_id", "from", "to", "reason", "summary"]
UNSAFE = (
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


@pytest.fixture
def trail(any_world: World) -> World:
    """A world with a trail of 150 records."""
    write_trail(any_world.redis, any_world.key("audit"), 150)
    return any_world


def test_what_was_done_is_listed_with_who_and_why(any_world: World) -> None:
    world = any_world
    job_id = world.create(JOBCTL_ACTOR="maker@host")
    world.run("update", job_id, "--status", "processing")
    world.run("update", job_id, "--status", "completed")
    world.run("delete", job_id, "--reason", "the tour is over", JOBCTL_ACTOR="cron")
    *deleted, updated, started, created = world.run("audit", "list").rows
    assert {(one["actor"], one["reason"]) for one in deleted} == {("cron", "the tour is over")}
    assert created["actor"] == "maker@host"
    assert (created["seq"], created["from"], created["to"]) == ("1", "", "queued")
    assert (started["action"], started["from"], started["to"]) == ("update", "queued", "processing")
    assert {one["job"] for one in (*deleted, updated, started, created)} == {job_id}
    assert created["at"] == world.audit[0]["at"]


def test_listing_changes_nothing(trail: World) -> None:
    with unchanged(trail):
        for output in FORMATS:
            assert trail.run("--read-only", "audit", "list", "--all", "-o", output).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["audit", "--job", ""], "an id is"),
        (["audit", "--job", "../x"], "an id is"),
        (["audit", "--actor", " "], "is a variable not set?"),
        (["audit", "--op", ""], "is a variable not set?"),
        (["audit", "--action", ""], "is a variable not set?"),
        (["audit", "--since", "30"], "7d"),
        (["audit", "--limit", "0"], ""),
        (["audit", "-n", "100001"], ""),
        (["audit", "--cursor", "x"], "next_cursor"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], remedy: str) -> None:
    outcome = run(*arguments, env={"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert_refused(outcome, ExitCode.USAGE)
    assert remedy in outcome.stderr


def test_the_rows_have_these_columns(trail: World) -> None:
    tsv = trail.run("audit", "-n", "3")
    assert list(tsv.rows[0]) == COLUMNS
    assert [row["seq"] for row in tsv.rows] == ["150", "149", "148"]
    assert tsv.rows[0]["reason"] == "reason 150"
    listed = list(csv.DictReader(StringIO(trail.run("audit", "-n", "3", "-o", "csv").stdout)))
    assert listed == tsv.rows
    wide = trail.run("audit", "-n", "3", "-o", "wide").stdout.splitlines()
    assert wide[0].lower().split() == [*COLUMNS, "op_id"]
    assert wide[1].split()[-1] == "op-150"


def test_ids_are_those_of_the_operations(trail: World) -> None:
    trail.redis.xadd(trail.key("audit"), FOREIGN, id="1700000-3")
    outcome = trail.run("audit", "-n", "3", "-o", "id")
    assert outcome.stdout == "op-150\nop-149\n", "an entry without one has no line"


def test_json_has_every_key_of_every_record(trail: World) -> None:
    document = trail.run("audit", "-n", "2", "-o", "json").json
    assert list(document) == ["schema", "kind", "items", "next_cursor"]
    assert (document["schema"], document["kind"]) == ("jobctl/v1", "AuditList")
    first, second = document["items"]
    assert list(first) == [*KEYS, "hash", "prev"]
    assert (first["seq"], first["op_id"], first["job_id"]) == (150, "op-150", "job-0")
    assert (first["from"], first["to"]) == ("queued", "processing")
    assert first["prev"] == second["hash"] == trail.audit[-2]["hash"]
    assert first["at"] == trail.audit[-1]["at"]


def test_json_lines_are_records(trail: World) -> None:
    lines = trail.run("audit", "-n", "2", "-o", "jsonl").lines
    assert [list(line) for line in lines] == [["schema", "kind", *KEYS, "hash", "prev"]] * 2
    assert {line["kind"] for line in lines} == {"AuditEntry"}


def test_an_empty_trail(any_world: World) -> None:
    outcome = any_world.run("audit")
    assert (outcome.exit_code, outcome.rows) == (0, [])
    assert outcome.stderr == "no audit records found\n"
    document = any_world.run("audit", "-o", "json").json
    assert (document["items"], document["next_cursor"]) == ([], None)
    assert any_world.run("audit", "-o", "jsonl").stdout == ""
    assert any_world.run("audit", "-q").stderr == ""


def _pages(world: World, *options: str) -> Iterator[list[int]]:
    cursor: str | None = None
    while True:
        more = ["--cursor", cursor] if cursor else []
        document = world.run("audit", "list", "-o", "json", *options, *more).json
        yield [item["seq"] for item in document["items"]]
        cursor = document["next_cursor"]
        if cursor is None:
            return


@pytest.mark.parametrize("direction", [[], ["--oldest-first"]])
def test_pages_together_are_the_whole_trail(direction: list[str], trail: World) -> None:
    whole = list(range(1, 151))
    pages = list(_pages(trail, "--limit", "40", *direction))
    assert [len(page) for page in pages] == [40, 40, 40, 30]
    together = [seq for page in pages for seq in page]
    assert together == (whole if direction else whole[::-1])
    everything = trail.run("audit", "--all", *direction, "-o", "jsonl").lines
    assert [line["seq"] for line in everything] == together


def test_the_usual_limit_is_fifty_and_says_how_to_go_on(trail: World) -> None:
    outcome = trail.run("audit")
    assert len(outcome.rows) == 50
    assert outcome.stderr == "showing 50; more with --all or --cursor 101\n"
    assert trail.run("audit", "--cursor", "101", "-n", "1").rows[0]["seq"] == "100"
    assert trail.run("audit", "--all").stderr == ""
    assert trail.run("audit", "-o", "json").stderr == ""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--job", "job-7", "-n", "3"], [147, 137, 127]),
        (["--op", "op-12"], [12]),
        (["--op", "op-1200"], []),
        (["--actor", "cron"], [149]),
        (["--action", "delete"], [149, 148]),
        (["--action", "DELETE,create"], [149, 148, 147]),
        (["--action", "delete", "--action", "create"], [149, 148, 147]),
        (["--action", "delete", "--actor", "cron"], [149]),
        (["--since", "2026-03-01T12:02:30Z"], [150]),
        (["--until", "2026-03-01T12:00:02Z"], [1]),
        (["--since", "2026-03-01T12:00:02Z", "--until", "2026-03-01T12:00:04Z"], [3, 2]),
        (["--since", "1h"], []),
    ],
)
def test_filters(options: list[str], expected: list[int], any_world: World) -> None:
    changes = {
        147: {"action": "create"},
        148: {"action": "delete"},
        149: {"action": "delete", "actor": "cron"},
    }
    write_trail(any_world.redis, any_world.key("audit"), 150, lambda n: changes.get(n, {}))
    document = any_world.run("audit", *options, "-o", "json").json
    assert [item["seq"] for item in document["items"]] == expected


@pytest.mark.parametrize("output", FORMATS)
def test_what_jobctl_did_not_write_breaks_no_list(output: str, trail: World) -> None:
    stream = trail.key("audit")
    trail.redis.xadd(stream, FOREIGN | {"at": "once", "actor": "ops"}, id="1700000-3")
    trail.redis.xadd(stream, {b"\xff": b"\xfe", "actor": b"caf\xe9"}, id="1700000-4")
    for direction in ([], ["--oldest-first"]):
        outcome = trail.run("audit", "--all", "-o", output, *direction)
        assert outcome.exit_code == 0, outcome.stderr
        assert "op-1" in outcome.stdout or "summary 1" in outcome.stdout


def test_of_a_foreign_entry_that_is_shown_which_can_be_read(trail: World) -> None:
    trail.redis.xadd(trail.key("audit"), FOREIGN | {"at": "once", "actor": "ops"}, id="1700000-3")
    (row,) = trail.run("audit", "-n", "1").rows
    assert row == dict.fromkeys(COLUMNS, "") | {"seq": "1700000-3", "actor": "ops"}
    document = trail.run("audit", "-n", "1", "-o", "json").json
    assert document["items"] == [dict.fromkeys([*KEYS, "hash", "prev"]) | {"actor": "ops"}]
    assert document["next_cursor"] == "1700000-3"
    behind = trail.run("audit", "-n", "1", "--cursor", "1700000-3", "-o", "id")
    assert behind.stdout == "op-150\n"


@pytest.mark.parametrize("output", FORMATS)
def test_hostile_text_acts_on_nothing(output: str, any_world: World) -> None:
    for number, text in enumerate(HOSTILE.values(), start=1):
        stored = text.encode("utf-8", "surrogatepass")
        names = ("op_id", "actor", "action", "job_id", "from", "to", "reason", "summary", "hash")
        any_world.redis.xadd(any_world.key("audit"), dict.fromkeys(names, stored), id=f"{number}-0")
    outcome = any_world.run("audit", "-o", output)
    assert outcome.exit_code == 0, outcome.stderr
    assert not re.search(
        UNSAFE, outcome.stdout.replace("\t", "") if output == "tsv" else outcome.stdout
    )
    if output == "json":
        assert len(outcome.json["items"]) == len(HOSTILE)
    if output == "tsv":
        assert len(outcome.rows) == len(HOSTILE)


def test_times_are_relative_on_a_terminal_alone(any_world: World) -> None:
    any_world.create()
    shown = run_on_terminal("--color", "never", "audit", env=any_world.env, width=200)
    header, line = shown.stdout.splitlines()
    assert header.split() == [name.upper() for name in COLUMNS]
    assert line.split()[1] == "now" or " ago " in line
    assert any_world.audit[0]["at"] in any_world.run("audit").stdout


def test_a_terminal_is_told_how_to_go_on(trail: World) -> None:
    outcome = run_on_terminal("audit", "-n", "1", env=trail.env, width=200)
    assert outcome.stderr == "showing 1; more with --all or --cursor 150\n"


@pytest.mark.parametrize("output", ["tsv", "json", "jsonl", "csv", "id"])
def test_an_outage_never_reads_as_an_empty_trail(output: str, world: World) -> None:
    for url in ("redis://127.0.0.1:1/0", "unix:///nonexistent/redis.sock"):
        outcome = world.run("audit", "-o", output, JOBCTL_REDIS_URL=url)
        assert (outcome.exit_code, outcome.stdout) == (ExitCode.UNAVAILABLE, "")


@pytest.mark.parametrize("direction", [[], ["--oldest-first"]])
def test_a_key_that_is_no_stream(direction: list[str], any_world: World) -> None:
    any_world.redis.set(any_world.key("audit"), "not a stream")
    with unchanged(any_world):
        assert_failed(any_world.run("audit", *direction), ExitCode.UNAVAILABLE)


def test_a_user_who_may_not_read_the_trail(trail: World, tmp_path: Path) -> None:
    with limited_user(trail, tmp_path, "-xrevrange") as limited:
        refused = trail.run("audit", **limited)
        assert_refused(refused, ExitCode.NOT_PERMITTED)
        assert "XREVRANGE" in refused.stderr
        assert trail.run("audit", "--oldest-first", **limited).exit_code == 0


def test_an_error_is_json_where_json_is_asked_for(world: World) -> None:
    outcome = world.run("audit", "-o", "json", JOBCTL_REDIS_URL="redis://127.0.0.1:1/0")
    assert outcome.error["code"] == "unavailable"
