"""Draws the rows of a table at given widths: the first ones with Rich, the others one by one."""

from collections.abc import Callable, Iterable, Sequence
from io import StringIO
from typing import TextIO

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobctl.render.layout import GUTTER, Layout, cut

_Style = Callable[[str], str | None] | None
_HEADER_STYLE = "bold"
# The layout has the say on widths.
_UNLIMITED = 1_000_000


class Pen:
    """Both ways to draw give the same bytes for a row.

    Cells must be clean and without trailing blanks.
    """

    def __init__(self, out: TextIO, *, color: bool) -> None:
        self._out = out
        self._color = color
        self._console = _console(color=color)

    def draw(self, layout: Layout, rows: Iterable[Sequence[str]]) -> None:
        """The header and *rows*, with Rich."""
        table = Table(box=None, pad_edge=False, padding=(0, len(GUTTER), 0, 0), header_style="")
        for name, column, width in zip(layout.header, layout.columns, layout.widths, strict=True):
            table.add_column(
                _text(name, width, _HEADER_STYLE),
                width=width,
                justify="right" if column.right else "left",
                no_wrap=True,
            )
        for row in rows:
            cells = zip(row, layout.widths, layout.columns, strict=True)
            table.add_row(
                *(_text(cell, width, col.style and col.style(cell)) for cell, width, col in cells)
            )
        with self._console.capture() as page:
            self._console.print(table)
        for line in page.get().removesuffix("\n").split("\n"):
            self._out.write(line.rstrip() + "\n")

    def header(self, layout: Layout) -> None:
        bold = [lambda _: _HEADER_STYLE] * len(layout.columns) if self._color else None
        self._write(layout, [layout.header], bold)

    def stream(self, layout: Layout, rows: Iterable[Iterable[str]]) -> None:
        """*rows* without a header, a row at a time, some forty times faster than Rich."""
        styles = [column.style for column in layout.columns] if self._color else None
        self._write(layout, rows, styles)

    def _write(
        self, layout: Layout, rows: Iterable[Iterable[str]], styles: Sequence[_Style] | None
    ) -> None:
        sides = [str.rjust if column.right else str.ljust for column in layout.columns]
        styles = styles or [None] * len(sides)
        plan = tuple(zip(layout.widths, layout.kept, sides, styles, strict=True))
        for row in rows:
            cells = []
            for cell, (width, kept, pad, style) in zip(row, plan, strict=True):
                if style is None and len(cell) <= width and cell.isascii():
                    cells.append(pad(cell, width))
                    continue
                text = cell if kept else cut(cell, width)
                drawn = self._paint(text, style(cell) if style else None)
                # str.ljust counts characters, escape sequences included; the terminal counts cells.
                cells.append(pad(drawn, width + len(drawn) - cell_len(text)))
            self._out.write(GUTTER.join(cells).rstrip() + "\n")

    def _paint(self, text: str, style: str | None) -> str:
        if style is None:
            return text
        return self._console.get_style(style).render(text, color_system=ColorSystem.STANDARD)


def _text(cell: str, width: int, style: str | None) -> Text:
    """Text, so that markup in data is inert; styled as a span, so that padding has no style."""
    text = Text(cut(cell, width))
    text.stylize(style or "")
    return text


def _console(*, color: bool) -> Console:
    # All is given, as what Rich would find out by itself (COLUMNS, TERM, NO_COLOR, FORCE_COLOR,
    # a notebook) would cut the rows to another width or colour them against the caller's word.
    return Console(
        file=StringIO(),
        width=_UNLIMITED,
        height=_UNLIMITED,
        color_system="standard" if color else None,
        force_terminal=color,
        force_jupyter=False,
        force_interactive=False,
        no_color=not color,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
    )
