"""Moments, sizes, shares and numbers as short texts. Absent values are empty texts."""

import math
from datetime import datetime, timedelta

from jobctl.domain.moments import format_rfc3339

_DATED_BEYOND = timedelta(days=60)
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
_FULL, _EMPTY = "█", "░"
_PARTS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def relative(moment: datetime | None, *, now: datetime) -> str:
    """`45s ago`, `in 2h`, `now`; the UTC date when more than 60 days off.

    Whole units, never rounded up: less time has passed or is left than the next unit.
    """
    if moment is None:
        return ""
    distance = abs(now - moment)
    if distance > _DATED_BEYOND:
        return format_rfc3339(moment)[:10]
    for seconds, unit in _UNITS:
        count = distance // timedelta(seconds=seconds)
        if count:
            return f"{count}{unit} ago" if moment < now else f"in {count}{unit}"
    return "now"


def absolute(moment: datetime | None) -> str:
    """RFC 3339 in UTC."""
    return "" if moment is None else format_rfc3339(moment)


def size(count: int | None) -> str:
    """*count* bytes: `512 B`, `1.9 MiB`."""
    if count is None:
        return ""
    if abs(count) < 1024:  # noqa: PLR2004 - a kibibyte
        return f"{count} B"
    value = count / 1024
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1023.95:  # noqa: PLR2004 - what rounds to 1024.0 belongs to the next unit
            return f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} PiB"


def bar(percentage: float | None, width: int) -> str:
    """*percentage*, clamped to 0…100, as a bar of exactly *width* cells.

    Only 100 fills it, and anything above 0 shows.
    """
    share = 0.0 if percentage is None or math.isnan(percentage) else percentage
    eighths = math.floor(min(max(share, 0.0), 100.0) * width * 8 / 100)
    if share > 0:
        eighths = max(eighths, 1)
    full, part = divmod(eighths, 8)
    return (_FULL * full + _PARTS[part]).ljust(width, _EMPTY)[:width]


# The union is spelt out because an int keeps all its digits, however many.
def number(value: int | float | None, *, digits: int = 2) -> str:  # noqa: PYI041 - see above
    """At most *digits* decimals and no needless zeros: `3`, `3.5`. No thousands separators."""
    if isinstance(value, int):
        return str(value)
    if value is None or not math.isfinite(value):
        return ""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
