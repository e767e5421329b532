"""What can stand where a parameter has its value, as far as that is known beforehand."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jobctl.cli.parsers import priority_name, status_name
from jobctl.domain.priority import Priority
from jobctl.domain.status import JobStatus
from jobctl.render.columns import COLUMNS
from jobctl.settings import PURPOSES

Source = Literal["nothing", "words", "files", "contexts"]

# Scripts put words between quotes, in lists separated by blanks, and behind commas.
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """`comma` when several words may follow each other, separated by commas."""

    source: Source
    words: tuple[str, ...] = ()
    comma: bool = False


NOTHING = Completed(source="nothing")

_BY_PARSER: Mapping[Callable[..., object], Sequence[str]] = {
    status_name: tuple(JobStatus),
    priority_name: tuple(Priority),
}
# Parameters whose values are looked up only when the command runs, so that nothing is imported
# for them before; they are known by name.
_BY_NAME: Mapping[str, Sequence[str]] = {"columns": tuple(COLUMNS), "names": tuple(PURPOSES)}


def completed_by(parameter: Any, context: Any, metavar: str | None) -> Completed:
    """*metavar* None: a switch, which nothing follows."""
    if metavar is None:
        return NOTHING
    names = re.findall(r"[A-Z]+", metavar)
    if "FILE" in names:
        return Completed(source="files")
    if parameter.name == "context":
        return Completed(source="contexts")
    if "ID" in names:
        return NOTHING
    words = _words(parameter, context)
    if not words:
        return NOTHING
    return Completed(
        source="words", words=_checked(words, parameter.name), comma=metavar.endswith(",…")
    )


def _words(parameter: Any, context: Any) -> Sequence[str]:
    offered = [item.value for item in parameter.shell_complete(context, "")]
    if offered:
        return offered
    parse = parameter.type_descriptor.parameter_info.parser
    return _BY_PARSER.get(parse) or _allowed(parse) or _BY_NAME.get(parameter.name, ())


def _allowed(parse: object) -> Sequence[str]:
    """The words that a parser made by `one_of` admits."""
    if not inspect.isfunction(parse):
        return ()
    words: Sequence[str] = inspect.getclosurevars(parse).nonlocals.get("allowed", ())
    return words


def _checked(words: Sequence[str], name: str) -> tuple[str, ...]:
    for word in words:
        if not _WORD.fullmatch(word):
            raise ValueError(f"{name}: {word!r} needs quoting, which the scripts do not do")
    return tuple(dict.fromkeys(map(str, words)))
