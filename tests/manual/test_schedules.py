"""The schedules of the manual: cron and systemd read them, and jobctl takes their commands."""

import configparser
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.exceptions import TyperException

from jobctl.cli.app import build
from jobctl.errors import EXIT_MEANINGS
from jobctl.manual.audit_sections import CRONTAB as AUDIT_CRONTAB
from jobctl.manual.sections import CRONTAB, SERVICE, TIMER

UNITS = {"jobctl-cleanup.service": SERVICE, "jobctl-cleanup.timer": TIMER}
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def unit(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # names keep their case
    parser.read_string(text)
    return parser


def crontab_entries(text: str) -> Sequence[tuple[Sequence[str], str]]:
    """The five fields of each entry, and its command."""
    lines = (line.split(maxsplit=5) for line in text.splitlines() if line and line[0] != "#")
    return [(fields, command) for *fields, command in lines]


def crontab_entry() -> tuple[Sequence[str], str]:
    """The only entry of a cleanup."""
    (entry,) = crontab_entries(CRONTAB)
    return entry


def parsed(words: Sequence[str]) -> Any:
    """What jobctl's parser makes of *words*: the options of the subcommand, None left out."""
    program = build()
    with program.make_context("jobctl", list(words)) as context:
        name, command, rest = program.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        with command.make_context(name, rest, parent=context) as inner:
            return name, {key: value for key, value in inner.params.items() if value}


def jobctl_words(command: str) -> Sequence[str]:
    """The words behind `jobctl`, up to a redirection."""
    words = shlex.split(re.sub(r"\d?>\S+", "", command))
    return words[words.index("jobctl") + 1 :]


@pytest.mark.parametrize("fields", [one for one, _ in crontab_entries(CRONTAB + AUDIT_CRONTAB)])
def test_cron_can_read_the_fields_of_an_entry(fields: Sequence[str]) -> None:
    assert len(fields) == len(RANGES)
    for field, (lowest, highest) in zip(fields, RANGES, strict=True):
        assert field == "*" or lowest <= int(field) <= highest


def test_the_entry_has_no_percent_sign_which_cron_reads_as_the_end_of_the_line() -> None:
    assert "%" not in crontab_entry()[1]


def test_the_command_of_the_entry_keeps_standard_error_for_the_mail() -> None:
    _, command = crontab_entry()
    assert command.endswith(" >/dev/null")
    assert "2>" not in command


@pytest.mark.parametrize("command", [one for _, one in crontab_entries(AUDIT_CRONTAB)])
def test_jobctl_takes_the_scheduled_commands_of_the_audit_trail(command: str) -> None:
    assert "%" not in command
    name, *rest = jobctl_words(command)[2:]
    assert name == "audit"
    group = build().get_command(None, "audit")
    with group.make_context("audit", rest, resilient_parsing=True) as context:
        _, found, words = group.resolve_command(context, [*context._protected_args, *context.args])
        with found.make_context(rest[0], words, parent=context) as inner:
            assert inner.params["quiet"] is True


@pytest.mark.parametrize("command", [crontab_entry()[1], unit(SERVICE)["Service"]["ExecStart"]])
def test_jobctl_takes_the_scheduled_command(command: str) -> None:
    name, options = parsed(jobctl_words(command))
    assert name == "cleanup"
    assert options["yes"] is True
    assert options["output"] == "jsonl"
    assert not options.get("dry_run")


def test_a_command_that_jobctl_does_not_take_is_noticed() -> None:
    with pytest.raises(TyperException, match="no-such-option"):
        parsed(["cleanup", "--yes", "--no-such-option"])


def test_the_service_runs_once_and_lets_another_run_be() -> None:
    service = unit(SERVICE)["Service"]
    assert service["Type"] == "oneshot"
    codes = {int(code) for code in service["SuccessExitStatus"].split()}
    assert {code.name for code in EXIT_MEANINGS if int(code) in codes} == {"LOCKED"}
    assert service["ExecStart"].startswith("/")


def test_the_timer_starts_the_service_of_its_name_every_night() -> None:
    timer = unit(TIMER)
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:\d\d", timer["Timer"]["OnCalendar"])
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert "Unit" not in timer["Timer"]


def test_cron_and_systemd_start_at_the_same_time() -> None:
    minute, hour, *_ = crontab_entry()[0]
    assert unit(TIMER)["Timer"]["OnCalendar"] == f"*-*-* {int(hour):02}:{int(minute):02}:00"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    for name, text in UNITS.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "jobctl-cleanup" in line]
    assert ours == []
    assert done.returncode == 0, done.stderr
