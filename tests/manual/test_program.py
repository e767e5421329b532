"""The command tree as data."""

from inspect import cleandoc

from jobctl.cli.app import COMMANDS
from jobctl.cli.commands import audit, token
from jobctl.manual.program import Group, Program


def test_commands_and_groups_stand_in_the_order_of_the_tree(program: Program) -> None:
    assert {one.name: one.summary for one in program.commands} == COMMANDS
    assert [one.name for one in program.commands] == list(COMMANDS)


def test_a_group_has_its_commands_with_their_summaries(program: Program) -> None:
    group = _group(program, "token")
    assert {one.name: one.summary for one in group.commands} == token.COMMANDS
    assert [one.path for one in group.commands] == [("token", name) for name in token.COMMANDS]
    assert group.default is None


def test_a_group_names_the_command_that_is_meant(program: Program) -> None:
    assert _group(program, "audit").default == audit.DEFAULT


def test_a_group_is_described_by_its_help(program: Program) -> None:
    assert _group(program, "token").description == cleandoc(token.token.__doc__ or "")


def test_what_every_command_has_is_told_apart_from_what_is_its_own(program: Program) -> None:
    shared = [option.flags for option in program.shared]
    assert shared == [("-o", "--output"), ("--context",), ("-q", "--quiet"), ("-h", "--help")]
    for command in program.leaves:
        assert [option.flags for option in command.shared] == shared
        assert not {option.flags for option in command.options} & set(shared)


def test_leaves_are_all_commands_that_do_something(program: Program) -> None:
    paths = [command.path for command in program.leaves]
    assert ("create",) in paths
    assert ("token", "issue") in paths
    assert ("token",) not in paths


def _group(program: Program, name: str) -> Group:
    (found,) = (group for group in program.groups if group.name == name)
    return found
