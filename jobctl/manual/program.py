"""The command tree as plain data: what there is to document and to complete."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from itertools import chain
from typing import Any

import typer

from jobctl.cli.app import build
from jobctl.cli.tree import LazyGroup
from jobctl.domain.moments import format_duration
from jobctl.manual.completed import Completed, completed_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """An option, or an argument: that has no flags. A switch has no metavar."""

    name: str
    flags: tuple[str, ...]
    metavar: str | None
    help: str
    default: str | None
    required: bool
    repeatable: bool
    completed: Completed


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`path` are the words that name it, its group's before its own. `shared` are the options
    that every command has, `options` the others."""

    path: tuple[str, ...]
    summary: str
    description: str
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    shared: tuple[Parameter, ...]
    examples: str

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def all_options(self) -> tuple[Parameter, ...]:
        return self.options + self.shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Commands behind one name. Where none of them is named, the one named `default` is meant:
    its options may follow the group's name. `options` are the group's own."""

    name: str
    summary: str
    description: str
    options: tuple[Parameter, ...]
    commands: tuple[Command, ...]
    default: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    description: str
    options: tuple[Parameter, ...]
    shared: tuple[Parameter, ...]
    commands: tuple[Command | Group, ...]

    @property
    def groups(self) -> tuple[Group, ...]:
        return tuple(one for one in self.commands if isinstance(one, Group))

    @property
    def leaves(self) -> tuple[Command, ...]:
        """The commands that do something: in the place of a group, those behind its name."""
        return _leaves(self.commands)


def read_program() -> Program:
    tree = build()
    root = _context(tree, "jobctl", None)
    read = tuple(_command_or_group(tree, name, root) for name in tree.list_commands(root))
    shared = _in_all([{option.flags for option in one.options} for one in _leaves(read)])
    commands = tuple(_told_apart(one, shared) for one in read)
    return Program(
        name="jobctl",
        description=tree.help,
        options=_parameters(tree, root),
        shared=_leaves(commands)[0].shared,
        commands=commands,
    )


def _leaves(commands: Iterable[Command | Group]) -> tuple[Command, ...]:
    several = (one.commands if isinstance(one, Group) else (one,) for one in commands)
    return tuple(chain.from_iterable(several))


def _command_or_group(tree: Any, name: str, root: Any) -> Command | Group:
    found = tree.get_command(root, name)
    if not isinstance(found, LazyGroup):
        return _command(tree, name, root)
    context = _context(found, name, root)
    return Group(
        name=name,
        summary=tree.summaries[name],
        description=found.help or "",
        options=_parameters(found, context),
        commands=tuple(_command(found, one, context, name) for one in found.list_commands(context)),
        default=found.default,
    )


def _command(tree: Any, name: str, above: Any, *path: str) -> Command:
    """*name* of *tree*. Which of its options are shared is seen once all have been read."""
    found = tree.get_command(above, name)
    parameters = _parameters(found, _context(found, name, above))
    return Command(
        path=(*path, name),
        summary=tree.summaries[name],
        description=found.help,
        arguments=tuple(one for one in parameters if not one.flags),
        options=tuple(one for one in parameters if one.flags),
        shared=(),
        examples=found.examples,
    )


def _told_apart(one: Command | Group, shared: frozenset[tuple[str, ...]]) -> Command | Group:
    if isinstance(one, Command):
        return _own_and_shared(one, shared)
    return replace(one, commands=tuple(_own_and_shared(each, shared) for each in one.commands))


def _own_and_shared(command: Command, shared: frozenset[tuple[str, ...]]) -> Command:
    return replace(
        command,
        options=tuple(one for one in command.options if one.flags not in shared),
        shared=tuple(one for one in command.options if one.flags in shared),
    )


def _in_all(sets: list[set[tuple[str, ...]]]) -> frozenset[tuple[str, ...]]:
    return frozenset(set.intersection(*sets))


def _parameters(command: Any, context: Any) -> tuple[Parameter, ...]:
    found = command.get_params(context)
    return tuple(_parameter(one, context) for one in found if not _hidden(one))


def _context(command: Any, name: str, parent: Any) -> Any:
    return typer.Context(command, info_name=name, parent=parent, **command.context_settings)


def _hidden(parameter: Any) -> bool:
    return bool(getattr(parameter, "hidden", False))


def _parameter(parameter: Any, context: Any) -> Parameter:
    is_option = parameter.param_type_name == "option"
    is_switch = is_option and parameter.is_flag
    flags = (*parameter.opts, *parameter.secondary_opts) if is_option else ()
    metavar = None if is_switch else parameter.metavar or parameter.name.upper()
    return Parameter(
        name=parameter.name,
        flags=tuple(sorted(flags, key=lambda flag: (flag.startswith("--"), flag))),
        metavar=metavar,
        help=parameter.help,
        default=None if is_switch else _default(parameter.default),
        required=parameter.required,
        repeatable=parameter.multiple or parameter.nargs == -1,
        completed=completed_by(parameter, context, metavar),
    )


def _default(value: object) -> str | None:
    match value:
        case timedelta():
            return format_duration(value)
        case Enum():
            return str(value.value)
        case str() | int() | float() if not isinstance(value, bool):
            return str(value) or None
    return None
