"""The command tree: Typer commands that are imported when they are named, not before."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from jobctl.errors import InvalidUsageError


def make_light(parameters: list[Any]) -> None:
    """Let *parameters* convert their values without pydantic.

    Typer builds a pydantic adapter for each parameter of a command that runs, strings included,
    which costs more than everything else before the first byte goes to Redis. Our parameters
    are strings, flags, or have a `parser`, so there is nothing left for pydantic to do. Should
    Typer rename the method, its own conversion gives the same values, only later.
    """
    for parameter in parameters:
        # The metavar says more than the Python type behind it.
        parameter.display_type = lambda ctx: ""  # noqa: ARG005 - Typer's signature
        parameter.process_value = partial(_process_value, parameter)


def _process_value(parameter: Any, context: Any, value: Any) -> Any:
    parse = parameter.type_descriptor.parameter_info.parser
    several = parameter.multiple or parameter.nargs == -1
    try:
        if value is None:
            value = () if several else None
        elif parse is not None:
            value = [parse(one) for one in value] if several else _parsed(parse, value)
    except InvalidUsageError as error:
        name = parameter.get_error_hint().replace("'", "")
        raise InvalidUsageError(f"{name}: {error.message}", hint=error.hint) from error
    if parameter.required and parameter.value_is_missing(value):
        raise InvalidUsageError(
            f"missing {parameter.get_error_hint()}".replace("'", ""),
            hint=f"see {context.command_path} --help",
        )
    return parameter.callback(context, parameter, value) if parameter.callback else value


def _light_help(option: Any) -> Any:
    """Click makes the help option apart from the parameters, and processes it like them."""
    make_light([option] if option else [])
    return option


def _parsed(parse: Callable[[str], Any], value: Any) -> Any:
    """A default may have its final type already."""
    return parse(value) if isinstance(value, str) else value


EXIT_SUMMARY = (
    "0 done, 2 wrong usage, 3 partly done, 4 not found, 5 conflict, 6 Redis or S3 unavailable, "
    "7 refused, 12 not permitted, 13 bad configuration, 14 outcome unknown; jobctl(1) has them all."
)


class LightCommand(TyperCommand):
    """A command whose help ends with examples, as they are typed, and the exit codes."""

    examples = ""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        make_light(self.params)

    def get_help_option(self, ctx: Any) -> Any:
        return _light_help(super().get_help_option(ctx))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Click's signature
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.splitlines():
                    formatter.write(f"  {line}\n")
        with formatter.section("Exit status"):
            formatter.write_text(EXIT_SUMMARY)


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and summary, and imports the one that is asked for.

    The module `<package>.<name>` holds the function, named like its module. A package instead of
    a module, with `COMMANDS` of its own, is a group of commands. Where none of them is named, its
    `DEFAULT` is meant; a group without one shows its help.
    """

    package = "jobctl.cli.commands"
    summaries: Mapping[str, str] = {}
    default: str | None = None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        make_light(self.params)

    def get_help_option(self, ctx: Any) -> Any:
        return _light_help(super().get_help_option(ctx))

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Click's signature
        return list(self.summaries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - Click's signature
        if cmd_name not in self.summaries:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = _load(self.package, cmd_name)
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as above
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:  # a completion is to offer the commands
            args = [self.default or "--help"]
        elif self.default and args and _is_option(args[0]) and args[0] not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        named = bool(args) and not _is_option(args[0])
        if named and args[0] not in self.summaries and not ctx.resilient_parsing:
            raise InvalidUsageError(
                f"no command {' '.join([*_path_below_root(ctx), args[0]])}",
                hint=_suggestion(args[0], list(self.summaries), ctx.command_path),
            )
        return super().resolve_command(ctx, args)


def _is_option(text: str) -> bool:
    return text.startswith("-")


def _path_below_root(ctx: Any) -> list[str]:
    names: list[str] = ctx.command_path.split()[1:]
    return names


def _suggestion(typed: str, known: list[str], path: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(typed, known, n=1)
    return f"did you mean {close[0]}?" if close else f"{path} --help lists the commands"


def _load(package: str, name: str) -> Any:
    module_name = name.replace("-", "_")
    module = import_module(f"{package}.{module_name}")
    function: Callable[..., Any] = getattr(module, module_name)
    one = typer.Typer(name=name, add_completion=False, rich_markup_mode=None)
    settings = {"help_option_names": ["-h", "--help"]}
    if hasattr(module, "COMMANDS"):
        members = {
            "package": module.__name__,
            "summaries": module.COMMANDS,
            "default": getattr(module, "DEFAULT", None),
        }
        one.callback(
            cls=type("Group", (LazyGroup,), members),
            invoke_without_command=True,
            context_settings=settings,
        )(function)
        return get_group(one)
    one.command(name, cls=LightCommand, context_settings=settings)(function)
    command = get_command(one)
    command.examples = module.EXAMPLES  # type: ignore[attr-defined] # a LightCommand, see above
    return command
