"""Durations (`90s 15m 2h 7d 4w`) and moments (RFC 3339, a date, `now`), always aware UTC.

Bare numbers are refused: nobody can tell seconds from days by looking at `--older 30`.
"""

import re
from datetime import UTC, datetime, timedelta

from jobctl.errors import InvalidUsageError

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
_LONGEST = timedelta(days=36_500)


def parse_duration(text: str) -> timedelta:
    """*text* such as `7d` or `1h30m`; InvalidUsageError for anything else, zero included."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidUsageError(
            f"not a duration: {text!r}", hint="write a number with a unit, as in 90s 15m 2h 7d 4w"
        )
    seconds = sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise InvalidUsageError(f"duration out of range: {text!r}", hint="from 1s to 5200w")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """The two largest units: `4h12m`, `30d`, `45s`; a fraction of a second counts as 0s."""
    seconds = int(abs(duration).total_seconds())
    parts: list[str] = []
    for unit in "dhms":
        count, seconds = divmod(seconds, _UNIT_SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
        if len(parts) == 2:  # noqa: PLR2004 - the two largest units
            break
    sign = "-" if duration < timedelta(0) and parts else ""
    return sign + ("".join(parts) or "0s")


def parse_moment(text: str, *, now: datetime) -> datetime:
    """*text* as an aware UTC moment: RFC 3339, a UTC date, `now`, or a duration before *now*."""
    if text == "now":
        return now
    if _DURATION.match(text) and not text[-1].isdigit():
        return now - parse_duration(text)
    if _DATE.fullmatch(text):
        text += "T00:00:00+00:00"
    moment = parse_timestamp(text)
    if moment is None:
        raise InvalidUsageError(
            f"not a moment: {text!r}",
            hint="write 2026-01-31T12:00:00Z, a date, a duration before now such as 7d, or now",
        )
    return moment


def parse_timestamp(text: str | None) -> datetime | None:
    """A stored ISO 8601 timestamp as aware UTC; None when absent, unreadable or naive.

    A naive timestamp is not guessed to be UTC: foreign services mix both.
    """
    if not text or text[0] not in "0123456789" or "-" not in text:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is UTC:
            return moment
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_stored(moment: datetime) -> str:
    """The form that the services store: ISO 8601 with `+00:00`."""
    return moment.astimezone(UTC).isoformat()


def format_rfc3339(moment: datetime) -> str:
    """The form that jobctl prints: RFC 3339 in UTC with `Z`, microseconds when there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_unix(seconds: float) -> datetime:
    """The moment; the first or last one there is for a number that no calendar reaches."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return LATEST if seconds > 0 else EARLIEST
