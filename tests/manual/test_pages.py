"""The manual pages: complete, and roff without a fault."""

import re
import subprocess
from itertools import chain
from pathlib import Path

import pytest

from jobctl.domain.status import ALIASES, JobStatus
from jobctl.errors import EXIT_MEANINGS
from jobctl.manual import prose
from jobctl.manual.pages import page_of
from jobctl.manual.program import Command, Group, Parameter, Program, read_program
from jobctl.manual.roff import Item
from jobctl.manual.sections import SECTIONS
from jobctl.settings import PURPOSES, environment_name
from tests.manual.shells import ROOT, needs

PAGES = sorted((ROOT / "man").glob("*.1"))
_IDS = [page.name for page in PAGES]
_EVERY_COMMAND = pytest.mark.parametrize(
    "command", read_program().leaves, ids=lambda one: "-".join(one.path)
)
_EVERY_GROUP = pytest.mark.parametrize("group", read_program().groups, ids=lambda one: one.name)


def _read(path: Path) -> str:
    """The page's text without its fonts and escapes."""
    text = re.sub(r"\\f[A-Z]|\\%", "", path.read_text("ascii"))
    return text.replace("\\-", "-").replace("\\(aq", "'")


def _page(program: Program, command: Command | None = None) -> str:
    name = f"{program.name}-{command.path[0]}" if command else program.name
    return _read(ROOT / "man" / f"{name}.1")


def _section(page: str, title: str) -> str:
    return page.partition(f"\n.SH {title}\n")[2].partition("\n.SH ")[0]


def _of_command(program: Program, command: Command) -> str:
    """What its page says of *command* alone, beside what is common to all."""
    page = _page(program, command)
    common = _section(page, "COMMON OPTIONS")
    if len(command.path) == 1:
        return page
    start = f".SS {' '.join(command.path)}\n"
    part = _section(page, "COMMANDS").partition(start)[2].partition(".SS ")[0]
    assert part, f"no {start}"
    return f"{part}\n{common}"


def _tags(page: str) -> set[str]:
    return set(re.findall(r"^\.TP\n(.+)$", page, re.MULTILINE))


def _tag(option: Parameter) -> str:
    metavar = f" {option.metavar}".replace("…", "...") if option.metavar else ""
    return ", ".join(option.flags) + metavar


@_EVERY_COMMAND
def test_every_option_is_in_its_page(program: Program, command: Command) -> None:
    assert {_tag(option) for option in command.all_options} <= _tags(_of_command(program, command))


@_EVERY_COMMAND
def test_every_argument_is_in_its_page(program: Program, command: Command) -> None:
    names = {argument.metavar for argument in command.arguments}
    assert names <= _tags(_of_command(program, command))


def test_every_option_of_the_program_is_in_its_page(program: Program) -> None:
    options = chain(program.options, program.shared)
    assert {_tag(option) for option in options} <= _tags(_page(program))


@_EVERY_COMMAND
def test_options_that_every_command_has_stand_once_in_a_page(
    program: Program, command: Command
) -> None:
    tags = re.findall(r"^\.TP\n(.+)$", _page(program, command), re.MULTILINE)
    assert [tags.count(_tag(option)) for option in program.shared] == [1] * len(program.shared)


@_EVERY_COMMAND
def test_every_command_has_a_line_in_the_synopsis(program: Program, command: Command) -> None:
    synopsis = _section(_page(program, command), "SYNOPSIS")
    lines = synopsis.replace(f"[{command.name}]", command.name).splitlines()
    start = f"jobctl [GLOBAL OPTION...] {' '.join(command.path)} [OPTION...]"
    assert len([line for line in lines if line.startswith(start)]) == 1


@_EVERY_GROUP
def test_a_group_is_one_page_in_the_order_of_its_commands(program: Program, group: Group) -> None:
    page = _page(program, group.commands[0])
    names = [" ".join(command.path) for command in group.commands]
    assert re.findall(r"^\.SS (.+)$", _section(page, "COMMANDS"), re.MULTILINE) == names


def test_the_command_that_is_meant_stands_in_brackets(program: Program) -> None:
    audit = next(one for one in program.leaves if one.path == ("audit", "list"))
    assert "audit [list] [OPTION...]" in _section(_page(program, audit), "SYNOPSIS")


def test_sections_of_one_page_belong_to_a_command(program: Program) -> None:
    assert set(SECTIONS) <= {command.name for command in program.commands}


def test_a_section_of_one_page_stands_behind_its_commands(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Nothing is lost."
    written = {"WHAT IS PROMISED": ("At once:", Item(tag="`now`", text=text))}
    monkeypatch.setitem(SECTIONS, "audit", written)
    (audit,) = (group for group in program.groups if group.name == "audit")
    page = page_of(program, audit)
    titles = re.findall(r"^\.SH (.+)$", page, re.MULTILINE)
    place = titles.index("WHAT IS PROMISED")
    assert titles[place - 1 : place + 2] == ["COMMANDS", "WHAT IS PROMISED", "COMMON OPTIONS"]
    assert text in _section(page, "WHAT IS PROMISED")
    assert text not in "".join(page_of(program, one) for one in program.commands if one != audit)


def test_every_command_has_a_page_and_is_in_the_main_one(program: Program) -> None:
    names = {f"jobctl-{command.name}" for command in program.commands}
    assert {page.stem for page in PAGES} == names | {"jobctl"}
    assert {f"{name}(1)" for name in names} <= _tags(_page(program))


@pytest.mark.parametrize("page", PAGES, ids=_IDS)
def test_every_exit_code_is_in_every_page(page: Path) -> None:
    exit_status = _read(page).partition(".SH EXIT STATUS\n")[2].partition(".SH ")[0]
    assert _tags(exit_status) == {str(int(code)) for code in EXIT_MEANINGS}


@pytest.mark.parametrize("setting", PURPOSES)
def test_every_setting_is_in_the_main_page_with_its_variable(
    program: Program, setting: str
) -> None:
    assert {setting, environment_name(setting)} <= _tags(_page(program))


def test_every_status_and_alias_is_in_the_main_page(program: Program) -> None:
    page = _page(program)
    assert set(JobStatus) <= _tags(page)
    assert all(alias in page for alias in ALIASES)


def test_every_status_has_a_meaning() -> None:
    assert set(prose.MEANINGS) == set(JobStatus)


@_EVERY_COMMAND
def test_examples_stand_as_they_are_typed(program: Program, command: Command) -> None:
    assert f".EX\n{command.examples}\n.EE" in _page(program, command).replace("\\(ti", "~")


@pytest.mark.parametrize("page", PAGES, ids=_IDS)
def test_sections_stand_in_the_usual_order(page: Path) -> None:
    usual = "NAME SYNOPSIS DESCRIPTION OPTIONS EXIT.STATUS ENVIRONMENT FILES EXAMPLES SEE.ALSO"
    pattern = ".*".join(f"^\\.SH {name}$" for name in usual.split())
    has_options = ".SH OPTIONS\n" in page.read_text()
    assert re.search(
        pattern if has_options else pattern.replace("SH OPTIONS", "SH COMMON OPTIONS"),
        page.read_text(),
        re.MULTILINE | re.DOTALL,
    )


@needs("groff")
@pytest.mark.parametrize("device", ["utf8", "ascii"])
@pytest.mark.parametrize("page", PAGES, ids=_IDS)
def test_groff_has_nothing_to_complain_about(page: Path, device: str) -> None:
    assert _complaints("groff", "-man", f"-T{device}", "-ww", "-z", str(page)) == []


@needs("mandoc")
@pytest.mark.parametrize("page", PAGES, ids=_IDS)
def test_mandoc_misses_nothing_but_a_date(page: Path) -> None:
    complaints = _complaints("mandoc", "-T", "lint", "-W", "warning", str(page))
    assert [one for one in complaints if "missing date" not in one] == []


@needs("mandoc")
@pytest.mark.parametrize("page", PAGES, ids=_IDS)
def test_apropos_finds_the_page_by_its_name_line(page: Path) -> None:
    rendered = subprocess.run(
        ["mandoc", "-T", "ascii", "-O", "width=200", str(page)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    plain = re.sub(".\b", "", rendered)
    assert re.search(rf"^NAME\n +{page.stem} - [a-z].*[^.]$", plain, re.MULTILINE)


def _complaints(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()
