"""A command that is a group of commands: `jobctl audit list`, `jobctl audit`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobctl.cli import tree
from jobctl.errors import ExitCode
from tests.cli.expect import assert_refused
from tests.cli.runner import run
from tests.cli.world import World
from tests.storage.audit_trail import write_trail


@pytest.mark.parametrize(
    "options", [[], ["--job", "job-3"], ["-n", "2", "-q"], ["--oldest-first"], ["-o", "json"]]
)
def test_a_group_alone_is_its_default_with_the_same_options(
    options: list[str], world: World
) -> None:
    write_trail(world.redis, world.key("audit"), 9)
    short, long = world.run("audit", *options), world.run("audit", "list", *options)
    assert short == long
    assert short.exit_code == 0
    assert short.stdout


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_that_of_the_group_or_of_its_command(flag: str) -> None:
    group, member = run("audit", flag), run("audit", "list", flag)
    assert (group.exit_code, member.exit_code) == (0, 0)
    assert "Usage: jobctl audit " in group.stdout
    assert "Commands:\n  list " in group.stdout
    assert "--oldest-first" not in group.stdout
    assert "Usage: jobctl audit list " in member.stdout
    assert "--oldest-first" in member.stdout
    assert "jobctl audit list --job $ID" in member.stdout
    assert run("audit", "--job", "x", flag).stdout == member.stdout
    assert "\n  audit " in run("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["audit", "lst"], "did you mean list?"),
        (["audit", "frobnicate"], "jobctl audit --help"),
        (["audit", "--nonsense"], "jobctl audit list --help"),
        (["audit", "list", "x"], "jobctl audit list --help"),
        (["audit", "-q", "list"], "jobctl audit list --help"),
    ],
)
def test_a_wrong_command_line_is_refused_with_the_whole_path(
    arguments: list[str], remedy: str
) -> None:
    outcome = run(*arguments)
    assert_refused(outcome, ExitCode.USAGE)
    assert remedy in outcome.stderr
    assert run(*arguments, "-o", "json").error["code"] == "usage"


@pytest.fixture
def plain_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A group that has no default."""
    package = tmp_path / "commands_under_test" / "tools"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        'COMMANDS = {"hammer": "Hit something."}\n'
        "def tools():\n"
        '    """What there is to work with."""\n'
    )
    (package / "hammer.py").write_text(
        'EXAMPLES = "tools hammer"\ndef hammer():\n    """Hit."""\n    return "hit"\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield tree._load("commands_under_test", "tools")
    for name in [name for name in sys.modules if name.startswith("commands_under_test")]:
        del sys.modules[name]


def test_a_group_without_a_default_shows_its_help(
    plain_group: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {}
    for arguments in ((), ("--help",)):
        assert plain_group.main([*arguments], prog_name="tools", standalone_mode=False) == 0
        answers[arguments] = capsys.readouterr().out
    assert answers[()] == answers[("--help",)]
    assert "What there is to work with." in answers[()]
    assert "hammer  Hit something." in answers[()]


def test_a_group_without_a_default_runs_the_command_that_is_named(plain_group: Any) -> None:
    assert plain_group.main(["hammer"], prog_name="tools", standalone_mode=False) == "hit"


def test_jobctl_alone_shows_its_help() -> None:
    assert run() == run("--help")
    assert run("--verbose").stdout == run().stdout
