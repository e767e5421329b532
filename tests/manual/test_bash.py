"""Completion in bash."""

from pathlib import Path

import pytest

from jobctl.domain.status import JobStatus
from jobctl.manual.program import Program
from jobctl.render.columns import COLUMNS
from jobctl.settings import PURPOSES
from tests.manual.shells import SCRIPTS, Home, bash_line, bash_words, needs, options_behind

pytestmark = needs("bash")


def test_the_script_loads_without_a_word(home: Home) -> None:
    script = str(SCRIPTS / "jobctl.bash")
    assert home.run("bash", "-n", script) == ""
    assert home.run("bash", "--norc", "-uec", f"source {script}; complete -p jobctl").strip()


def test_every_command_is_offered(home: Home, program: Program) -> None:
    assert bash_words(home, ["jobctl", ""]) == [command.name for command in program.commands]


def test_every_option_is_offered(home: Home, program: Program) -> None:
    for before, options in options_behind(program).items():
        flags = {flag for option in options for flag in option.flags}
        assert set(bash_words(home, ["jobctl", *before, "-"])) == flags


def test_every_command_of_a_group_is_offered_behind_it(home: Home, program: Program) -> None:
    for group in program.groups:
        names = [command.name for command in group.commands]
        assert bash_words(home, ["jobctl", group.name, ""]) == names


def test_a_word_behind_a_group_is_completed(home: Home) -> None:
    assert bash_line(home, "jobctl tok") == "jobctl token "
    assert bash_line(home, "jobctl token is") == "jobctl token issue "
    assert bash_line(home, "jobctl token issue --k") == "jobctl token issue --kind "
    assert bash_line(home, "jobctl token issue --kind=st") == "jobctl token issue --kind=stream "
    assert bash_line(home, "jobctl audit --oldest") == "jobctl audit --oldest-first "


def test_commands_of_a_group_are_told_apart(home: Home) -> None:
    assert bash_words(home, ["jobctl", "token", "verify", "--kind", ""]) == ["approval", "stream"]
    assert bash_words(home, ["jobctl", "token", "issue", "--e"]) == ["--extend"]
    assert bash_words(home, ["jobctl", "token", "verify", "--e"]) == []
    assert bash_words(home, ["jobctl", "verify", "--kind", ""]) == []
    words = ["jobctl", "--context", "token", "token", "--help", "revoke", "ID", "--tok"]
    assert bash_words(home, words) == ["--token-file"]


def test_a_group_without_a_default_has_no_options_but_its_own(home: Home) -> None:
    assert bash_words(home, ["jobctl", "token", "-"]) == ["-h", "--help"]


def test_the_options_of_the_default_are_offered_behind_its_group(home: Home) -> None:
    assert set(bash_words(home, ["jobctl", "audit", "--o"])) == {
        "--op",
        "--oldest-first",
        "--output",
    }
    assert bash_words(home, ["jobctl", "audit", "--all", "--act"]) == ["--actor", "--action"]
    assert bash_words(home, ["jobctl", "audit", "-o", "js"]) == ["json", "jsonl"]
    assert bash_words(home, ["jobctl", "audit", "--output=js"]) == [
        "--output=json",
        "--output=jsonl",
    ]


def test_no_command_is_offered_behind_an_option_of_the_default(home: Home) -> None:
    for behind in (["--all"], ["--op", "id"], ["--"]):
        assert bash_words(home, ["jobctl", "audit", *behind, ""]) == []


def test_options_before_the_command_do_not_hide_it(home: Home) -> None:
    words = ["jobctl", "--context", "list", "--color", "=", "never", "-v", "status", "--err"]
    assert bash_words(home, words) == ["--errors"]


def test_values_are_offered(home: Home) -> None:
    assert bash_words(home, ["jobctl", "list", "-o", "js"]) == ["json", "jsonl"]
    assert bash_words(home, ["jobctl", "list", "--sort", ""]) == ["updated", "created"]
    assert bash_words(home, ["jobctl", "--color", "=", "a"]) == ["auto", "always"]
    assert bash_words(home, ["jobctl", "create", "--priority", "U"]) == ["URGENT"]


def test_nothing_is_offered_where_nothing_is_known(home: Home) -> None:
    (home.path / "since.txt").touch()
    assert bash_words(home, ["jobctl", "list", "--since", ""]) == []
    assert bash_words(home, ["jobctl", "status", ""]) == []
    assert bash_line(home, "jobctl list --since si") == "jobctl list --since si"


def test_settings_are_offered_again_and_again(home: Home) -> None:
    assert bash_words(home, ["jobctl", "config", ""]) == list(PURPOSES)
    assert bash_words(home, ["jobctl", "config", "actor", "redis_u"]) == [
        "redis_url",
        "redis_username",
    ]


def test_lists_go_on_behind_the_comma(home: Home) -> None:
    found = bash_words(home, ["jobctl", "list", "--status", "failed,"])
    assert set(found) >= {f"failed,{one}" for one in JobStatus if one != "failed"}
    assert "failed,failed" not in found
    assert bash_words(home, ["jobctl", "list", "--columns", "=", "id,siz"]) == ["id,size"]
    assert set(bash_words(home, ["jobctl", "list", "--columns", ""])) == set(COLUMNS)


def test_a_value_in_the_same_word_is_completed(home: Home) -> None:
    assert bash_line(home, "jobctl list --status=denied,cancel") == (
        "jobctl list --status=denied,cancelled "
    )
    words = ["jobctl", "list", "--status=denied,cancel"]  # COMP_WORDBREAKS without =
    assert bash_words(home, words) == ["--status=denied,cancelled"]


def test_contexts_come_from_the_configuration(home: Home) -> None:
    assert bash_words(home, ["jobctl", "--context", ""]) == ["local"]
    home.add_contexts("production", "staging")
    assert bash_words(home, ["jobctl", "--context", ""]) == ["local", "production", "staging"]
    assert bash_words(home, ["jobctl", "list", "--context", "=", "s"]) == ["staging"]


@pytest.mark.parametrize(
    "line",
    [
        "jobctl create",
        "jobctl update id --findings",
        "jobctl --config",
        "jobctl create --",
        "jobctl token verify --token-file",
        "jobctl approve id -F",
    ],
)
def test_files_are_completed_by_the_shell_itself(home: Home, line: str) -> None:
    Path(home.path, "a report.pdf").touch()
    assert bash_line(home, f"{line} a") == f"{line} a\\ report.pdf "
