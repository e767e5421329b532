"""JSON for other programs, and safe to print: one value, one document with many items, or lines.

What JSON leaves as it is but a terminal would act upon comes out as an `\\uXXXX` escape, so
a parser gets the stored text back. A lone surrogate, which strict parsers refuse, becomes U+FFFD.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, TextIO

from jobctl.domain.moments import format_rfc3339
from jobctl.render.rows import primed
from jobctl.render.sanitise import HIDDEN, SURROGATES

_SURROGATE = re.compile(f"[{SURROGATES}]")
# JSON itself escapes the C0 controls in strings; outside of them the only one is the line feed.
_UNSAFE = re.compile(f"[\\x7f{HIDDEN}{SURROGATES}]")


def to_json(value: object, *, pretty: bool = False) -> str:
    """*value* on one line, or indented by 2; no line feed at the end.

    Datetimes are RFC 3339 in UTC, timedeltas seconds, enums their values, NaN and infinity null.
    TypeError for anything else that JSON lacks, dataclasses and sets included.
    """
    encoder = _PRETTY if pretty else _LINE
    try:
        text = encoder.encode(value)
    except ValueError:  # NaN or infinity, too rare to look for beforehand
        text = encoder.encode(_finite(value))
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNSAFE.sub(_escape, text)


def to_json_line(value: object) -> str:
    return to_json(value) + "\n"


def write_json_lines(out: TextIO, items: Iterable[object]) -> None:
    for item in items:
        out.write(to_json_line(item))


def write_list_document(
    out: TextIO,
    head: Mapping[str, object],
    items: Iterable[object],
    tail: Callable[[], Mapping[str, object]],
) -> None:
    """One document `{…head, "items": […], …tail()}` with an item a line, in constant memory.

    *tail* is called once the items are exhausted, so it may hold what iterating has found out.
    """
    items = primed(items)
    out.write("{" + "".join(_member(item) + "," for item in head.items()) + '"items":[')
    separator = "\n"
    for item in items:
        out.write(separator + to_json(item))
        separator = ",\n"
    out.write("]" if separator == "\n" else "\n]")
    out.write("".join("," + _member(item) for item in tail().items()) + "}\n")


def _member(item: tuple[str, object]) -> str:
    name, value = item
    return to_json(name) + ":" + to_json(value)


def _plain(value: object) -> object:
    match value:
        case datetime():
            return format_rfc3339(value)
        case timedelta():
            seconds = value.total_seconds()
            return int(seconds) if seconds.is_integer() else seconds
        case Enum():
            return value.value
        case Mapping():
            return dict(value)
    raise TypeError(f"not a JSON value: {type(value).__name__}")


_LINE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)
_PRETTY = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=2, default=_plain)


def _finite(value: Any) -> object:
    """*value* with None in place of each number that JSON cannot write."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case Enum() if not isinstance(value, str):
            return _finite(value.value)
    return value


def _escape(match: re.Match[str]) -> str:
    if _SURROGATE.match(match[0]):
        return "\ufffd"
    # Beyond the basic plane JSON escapes are UTF-16 pairs, which the encoder knows how to write.
    return json.dumps(match[0])[1:-1]
