"""One thing for a person: `label  value` lines, empty ones left out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from jobctl.render import times
from jobctl.render.columns import Moments
from jobctl.render.sanitise import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`style` is Rich's name of a style for the value."""

    label: str
    value: str | None
    style: str | None = None


def write_lines(out: TextIO, lines: Iterable[Line], *, width: int | None, color: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for line in lines:
        if line.value:
            grid.add_row(
                Text(line.label, "bold" if color else ""),
                Text(clean(line.value), line.style if line.style and color else ""),
            )
    console = Console(
        file=out,
        width=width or 10_000,
        color_system="standard" if color else None,
        force_terminal=color,
        highlight=False,
        legacy_windows=False,
    )
    with console.capture() as captured:
        console.print(grid)
    for line_of_text in captured.get().splitlines():
        out.write(line_of_text.rstrip() + "\n")


def both(moment: datetime | None, moments: Moments) -> str | None:
    """The exact moment, and how long ago it was."""
    if moment is None:
        return None
    exact = times.absolute(moment.replace(microsecond=0))
    return f"{exact} ({times.relative(moment, now=moments.now)})"
