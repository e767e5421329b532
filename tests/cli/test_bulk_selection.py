"""Which jobs `approve`, `deny`, `cancel` and `retry` are about: ids, standard input, filters."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    CHANGES,
    WHY,
    actions,
    arguments_of,
    job_for,
    request_approval,
    statuses,
    summary,
)
from tests.cli.expect import assert_refused, unchanged
from tests.cli.runner import clean_environment, command, run
from tests.cli.world import World, new_id

NOWHERE = {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}
DAY = 86_400.0

each_verb = pytest.mark.parametrize("verb", CHANGES)


def _lines(ids: Sequence[str]) -> str:
    return "".join(f"{job_id}\n" for job_id in ids)


def _json_lines(ids: Sequence[str]) -> str:
    return "".join(json.dumps({"kind": "Job", "id": one, "x": [1]}) + "\n" for one in ids)


STDIN: dict[str, Callable[[Sequence[str]], str]] = {
    "lines": _lines,
    "no line feed at the end": "\n".join,
    "as Windows writes it": lambda ids: "\r\n".join(ids) + "\r\n",
    "blank lines and blanks": lambda ids: "\n \n\t\n".join(f"  {one} " for one in ids) + "\n\n",
    "each twice": lambda ids: _lines([*ids, *ids]),
    "JSON lines": _json_lines,
    "both": lambda ids: _lines(ids[:2]) + "\n" + _json_lines(ids[1:]),
}


@each_verb
@pytest.mark.parametrize("write", STDIN.values(), ids=STDIN.keys())
def test_ids_on_standard_input(
    write: Callable[[Sequence[str]], str], verb: str, world: World
) -> None:
    ids = [job_for(verb, world) for _ in range(3)]
    other = job_for(verb, world)
    outcome = world.run(*arguments_of(verb), "-", "-o", "id", stdin=write(ids))
    assert (outcome.exit_code, outcome.stdout) == (0, _lines(ids)), outcome.stderr
    before, after = CHANGES[verb]
    assert statuses(world, *ids, other) == [after, after, after, before]


@each_verb
@pytest.mark.parametrize("given", ["", "\n", " \n\t\n\r\n"])
def test_empty_standard_input_is_no_job_and_never_all(given: str, verb: str, world: World) -> None:
    for _ in range(2):
        job_for(verb, world)
    with unchanged(world):
        for options in ([], ["--yes"]):
            outcome = world.run(*arguments_of(verb), "-", *options, stdin=given)
            assert (outcome.exit_code, outcome.rows, outcome.stderr) == (0, [], "")
        document = world.run(*arguments_of(verb), "-", "-o", "json", stdin=given).json
    assert document["items"] == []
    assert set(document["summary"].values()) == {0}


MALFORMED: dict[str, bytes] = {
    "two words": b"a b",
    "a path": b"../x",
    "not an object": b'["a"]',
    "cut off": b'{"id": "a',
    "no id": b'{"name": "a"}',
    "a number": b'{"id": 5}',
    "a malformed id": b'{"id": "a b"}',
    "nested too deeply": b'{"a":' * 100_000,
    "not UTF-8": b"\xff\xfe",
    "a header": b"ID\tSTATUS",
    "a list document": b'{"schema":"jobctl/v1","kind":"JobList","items":[',
    "a control character": b"a\x1b[2J",
}


@each_verb
@pytest.mark.parametrize("line", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_line_is_refused_before_anything_is_changed(
    line: bytes, verb: str, world: World
) -> None:
    job_id = job_for(verb, world)
    with unchanged(world):
        outcome = world.run(*arguments_of(verb), "-", stdin=f"{job_id}\n".encode() + line + b"\n")
    assert_refused(outcome, ExitCode.USAGE)
    assert "\x1b" not in outcome.stderr


def test_standard_input_that_is_not_utf_8_is_refused_in_every_locale(world: World) -> None:
    for encoding in ("utf-8:strict", "utf-8:surrogateescape"):
        outcome = world.spawn("cancel", "-", stdin=b"\xff\n", PYTHONIOENCODING=encoding)
        assert_refused(outcome, ExitCode.USAGE)


def test_ids_stand_before_and_behind_standard_input(world: World) -> None:
    first, second, third = (world.seed() for _ in range(3))
    outcome = world.run("cancel", first, "-", third, first, "-o", "id", stdin=f"{second}\n")
    assert outcome.stdout == _lines([first, second, third])


def test_closed_standard_input_has_no_ids(world: World) -> None:
    world.seed()
    for arguments in (["cancel", "-"], ["approve", "-", *WHY], ["approve", "job", "-F", "-"]):
        shell = ["sh", "-c", 'exec "$@" <&-', "sh", *command(*arguments)]
        done = subprocess.run(
            shell, env=clean_environment(world.env), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
        assert "standard input is closed" in done.stderr
    assert actions(world) == []


def test_what_one_command_prints_the_next_one_reads(world: World) -> None:
    ids = [request_approval(world) for _ in range(3)]
    for output in ("id", "jsonl"):
        listed = world.run("list", "--status", "awaiting_approval", "-o", output).stdout
        dry = world.run("approve", "-", *WHY, "--no-verify", "--dry-run", "-o", "id", stdin=listed)
        assert set(dry.stdout.split()) == set(ids)
    approved = world.run("approve", "-", *WHY, "--no-verify", "-o", "jsonl", stdin=listed)
    cancelled = world.run("cancel", "-", "-o", "jsonl", stdin=approved.stdout)
    retried = world.run("retry", "-", "--no-verify", "-o", "json", stdin=cancelled.stdout)
    assert summary(retried) == {"requested": 3, "changed": 3}
    assert set(statuses(world, *ids)) == {"queued"}


ALL = ("queued", "pii_scanning", "awaiting_approval", "processing_queued", "processing",
       "waiting_for_remote_worker", "completed", "failed", "denied", "cancelled", "hibernating",
       "Running", "canceled")  # fmt: skip
USUAL = {
    "approve": {"awaiting_approval"},
    "deny": {"awaiting_approval"},
    "cancel": set(ALL) - {"completed", "failed", "denied", "cancelled", "canceled"},
    "retry": {"failed", "cancelled", "canceled"},
}


@each_verb
def test_filters_choose_among_the_jobs_that_the_command_is_for(verb: str, world: World) -> None:
    for status in ALL:
        job = {"document_type": "form", "job_id": f"job-{status}"}
        world.seed(status, **job)
        world.seed(status, document_type="other")
    outcome = world.run(*arguments_of(verb), "--type", "form", "--dry-run", "-o", "json")
    chosen = {item["id"].removeprefix("job-") for item in outcome.json["items"]}
    assert chosen == USUAL[verb]


def test_a_status_that_is_asked_for_is_looked_for_and_judged(world: World) -> None:
    queued, running, completed = world.seed("queued"), world.seed("Running"), world.seed("finished")
    command = ["cancel", "--status", "processing,completed", "--yes"]
    outcome = world.run(*command, "-o", "json")
    assert outcome.exit_code == ExitCode.PARTIAL
    assert summary(outcome) == {"requested": 2, "changed": 1, "failed": 1}
    assert statuses(world, queued, running, completed) == ["queued", "cancelled", "finished"]
    passed = world.run(*command, "--ignore-terminal")
    assert passed.exit_code == 0


def test_a_status_that_nobody_knows_is_said(world: World) -> None:
    """A cron job that cancels `procesing` for ever would never notice."""
    world.seed("processing")
    with unchanged(world):
        outcome = world.run("cancel", "--status", "procesing", "--yes")
    assert outcome.exit_code == 0
    assert "procesing is no status that jobctl knows" in outcome.stderr


FILTERS: dict[str, tuple[list[str], dict[str, object]]] = {
    "type": (["--type", "FORM,x"], {"document_type": "form"}),
    "user": (["--user", "u-1"], {"user_id": "u-1"}),
    "organization": (["--org", "o-1", "--org", "o-2"], {"organization_id": "o-2"}),
    "priority": (["--priority", "high"], {"priority": "HIGH"}),
    "name": (["--name", "*.PDF"], {"document_name": "a.pdf"}),
    "field": (["--field", "colour=red"], {"colour": "red"}),
    "older": (["--older", "7d"], {"at": time.time() - 8 * DAY}),
    "until": (["--until", "7d"], {"at": time.time() - 8 * DAY}),
    "several": (["--type", "form", "--user", "u-3"], {"document_type": "form", "user_id": "u-3"}),
}


@each_verb
@pytest.mark.parametrize(("options", "fields"), FILTERS.values(), ids=FILTERS.keys())
def test_filters_choose_as_in_list(
    options: list[str], fields: dict[str, object], verb: str, world: World
) -> None:
    status = CHANGES[verb][0]
    other = job_for(verb, world, document_type="other", user_id="u-3", colour="blue")
    deadline = {"approval_expires_at": "2099-01-01T00:00:00+00:00"}
    chosen = world.seed(status, **deadline, **fields)
    listed = world.run("list", *options, "-o", "id").stdout
    outcome = world.run(*arguments_of(verb), *options, "--yes", "-o", "id")
    assert (outcome.exit_code, outcome.stdout) == (0, listed) == (0, f"{chosen}\n")
    assert statuses(world, chosen, other) == [CHANGES[verb][1], status]


def test_since_chooses_what_changed_lately(world: World) -> None:
    world.seed(at=time.time() - DAY)
    recent = world.seed()
    assert world.run("cancel", "--since", "1h", "--yes", "-o", "id").stdout == f"{recent}\n"


@each_verb
def test_many_jobs_are_chosen_once_each(verb: str, world: World) -> None:
    moment = time.time() - 60
    ids = {job_for(verb, world, at=moment) for _ in range(150)}
    outcome = world.run(*arguments_of(verb), "--since", "1h", "--yes", "-o", "json")
    assert outcome.exit_code == 0, outcome.stderr
    assert summary(outcome) == {"requested": 150, "changed": 150}
    assert {item["id"] for item in outcome.json["items"]} == ids
    assert actions(world).count(verb) == 150


@each_verb
def test_without_a_terminal_filters_need_yes(verb: str, world: World) -> None:
    for _ in range(2):
        job_for(verb, world)
    with unchanged(world):
        for stdin in ("", "y\n"):
            outcome = world.run(*arguments_of(verb), "--since", "1d", stdin=stdin)
            assert_refused(outcome, ExitCode.REFUSED)
            assert "2 jobs" in outcome.stderr
            assert "--yes" in outcome.stderr
        error = world.run(*arguments_of(verb), "--since", "1d", "-o", "json").error
        assert (error["code"], error["exit_code"]) == ("refused", 7)
        dry = world.run(*arguments_of(verb), "--since", "1d", "--dry-run")
    assert (dry.exit_code, len(dry.rows)) == (0, 2)
    assert dry.stderr == "dry run: nothing was changed\n"


@each_verb
def test_no_match_is_said_and_no_error(verb: str, world: World) -> None:
    job_for(verb, world)
    options = ["--type", "nothing"]
    with unchanged(world):
        outcome = world.run(*arguments_of(verb), *options)
        silent = world.run(*arguments_of(verb), *options, "-o", "json")
        quiet = world.run(*arguments_of(verb), *options, "-q")
    assert (outcome.exit_code, outcome.rows) == (0, [])
    assert outcome.stderr == f"jobctl: no jobs to {verb}\n"
    assert (silent.exit_code, silent.json["items"], silent.stderr) == (0, [], "")
    assert (quiet.exit_code, quiet.stderr) == (0, "")


BLANK = [
    [option, value]
    for option in ("--status", "--type", "--priority", "--user", "--org")
    for value in ("", " ", ",")
] + [[option, ""] for option in ("--since", "--until", "--older", "--name", "--field")]


@pytest.mark.parametrize("blank", BLANK, ids=" ".join)
def test_a_filter_that_says_nothing_never_chooses_all(blank: list[str], world: World) -> None:
    """`--user "$UNSET"`, alone and where another filter stands beside it."""
    world.seed(user_id="u-1", document_type="form")
    with unchanged(world):
        for beside in ([], ["--type", "form"], ["--user", "u-1"]):
            outcome = world.run("cancel", *beside, *blank, "--yes")
            assert_refused(outcome, ExitCode.USAGE)
            assert blank[0] in outcome.stderr


@each_verb
def test_ids_and_filters_and_wrong_filters_contact_nothing(verb: str) -> None:
    for arguments in (
        [new_id(), "--status", "active"],
        ["-", "--older", "7d"],
        ["--older", "30"],
        ["--older", "1d", "--until", "now"],
        ["--field", "colour"],
        ["--priority", "SOON"],
        ["--since", "yesterday"],
        ["job", "--wait", "5"],
        ["job", "--wait", "0s"],
    ):
        outcome = run(*arguments_of(verb), *arguments, "--yes", env=NOWHERE, stdin="job\n")
        assert_refused(outcome, ExitCode.USAGE)
    outcome = run(*arguments_of(verb), "--older", "7d", "--yes", env=NOWHERE)
    assert_refused(outcome, ExitCode.UNAVAILABLE)
