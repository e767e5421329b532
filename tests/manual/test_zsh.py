"""Completion in zsh."""

from jobctl.domain.status import JobStatus
from jobctl.manual.program import Program
from jobctl.settings import PURPOSES
from tests.manual.shells import SCRIPTS, Home, needs, options_behind, zsh_words

pytestmark = needs("zsh")


def test_the_script_loads_without_a_word(home: Home) -> None:
    script = str(SCRIPTS / "_jobctl")
    assert home.run("zsh", "-f", "-n", script) == ""
    load = f"autoload -Uz compinit && compinit -u -D && source {script} && print $_comps[jobctl]"
    assert home.run("zsh", "-f", "-c", load) == "_jobctl\n"


def test_every_command_is_offered_with_its_summary(home: Home, program: Program) -> None:
    found = zsh_words(home, "jobctl ")
    assert list(found) == [command.name for command in program.commands]
    for command in program.commands:
        assert found[command.name].endswith(f"-- {command.summary}")


def test_every_option_is_offered(home: Home, program: Program) -> None:
    for before, options in options_behind(program).items():
        flags = {flag for option in options for flag in option.flags}
        assert set(zsh_words(home, " ".join(["jobctl", *before, "-"]))) == flags


def test_every_command_of_a_group_is_offered_with_its_summary(home: Home, program: Program) -> None:
    for group in program.groups:
        found = zsh_words(home, f"jobctl {group.name} ")
        assert list(found) == [command.name for command in group.commands]
        for command in group.commands:
            assert found[command.name].endswith(f"-- {command.summary}")


def test_a_word_behind_a_group_is_completed(home: Home) -> None:
    assert list(zsh_words(home, "jobctl token is")) == ["issue"]
    assert list(zsh_words(home, "jobctl token issue --k")) == ["--kind"]
    assert list(zsh_words(home, "jobctl token issue --kind ")) == ["approval", "stream"]
    assert list(zsh_words(home, "jobctl --context token token verify --tok")) == ["--token-file"]


def test_commands_of_a_group_are_told_apart(home: Home) -> None:
    assert list(zsh_words(home, "jobctl token issue --e")) == ["--extend"]
    assert not zsh_words(home, "jobctl token verify --e")
    assert not zsh_words(home, "jobctl verify --kind ")


def test_the_options_of_the_default_are_offered_behind_its_group(home: Home) -> None:
    assert set(zsh_words(home, "jobctl audit --o")) == {"--op", "--oldest-first", "--output"}
    assert set(zsh_words(home, "jobctl audit --all --act")) == {"--action", "--actor"}
    assert list(zsh_words(home, "jobctl audit -o js")) == ["json", "jsonl"]


def test_no_command_is_offered_behind_an_option_of_the_default(home: Home) -> None:
    for behind in ("--all", "--op id", "--"):
        assert "list" not in zsh_words(home, f"jobctl audit {behind} ")


def test_options_are_offered_behind_arguments_too(home: Home) -> None:
    for before in ("approve id", "config actor", "token revoke id", "status id"):
        assert set(zsh_words(home, f"jobctl {before} --out")) == {"--output"}


def test_an_option_is_offered_with_its_help(home: Home) -> None:
    found = zsh_words(home, "jobctl list --since 7d --unt")
    assert found["--until"].startswith("--until  -- Changed before")


def test_values_are_offered(home: Home) -> None:
    assert list(zsh_words(home, "jobctl list -o js")) == ["json", "jsonl"]
    assert list(zsh_words(home, "jobctl --color=a")) == ["auto", "always"]
    assert list(zsh_words(home, "jobctl --context list create --priority U")) == ["URGENT"]
    assert set(zsh_words(home, "jobctl config actor ")) == set(PURPOSES)


def test_lists_go_on_behind_the_comma(home: Home) -> None:
    found = set(zsh_words(home, "jobctl list --status failed,"))
    assert found >= set(JobStatus) - {"failed"}
    assert "failed" not in found


def test_contexts_come_from_the_configuration(home: Home) -> None:
    home.add_contexts("production", "staging")
    assert set(zsh_words(home, "jobctl --context ")) == {"local", "production", "staging"}


def test_files_are_offered_where_a_file_is_wanted(home: Home) -> None:
    (home.path / "report.pdf").touch()
    assert set(zsh_words(home, "jobctl create rep")) == {"report.pdf"}
    for before in ("update id --findings", "token verify --token-file", "approve id -F"):
        assert set(zsh_words(home, f"jobctl {before} rep")) == {"report.pdf"}
    assert not zsh_words(home, "jobctl list rep")
