"""The manual pages: one for each command or group, and jobctl(1) with what they have in common."""

import re
from collections.abc import Iterable, Iterator

from jobctl import __version__
from jobctl.domain.moments import format_duration
from jobctl.domain.status import TERMINAL, JobStatus, TtlPolicy, names_of, worker_moves_from
from jobctl.errors import EXIT_MEANINGS
from jobctl.manual import choices, prose
from jobctl.manual.program import Command, Group, Parameter, Program
from jobctl.manual.roff import Item, Listing, Page, bold, italic, literal
from jobctl.manual.roff import prose as in_roff
from jobctl.manual.sections import SECTIONS
from jobctl.setting_values import shown_value
from jobctl.settings import PURPOSES, Settings, environment_name


def main_page(program: Program) -> str:
    page = Page(program.name, version=__version__)
    summary, *description = _paragraphs(program.description)
    page.section("NAME")
    page.roff(_name_line(program.name, summary))
    page.section("SYNOPSIS")
    page.roff(f"{bold(program.name)} [{italic('OPTION')}...] {italic('COMMAND')} [...]")
    page.section("DESCRIPTION", summary, *description, *prose.DESCRIPTION)
    page.section("COMMANDS")
    for command in program.commands:
        page.tagged(_reference(program.name, command.name), in_roff(command.summary))
    page.section("OPTIONS", prose.OPTIONS_FIRST)
    _options(page, program.options)
    page.section("COMMON OPTIONS", prose.COMMON_OPTIONS)
    _options(page, program.shared)
    page.section("SETTINGS", *prose.SETTINGS, *_settings())
    page.section("OUTPUT", *prose.OUTPUT)
    page.section("TIME", *prose.TIME)
    page.section("JOB IDS", *prose.JOB_IDS)
    page.section("STATUSES", *prose.STATUSES, *map(_status, JobStatus), *prose.STATUSES_READ)
    page.section("EMBEDDED STORE", *prose.EMBEDDED_STORE)
    page.section("CHOICES", *choices.INTRODUCTION, *choices.CHOICES)
    page.section("EXIT STATUS", *_exit_status())
    page.section("ENVIRONMENT", *prose.ENVIRONMENT, *_variables(), *prose.FOREIGN_ENVIRONMENT)
    page.section("FILES", *prose.FILES)
    page.section("EXAMPLES", *prose.EXAMPLES)
    page.section("SEE ALSO")
    page.roff(_see_also(program, None))
    return str(page)


def page_of(program: Program, one: Command | Group) -> str:
    name = f"{program.name}-{one.name}"
    page = Page(name, version=__version__)
    commands = one.commands if isinstance(one, Group) else (one,)
    page.section("NAME")
    page.roff(_name_line(name, one.summary))
    page.section("SYNOPSIS")
    page.roff(*_synopses(program, one))
    page.section("DESCRIPTION", *_paragraphs(one.description))
    if isinstance(one, Group):
        _commands(page, one)
    else:
        _parameters(page, one)
    for title, blocks in SECTIONS.get(one.name, {}).items():
        page.section(title, *blocks)
    page.section("COMMON OPTIONS")
    _options(page, program.shared)
    page.section("EXIT STATUS", *_exit_status())
    page.section("ENVIRONMENT", *prose.COMMAND_ENVIRONMENT)
    page.section("FILES", *prose.COMMAND_FILES)
    page.section("EXAMPLES", *(Listing(text=each.examples) for each in commands if each.examples))
    page.section("SEE ALSO")
    page.roff(_see_also(program, one))
    return str(page)


def _parameters(page: Page, command: Command) -> None:
    if command.arguments:
        page.section("ARGUMENTS")
        _arguments(page, command.arguments)
    if command.options:
        page.section("OPTIONS")
        _options(page, command.options)


def _commands(page: Page, group: Group) -> None:
    page.section("COMMANDS")
    for command in group.commands:
        page.subsection(" ".join(command.path))
        page.add(*_paragraphs(command.description))
        if command.name == group.default:
            page.add(f"Meant where no command is named behind `{group.name}`.")
        _arguments(page, command.arguments)
        _options(page, command.options)


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]


def _name_line(name: str, summary: str) -> str:
    """The form that apropos and whatis read."""
    begins = summary[:1].lower() + summary[1:].rstrip(".")
    return f"{literal(name)} \\- {in_roff(begins)}"


def _synopses(program: Program, one: Command | Group) -> Iterator[str]:
    """A line a command."""
    if isinstance(one, Command):
        yield _synopsis(program, one, bold(one.name))
        return
    for place, command in enumerate(one.commands):
        name = bold(command.name)
        if place:
            yield ".br"
        yield _synopsis(
            program,
            command,
            f"{bold(one.name)} {f'[{name}]' if command.name == one.default else name}",
        )


def _synopsis(program: Program, command: Command, name: str) -> str:
    words = [f"{bold(program.name)} [{italic('GLOBAL OPTION')}...] {name} [{italic('OPTION')}...]"]
    words += [_tag(option) for option in command.options if option.required]
    for argument in command.arguments:
        metavar = (argument.metavar or argument.name).removesuffix("...")
        shown = italic(metavar) + ("..." if argument.repeatable else "")
        words.append(shown if argument.required else f"[{shown}]")
    return " ".join(words)


def _arguments(page: Page, arguments: Iterable[Parameter]) -> None:
    for argument in arguments:
        page.tagged(italic(argument.metavar or argument.name), _meaning(argument))


def _options(page: Page, options: Iterable[Parameter]) -> None:
    for option in options:
        page.tagged(_tag(option), _meaning(option))


def _tag(option: Parameter) -> str:
    flags = ", ".join(map(bold, option.flags))
    return f"{flags} {italic(option.metavar)}" if option.metavar else flags


def _meaning(parameter: Parameter) -> str:
    sentences = [parameter.help]
    if parameter.repeatable and parameter.flags:
        sentences.append("May be given several times.")
    if parameter.default is not None:
        sentences.append(f"Default: `{parameter.default}`.")
    return in_roff(" ".join(sentences))


def _settings() -> Iterator[Item]:
    defaults = Settings()
    for name, purpose in PURPOSES.items():
        value = shown_value(name, getattr(defaults, name))
        default = "" if value is None else f" Default: `{value}`."
        yield Item(tag=f"`{name}`", text=purpose + default)


def _variables() -> Iterator[Item]:
    for name in PURPOSES:
        yield Item(tag=f"`{environment_name(name)}`", text=f"The setting `{name}`.")


def _status(status: JobStatus) -> Item:
    kept = format_duration(TtlPolicy().lifetime(status))
    setting = f"ttl_{status}" if f"ttl_{status}" in PURPOSES else "ttl_active"
    aliases = names_of(status)[1:]
    moves = sorted(worker_moves_from(status))
    sentences = [
        prose.MEANINGS.get(status, ""),
        f"Also read as {', '.join(f'`{alias}`' for alias in aliases)}." if aliases else "",
        "Terminal." if status in TERMINAL else "",
        f"Kept for `{kept}` (`{setting}`).",
        f"Update makes it {', '.join(f'`{one}`' for one in moves)}." if moves else "",
    ]
    return Item(tag=f"`{status}`", text=" ".join(filter(None, sentences)))


def _exit_status() -> list[Item]:
    return [Item(tag=f"`{int(code)}`", text=text) for code, text in EXIT_MEANINGS.items()]


def _reference(*names: str) -> str:
    return f"{bold('-'.join(names))}(1)"


def _see_also(program: Program, page: Command | Group | None) -> str:
    others = [one for one in program.commands if one is not page]
    pages = [_reference(program.name)] if page else []
    return ",\n".join([*pages, *(_reference(program.name, one.name) for one in others)])
