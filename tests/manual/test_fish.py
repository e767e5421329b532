"""Completion in fish."""

from jobctl.domain.status import JobStatus
from jobctl.manual.program import Program
from jobctl.settings import PURPOSES
from tests.manual.shells import SCRIPTS, Home, fish_words, needs, options_behind

pytestmark = needs("fish")


def test_the_script_loads_without_a_word(home: Home) -> None:
    script = str(SCRIPTS / "jobctl.fish")
    assert home.run("fish", "--no-config", "-n", script) == ""
    assert home.run("fish", "--no-config", "-c", f"source {script}") == ""


def test_every_command_is_offered_with_its_summary(home: Home, program: Program) -> None:
    expected = {command.name: command.summary for command in program.commands}
    assert fish_words(home, "jobctl ") == expected


def test_every_option_is_offered_with_its_help(home: Home, program: Program) -> None:
    for before, options in options_behind(program).items():
        expected = {flag: one.help for one in options for flag in one.flags}
        assert fish_words(home, " ".join(["jobctl", *before, "-"])) == expected


def test_every_command_of_a_group_is_offered_with_its_summary(home: Home, program: Program) -> None:
    for group in program.groups:
        expected = {command.name: command.summary for command in group.commands}
        assert fish_words(home, f"jobctl {group.name} ") == expected


def test_a_word_behind_a_group_is_completed(home: Home) -> None:
    assert set(fish_words(home, "jobctl token is")) == {"issue"}
    assert set(fish_words(home, "jobctl token issue --k")) == {"--kind"}
    assert set(fish_words(home, "jobctl token issue --kind ")) == {"approval", "stream"}
    assert set(fish_words(home, "jobctl --context token token verify --tok")) == {"--token-file"}


def test_commands_of_a_group_are_told_apart(home: Home) -> None:
    assert set(fish_words(home, "jobctl token issue --e")) == {"--extend"}
    assert not fish_words(home, "jobctl token verify --e")
    assert not fish_words(home, "jobctl verify --kind ")


def test_the_options_of_the_default_are_offered_behind_its_group(home: Home) -> None:
    assert set(fish_words(home, "jobctl audit --o")) == {"--op", "--oldest-first", "--output"}
    assert set(fish_words(home, "jobctl audit --all --act")) == {"--action", "--actor"}
    assert set(fish_words(home, "jobctl audit -o js")) == {"json", "jsonl"}


def test_no_command_is_offered_behind_an_option_of_the_default(home: Home) -> None:
    for behind in ("--all", "--op id", "--"):
        assert not fish_words(home, f"jobctl audit {behind} ")


def test_values_are_offered(home: Home) -> None:
    assert set(fish_words(home, "jobctl list -o js")) == {"json", "jsonl"}
    assert set(fish_words(home, "jobctl --color=a")) == {"--color=auto", "--color=always"}
    assert set(fish_words(home, "jobctl --context list create --priority U")) == {"URGENT"}
    assert set(fish_words(home, "jobctl config actor ")) == set(PURPOSES)
    assert not fish_words(home, "jobctl list --since ")


def test_lists_go_on_behind_the_comma(home: Home) -> None:
    found = set(fish_words(home, "jobctl list --status failed,"))
    assert found >= {f"failed,{one}" for one in JobStatus if one != "failed"}
    assert "failed,failed" not in found
    assert set(fish_words(home, "jobctl list --columns=id,siz")) == {"--columns=id,size"}


def test_contexts_come_from_the_configuration(home: Home) -> None:
    assert set(fish_words(home, "jobctl --context ")) == {"local"}
    home.add_contexts("production", "staging")
    assert set(fish_words(home, "jobctl --context ")) == {"local", "production", "staging"}


def test_files_are_offered_where_a_file_is_wanted(home: Home) -> None:
    (home.path / "report.pdf").touch()
    assert set(fish_words(home, "jobctl create rep")) == {"report.pdf"}
    for before in ("update id --findings", "token verify --token-file", "approve id -F"):
        assert set(fish_words(home, f"jobctl {before} rep")) == {"report.pdf"}
    assert not fish_words(home, "jobctl list rep")
