"""The command tree as plain data: what there is to document and to complete."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

import typer

from jobctl.cli.app import build
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
    """`shared` are the options that every command has, `options` the others."""

    name: str
    summary: str
    description: str
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    shared: tuple[Parameter, ...]
    examples: str

    @property
    def all_options(self) -> tuple[Parameter, ...]:
        return self.options + self.shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    description: str
    options: tuple[Parameter, ...]
    commands: tuple[Command, ...]


def read_program() -> Program:
    tree = build()
    root = _context(tree, "jobctl", None)
    found = {name: tree.get_command(root, name) for name in tree.list_commands(root)}
    parameters = {
        name: tuple(
            _parameter(one, context) for one in command.get_params(context) if not _hidden(one)
        )
        for name, command in found.items()
        for context in (_context(command, name, root),)
    }
    shared = _in_all([{one.flags for one in several} for several in parameters.values()])
    return Program(
        name="jobctl",
        description=tree.help,
        options=tuple(_parameter(one, root) for one in tree.get_params(root) if not _hidden(one)),
        commands=tuple(
            _command(name, tree.summaries[name], command, parameters[name], shared)
            for name, command in found.items()
        ),
    )


def _command(
    name: str,
    summary: str,
    command: Any,
    parameters: tuple[Parameter, ...],
    shared: frozenset[tuple[str, ...]],
) -> Command:
    options = [one for one in parameters if one.flags]
    return Command(
        name=name,
        summary=summary,
        description=command.help,
        arguments=tuple(one for one in parameters if not one.flags),
        options=tuple(one for one in options if one.flags not in shared),
        shared=tuple(one for one in options if one.flags in shared),
        examples=command.examples,
    )


def _in_all(sets: list[set[tuple[str, ...]]]) -> frozenset[tuple[str, ...]]:
    return frozenset(set.intersection(*sets)) - {()}


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
