"""Column widths of a table: learned from the first rows, narrowed to the terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, set_cell_size

from jobctl.render.rows import Column
from jobctl.render.sanitise import clean

GUTTER = "  "
_NARROWEST = 4
# No padding beyond this: one hostile name must not widen every row to its own length.
_WIDEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    columns: Sequence[Column]
    widths: tuple[int, ...]
    kept: tuple[bool, ...]
    """Which columns are never cut; a longer cell pushes the rest of its row aside."""

    @property
    def header(self) -> list[str]:
        return _header(self.columns)

    @property
    def width(self) -> int:
        return sum(self.widths) + len(GUTTER) * (len(self.widths) - 1)

    def holds(self, rows: Iterable[Sequence[str]]) -> bool:
        """Whether no cell that must stay whole is wider than its column."""
        return all(
            cell_len(cell) <= width
            for row in rows
            for cell, width, kept in zip(row, self.widths, self.kept, strict=True)
            if kept
        )

    def with_roomy_end(self, width: int | None) -> "Layout":
        """The last column takes what is left of the line, for the longer cells of later rows."""
        if width is None or self.columns[-1].right:
            return self
        *others, last = self.widths
        roomy = max(last, min(last + width - self.width, _WIDEST))
        return replace(self, widths=(*others, roomy))


def learn(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> Layout:
    kept = tuple(width is None or index == 0 or column.keep for index, column in enumerate(columns))
    header = _header(columns)
    widths = [
        min(max(column.least, *map(cell_len, cells)), _WIDEST)
        for column, *cells in zip(columns, header, *rows, strict=True)
    ]
    if width is not None:
        floors = [
            widest if whole else max(cell_len(name), _NARROWEST)
            for name, widest, whole in zip(header, widths, kept, strict=True)
        ]
        _shrink(widths, floors, width - len(GUTTER) * (len(widths) - 1))
    return Layout(columns=columns, widths=tuple(widths), kept=kept)


def _header(columns: Sequence[Column]) -> list[str]:
    return [clean(column.name.upper()) for column in columns]


def _shrink(widths: list[int], floors: list[int], room: int) -> None:
    """Takes a cell at a time from the widest column above its floor, until all fit in *room*."""
    for _ in range(sum(widths) - room):
        givers = [index for index, floor in enumerate(floors) if widths[index] > floor]
        if not givers:
            return
        widths[max(givers, key=widths.__getitem__)] -= 1


def cut(cell: str, width: int) -> str:
    """*cell* in at most *width* terminal cells, with an ellipsis where it was longer."""
    if cell.isascii():
        return cell if len(cell) <= width else cell[: width - 1].rstrip() + "…"
    if cell_len(cell) <= width:
        return cell
    return set_cell_size(cell, width - 1).rstrip() + "…"
