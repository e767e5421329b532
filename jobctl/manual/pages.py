"""The manual pages: one for each command, and jobctl(1) with what they have in common."""

import re
from collections.abc import Iterable, Iterator

from jobctl import __version__
from jobctl.domain.moments import format_duration
from jobctl.domain.status import TERMINAL, JobStatus, TtlPolicy, names_of, worker_moves_from
from jobctl.errors import EXIT_MEANINGS
from jobctl.manual import choices, prose
from jobctl.manual.program import Command, Parameter, Program
from jobctl.manual.roff import Item, Listing, Page, bold, italic, literal
from jobctl.manual.roff import prose as in_roff
from jobctl.settings import PURPOSES, Settings, environment_name, shown_value


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
    _options(page, program.commands[0].shared)
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


def command_page(program: Program, command: Command) -> str:
    name = f"{program.name}-{command.name}"
    page = Page(name, version=__version__)
    page.section("NAME")
    page.roff(_name_line(name, command.summary))
    page.section("SYNOPSIS")
    page.roff(" ".join(_synopsis(program, command)))
    page.section("DESCRIPTION", *_paragraphs(command.description))
    if command.arguments:
        page.section("ARGUMENTS")
        for argument in command.arguments:
            page.tagged(italic(argument.metavar or argument.name), _meaning(argument))
    if command.options:
        page.section("OPTIONS")
        _options(page, command.options)
    page.section("COMMON OPTIONS")
    _options(page, command.shared)
    page.section("EXIT STATUS", *_exit_status())
    page.section("ENVIRONMENT", *prose.COMMAND_ENVIRONMENT)
    page.section("FILES", *prose.COMMAND_FILES)
    if command.examples:
        page.section("EXAMPLES", Listing(text=command.examples))
    page.section("SEE ALSO")
    page.roff(_see_also(program, command))
    return str(page)


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]


def _name_line(name: str, summary: str) -> str:
    """The form that apropos and whatis read."""
    begins = summary[:1].lower() + summary[1:].rstrip(".")
    return f"{literal(name)} \\- {in_roff(begins)}"


def _synopsis(program: Program, command: Command) -> Iterator[str]:
    yield f"{bold(program.name)} [{italic('GLOBAL OPTION')}...] {bold(command.name)}"
    yield f"[{italic('OPTION')}...]"
    for option in command.options:
        if option.required:
            yield _tag(option)
    for argument in command.arguments:
        name = (argument.metavar or argument.name).removesuffix("...")
        shown = italic(name) + ("..." if argument.repeatable else "")
        yield shown if argument.required else f"[{shown}]"


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


def _see_also(program: Program, command: Command | None) -> str:
    others = [one for one in program.commands if one is not command]
    pages = [_reference(program.name)] if command else []
    return ",\n".join([*pages, *(_reference(program.name, one.name) for one in others)])
