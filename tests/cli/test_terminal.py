"""On a terminal: tables that fit, ids that stay whole, and data that cannot act on it."""

import re

import pytest

from tests.cli.terminal import run_on_terminal
from tests.cli.world import World

COLOR = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = (
    "\x1b]0;owned\x07 \x1b[2J\x1b[31mred",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x9b31m C1 \x85 next \u2028 line",
    "abc\u202etxt.exe \u2066hidden\u2069",
    "[/x] [bold]not bold[/bold] [link=http://evil]",
    "tab\there\nand a new line\rand back",
    "\x00nul \x7fdel \ufeffbom \u200bzero",
)


def _without_color(text: str) -> str:
    return COLOR.sub("", text)


def _assert_harmless(shown: str) -> None:
    bare = _without_color(shown)
    assert not re.search(
        r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2066-\u2069\ufeff]", bare
    )


def test_a_list_is_a_table_that_fits_with_whole_ids(world: World) -> None:
    job_id = world.seed(document_name="a very long name " * 10, document_type="type")
    outcome = run_on_terminal("list", env=world.env, width=100)
    assert outcome.exit_code == 0
    header, line = _without_color(outcome.stdout).splitlines()
    assert header.split()[:2] == ["ID", "STATUS"]
    assert line.startswith(f"{job_id}  queued")
    assert len(line) <= 100
    assert "…" in line
    assert "ago" in line or line.rstrip().endswith("now")


def test_a_narrow_terminal_cuts_no_id(world: World) -> None:
    job_id = world.seed(document_name="x" * 200)
    outcome = run_on_terminal("list", env=world.env, width=30)
    assert job_id in outcome.stdout
    status = run_on_terminal("status", job_id, env=world.env, width=60)
    assert job_id in status.stdout


def test_hostile_names_do_nothing_to_a_terminal(world: World) -> None:
    ids = [world.seed("failed", document_name=name, summary=name, colour=name) for name in HOSTILE]
    for arguments in (
        ["list"],
        ["list", "-o", "wide"],
        ["list", "--columns", "id,name,summary"],
        ["status", *ids],
        ["list", "-o", "json"],
        ["list", "-o", "csv"],
        ["status", "-o", "tsv", *ids],
    ):
        outcome = run_on_terminal(*arguments, env=world.env, width=120)
        assert outcome.exit_code == 0, outcome.stderr
        separator = "\t" if "tsv" in arguments else " "
        _assert_harmless(outcome.stdout.replace(separator, " "))
        for job_id in ids:
            assert job_id in outcome.stdout


def test_markup_in_a_name_is_shown_as_it_is(world: World) -> None:
    job_id = world.seed(document_name=HOSTILE[4])
    for arguments in (["list", "-o", "wide"], ["status", job_id]):
        outcome = run_on_terminal(*arguments, env=world.env, width=300)
        assert HOSTILE[4] in _without_color(outcome.stdout)


def test_hostile_arguments_come_back_harmless(world: World) -> None:
    for arguments in (
        ["status", "\x1b[2Jx"],
        ["\x1b[2Jx"],
        ["list", "--status", "\x1b[2Jx"],
        ["create", "\x1b[2Jx"],
        ["list", "--columns", "\x1b[2Jx"],
        ["list", "-o", "\x1b[2Jx"],
        ["list", "--\x1b[2Jx"],
        ["config", "\x1b[2Jx"],
    ):
        assert "\x1b" not in world.run(*arguments).stderr


def test_create_says_what_it_made_on_a_terminal(world: World) -> None:
    outcome = run_on_terminal("create", world.file(), "--id", "job-1", env=world.env, width=120)
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("job-1  created (queued)")


def test_status_reads_like_a_page(world: World) -> None:
    job_id = world.seed("processing", total_rows="200", processed_rows="50")
    shown = _without_color(run_on_terminal("status", job_id, env=world.env).stdout)
    assert f"Job  {job_id}" in re.sub(" +", "  ", shown)
    assert "25%" in shown
    assert "Kept for" in shown


COLORS = [
    ({}, [], True),
    ({"NO_COLOR": "1"}, [], False),
    ({"NO_COLOR": ""}, [], True),
    ({"TERM": "dumb"}, [], False),
    ({}, ["--color", "never"], False),
    ({"NO_COLOR": "1"}, ["--color", "always"], True),
    ({"TERM": "dumb"}, ["--color", "always"], True),
    ({"JOBCTL_COLOR": "never"}, [], False),
    ({"JOBCTL_COLOR": "never"}, ["--color", "always"], True),
]


@pytest.mark.parametrize(("env", "root", "colored"), COLORS)
def test_color_on_a_terminal(
    env: dict[str, str], root: list[str], colored: bool, world: World
) -> None:
    job_id = world.seed("failed")
    for arguments in (["list"], ["status", job_id]):
        outcome = run_on_terminal(*root, *arguments, env=world.env | env)
        assert ("\x1b[" in outcome.stdout) == colored, arguments


@pytest.mark.parametrize("command", ["list", "status", "doctor"])
def test_color_off_a_terminal_only_on_request(command: str, world: World) -> None:
    job_id = world.seed("failed")
    arguments = [command, *([job_id] if command == "status" else []), "-o", "table"]
    for env in ({}, {"FORCE_COLOR": "1"}, {"NO_COLOR": "1"}):
        assert "\x1b" not in world.run(*arguments, **env).stdout
    assert "\x1b[" in world.run("--color", "always", *arguments).stdout
    assert "\x1b[" in world.run("--color", "always", *arguments, NO_COLOR="1").stdout


@pytest.mark.parametrize("output", ["json", "jsonl", "csv", "tsv", "id"])
def test_formats_for_programs_are_never_colored(output: str, world: World) -> None:
    world.seed("failed")
    assert "\x1b" not in world.run("--color", "always", "list", "-o", output).stdout
    shown = run_on_terminal("--color", "always", "list", "-o", output, env=world.env)
    assert "\x1b" not in shown.stdout


LOCALES = [
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii:strict"},
]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("output", ["table", "json"])
def test_a_locale_that_is_not_utf8_breaks_nothing(
    output: str, locale: dict[str, str], world: World
) -> None:
    job_id = world.seed(document_name="Übersicht 日本 🎉")
    outcome = world.spawn("status", job_id, "-o", output, **locale)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert job_id in outcome.stdout


def test_an_error_in_a_locale_that_is_not_utf8(world: World) -> None:
    outcome = world.spawn("status", "nobody-knöws", **LOCALES[0])
    assert outcome.exit_code == 2
    assert "Traceback" not in outcome.stderr
