"""What the text of an option has to be: parsers for Typer, each with its refusal."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from jobctl.domain.audit import parse_place
from jobctl.domain.priority import Priority
from jobctl.domain.status import ALIASES, JobStatus, parse_status
from jobctl.errors import InvalidUsageError


def one_of(*allowed: str) -> Callable[[str], str]:
    """A parser that admits *allowed* alone."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise InvalidUsageError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return parse


def not_blank(text: str) -> str:
    """An option that is given says something: `--reason "$UNSET"` is a mistake."""
    if not text.strip():
        raise InvalidUsageError("it is empty", hint="is a variable not set?")
    return text


def path_name(text: str) -> Path:
    return Path(not_blank(text))


def comma_separated(values: Sequence[str] | None) -> list[str]:
    """What an option names that is given several times, or with commas."""
    parts = [part.strip() for text in values or () for part in text.split(",")]
    return [part for part in parts if part]


def status_name(text: str) -> JobStatus:
    status = parse_status(text)
    if status is None:
        raise InvalidUsageError(
            f"no status {text!r}", hint="there are: " + ", ".join((*JobStatus, *ALIASES))
        )
    return status


def priority_name(text: str) -> Priority:
    try:
        return Priority(text.upper())
    except ValueError:
        raise InvalidUsageError(
            f"no priority {text!r}", hint="there are: " + ", ".join(Priority)
        ) from None


def key_value(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise InvalidUsageError(f"{text!r} is not NAME=VALUE")
    return name, value


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
            raise InvalidUsageError(f"{text!r} is not a whole number from {lowest} to {highest}")
        return int(text)

    return parse


def decimal_number(lowest: float, highest: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not lowest <= number <= highest:
            raise InvalidUsageError(f"{text!r} is not a number from {lowest:g} to {highest:g}")
        return number

    return parse


def audit_place(text: str) -> str:
    place = parse_place(text)
    if place is None:
        raise InvalidUsageError(
            f"{text[:40]!r} is no number of an audit record", hint="jobctl audit list prints them"
        )
    return place
