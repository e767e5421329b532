"""How results are to be shown here: on this terminal, or on none."""

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobctl.settings import OutputFormat, Settings

if TYPE_CHECKING:
    from jobctl.render.output import Style


def style_for(
    settings: Settings,
    *,
    columns: tuple[str, ...] | None,
    quiet: bool,
    off_terminal: OutputFormat,
) -> "Style":
    """The format asked for, else a table on a terminal and *off_terminal* elsewhere."""
    from jobctl.render.output import Style

    terminal = sys.stdout.isatty()
    return Style(
        format=settings.output or ("table" if terminal else off_terminal),
        width=_width() if terminal else None,
        color=_in_color(settings, terminal=terminal),
        quiet=quiet,
        now=datetime.now(UTC),
        columns=columns,
    )


def parse_columns(text: str | None) -> tuple[str, ...] | None:
    """The columns of a comma list, checked; None for none chosen."""
    if text is None:
        return None
    from jobctl.render.columns import check_columns

    return check_columns([name for name in text.split(",") if name])


def require_reader() -> None:
    """BrokenPipeError where nobody reads stdout any more, which else the next write would tell."""
    import select
    from io import UnsupportedOperation

    poll = select.poll()
    try:
        poll.register(sys.stdout, 0)  # an end of the other side is told unasked
    except UnsupportedOperation:
        return
    if any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0)):
        raise BrokenPipeError


def _in_color(settings: Settings, *, terminal: bool) -> bool:
    match settings.color:
        case "always":
            return True
        case "never":
            return False
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _width() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns
