"""Reads single values of a record; what cannot be read raises, and is never repeated."""

import json
import math
from datetime import datetime
from typing import Any

from jobctl.domain.moments import parse_timestamp

# What is deeper is no record of ours, and would exhaust the stack of whoever walks it.
_DEEPEST = 64
_MOST_ATTEMPTS = 1_000_000


class ReadError(ValueError):
    """Why a stored value cannot be read; the text never repeats the value."""


def read_moment(raw: str) -> datetime:
    moment = parse_timestamp(raw)
    if moment is None:
        raise ReadError("is not an ISO 8601 timestamp with a time zone")
    return moment


def read_integer(raw: str) -> int:
    try:
        return int(raw)
    except ValueError as error:
        raise ReadError("is not a whole number") from error


def read_number(raw: str) -> float:
    try:
        number = float(raw)
    except ValueError as error:
        raise ReadError("is not a number") from error
    if not math.isfinite(number):
        raise ReadError("is not a finite number")
    return number


def read_json(raw: str) -> Any:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ReadError("is not JSON") from error
    if raw.count("[") + raw.count("{") > _DEEPEST and _is_deeper(value, _DEEPEST):
        raise ReadError("is nested too deeply")
    return value


def _is_deeper(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def read_flag(raw: str) -> bool:
    return raw.strip().lower() in {"true", "1", "yes"}


def read_attempt(raw: str) -> int:
    attempt = read_integer(raw)
    if attempt > _MOST_ATTEMPTS:
        raise ReadError("is not a number of attempts")
    return max(1, attempt)


def read_attempts(raw: str) -> tuple[Any, ...]:
    found = read_json(raw)
    if not isinstance(found, list):
        raise ReadError("is not a list of attempts")
    return tuple(found)


def read_languages(raw: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def read_text(raw: str) -> str:
    return raw
