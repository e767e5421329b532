"""Reads the values of settings from texts, InvalidUsageError for what is none; and shows them."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from jobctl.domain.limits import REASON_LIMIT, DeletionLimit
from jobctl.domain.moments import format_duration, parse_duration
from jobctl.errors import InvalidUsageError

_WHOLE = 100  # percent


def choice(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise InvalidUsageError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return parse


def switch(text: str) -> bool:
    lowered = text.lower()
    if lowered not in {"true", "false", "1", "0", "yes", "no"}:
        raise InvalidUsageError(f"{text!r} is neither true nor false")
    return lowered in {"true", "1", "yes"}


def path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidUsageError(f"no such user: {text}") from error


def namespace(text: str) -> str:
    if not text or any(character.isspace() or character in "*?[]\\" for character in text):
        raise InvalidUsageError("a namespace has neither blanks nor any of * ? [ ] \\")
    return text


def handoff(text: str) -> str:
    if text == "celery":
        raise InvalidUsageError("this version does not hand jobs to Celery: choose queue or none")
    return choice("queue", "none")(text)


def reason_length(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= REASON_LIMIT:
        raise InvalidUsageError(f"{text!r} is not a whole number from 1 to {REASON_LIMIT}")
    return int(text)


def retention_limit(text: str) -> timedelta | None:
    return None if text == "never" else parse_duration(text)


def deletion_limit(text: str) -> DeletionLimit:
    number = text.removesuffix("%")
    share = number != text
    if not re.fullmatch("[0-9]{1,9}%?", text) or (share and int(number) > _WHOLE):
        raise InvalidUsageError(f"{text!r} is neither a number nor a share such as 20%")
    return DeletionLimit(percent=float(number)) if share else DeletionLimit(number=int(number))


def bucket(text: str) -> str:
    minimum, maximum = 3, 63
    if not minimum <= len(text) <= maximum or "/" in text:
        raise InvalidUsageError(f"{text!r} is not a bucket name (3 to 63 characters, no /)")
    return text


def shown_value(name: str, value: object) -> str | None:
    """A setting as `config` shows it: durations in units, no password of a URL."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return format_duration(value)
    return _without_password(str(value)) if name.endswith("_url") else str(value)


_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+]*)://(?:(?P<user>[^:@/?#]*)(?::(?P<password>.*))?@)?"
    r"(?P<rest>[A-Za-z0-9.,:_\[\]-]*(?:/[^?#@]*)?(?:\?(?:&?(?:db|ssl_[a-z_]+)=[^&#@]*)*)?)"
)


def _without_password(url: str) -> str:
    """*url* with `***` for its password; hidden altogether where it is not clear what is one."""
    found = _URL.fullmatch(url)
    if found is None:
        return "(malformed, hidden)"
    user = found["user"] or ""
    credentials = f"{user}:***@" if found["password"] is not None else f"{user}@" if user else ""
    return f"{found['scheme']}://{credentials}{found['rest']}"
