"""`audit show`: a record as a person and as a program read it."""

import re
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.audit_user import limited_user
from tests.cli.expect import assert_refused, unchanged
from tests.cli.runner import run
from tests.cli.terminal import run_on_terminal
from tests.cli.world import World
from tests.render.hostile import HOSTILE, unsafe
from tests.storage.audit_trail import FOREIGN, write_trail

FORMATS = ("table", "wide", "json", "jsonl", "csv", "tsv", "id")


@pytest.fixture
def trail(any_world: World) -> World:
    write_trail(any_world.redis, any_world.key("audit"), 12)
    return any_world


def test_json_is_the_record_of_a_list_and_what_was_found(trail: World) -> None:
    listed = trail.run("audit", "--cursor", "8", "-n", "1", "-o", "jsonl").lines[0]
    shown = trail.run("audit", "show", "7", "-o", "json").json
    assert shown == listed | {"hash_ok": True, "prev_ok": True}
    assert list(shown) == [*listed, "hash_ok", "prev_ok"]
    assert trail.run("audit", "show", "7-0", "-o", "jsonl").lines == [shown]


def test_a_terminal_has_a_line_for_each_field(trail: World) -> None:
    shown = run_on_terminal("--color", "never", "audit", "show", "7", env=trail.env, width=120)
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in shown.stdout.splitlines())
    stored = trail.audit[6]
    assert (lines["Record"], lines["Operation"], lines["Job"]) == ("7", "op-7", "job-7")
    assert (lines["Hash"], lines["Hash of the record before"]) == (stored["hash"], stored["prev"])
    assert lines["At"].startswith("2026-03-01T12:00:07Z (")
    assert lines["Own hash"] == "right"
    assert lines["Link"] == "it pins the record before it"


def test_a_row_holds_it_all(trail: World) -> None:
    (row,) = trail.run("audit", "show", "7").rows
    assert (row["seq"], row["reason"], row["hash"]) == ("7", "reason 7", trail.audit[6]["hash"])
    assert (row["hash_ok"], row["prev_ok"]) == ("true", "true")
    assert trail.run("audit", "show", "7", "-o", "id").stdout == "op-7\n"
    assert "op-7" in trail.run("audit", "show", "7", "-o", "wide").stdout


def test_a_changed_record_is_shown_as_such(trail: World) -> None:
    stream = trail.key("audit")
    before = trail.audit[-1]
    trail.redis.xadd(stream, {**before, "actor": "nobody", "prev": before["hash"]}, id="13-0")
    outcome = trail.run("audit", "show", "13", "-o", "json")
    assert (outcome.exit_code, outcome.json["hash_ok"]) == (0, False)
    assert outcome.json["prev_ok"] is True
    shown = trail.run("audit", "show", "13", "-o", "table").stdout
    assert "wrong: the record was changed after it was written" in shown


def test_the_oldest_record_says_that_nothing_is_before_it(trail: World) -> None:
    trail.redis.xtrim(trail.key("audit"), minid="5-0", approximate=False)
    document = trail.run("audit", "show", "5", "-o", "json").json
    assert (document["hash_ok"], document["prev_ok"]) == (True, None)
    assert "oldest record that is kept" in trail.run("audit", "show", "5", "-o", "table").stdout
    assert trail.run("audit", "show", "5").rows[0]["prev_ok"] == ""


@pytest.mark.parametrize("output", FORMATS)
def test_what_jobctl_did_not_write_is_shown_as_far_as_it_can_be_read(
    output: str, trail: World
) -> None:
    fields = FOREIGN | {"at": "once", "actor": "ops", "op_id": "theirs", "note": "CANARY"}
    trail.redis.xadd(trail.key("audit"), fields, id="1700000-3")
    outcome = trail.run("--debug", "audit", "show", "1700000-3", "-o", output)
    assert outcome.exit_code == 0, outcome.stderr
    assert ("theirs" if output == "id" else "ops") in outcome.stdout
    assert "CANARY" not in outcome.everything
    if output == "json":
        assert (outcome.json["hash_ok"], outcome.json["prev_ok"]) == (None, None)
    if output == "table":
        assert re.search(r"Other fields +2, not shown", outcome.stdout)


@pytest.mark.parametrize("output", FORMATS)
def test_hostile_text_acts_on_nothing(output: str, any_world: World) -> None:
    names = ("op_id", "actor", "action", "job_id", "from", "to", "reason", "summary", "hash")
    for number, text in enumerate(HOSTILE.values(), start=1):
        stored = text.encode("utf-8", "surrogatepass")
        any_world.redis.xadd(any_world.key("audit"), dict.fromkeys(names, stored), id=f"{number}-0")
        shown = any_world.run("audit", "show", str(number), "-o", output)
        assert shown.exit_code == 0, shown.stderr
        assert unsafe(shown.stdout.replace("\n", "").replace("\t", "")) == []


@pytest.mark.parametrize("seq", ["x", "0", "1-2-3", "1_0", "", " 1", "9" * 30])
def test_a_malformed_number_is_refused(seq: str) -> None:
    outcome = run("audit", "show", seq, env={"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"})
    assert_refused(outcome, ExitCode.USAGE)


def test_no_number_is_refused() -> None:
    assert_refused(run("audit", "show"), ExitCode.USAGE)


def test_a_record_that_there_is_not(trail: World) -> None:
    with unchanged(trail):
        assert_refused(trail.run("audit", "show", "13"), ExitCode.NOT_FOUND)
    assert trail.run("audit", "show", "13", "-o", "json").error["code"] == "not_found"


def test_a_key_that_is_no_stream(any_world: World) -> None:
    any_world.redis.set(any_world.key("audit"), "not a stream")
    assert_refused(any_world.run("audit", "show", "1"), ExitCode.UNAVAILABLE)


def test_a_user_who_may_not_read_the_trail(trail: World, tmp_path: Path) -> None:
    with limited_user(trail, tmp_path, "-xrevrange") as limited:
        refused = trail.run("audit", "show", "7", **limited)
    assert_refused(refused, ExitCode.NOT_PERMITTED)
    assert "XREVRANGE" in refused.stderr
