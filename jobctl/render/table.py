"""The table for people: a header, two spaces between columns, one line a row."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TextIO

from jobctl.render.rows import Column
from jobctl.render.sanitise import clean

# Rich needs all its rows in memory and some 400 µs for each: it draws the first ones, and the
# rest follows in constant memory at the widths that those have set.
LEARNED_ROWS = 100


def write_table(
    out: TextIO,
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    width: int | None,
    color: bool,
    learned: int = LEARNED_ROWS,
) -> None:
    """Nothing at all for no rows. *width* None, as for a pipe or a file, cuts no cell. *learned*
    is how many rows are waited for, to set the widths.

    The first column and those marked `keep` are never cut, so lines may exceed a small *width*.
    """
    iterator = iter(rows)
    head = [list(map(_shown, row)) for row in islice(iterator, learned)]
    if not head:
        return
    from jobctl.render.drawing import Pen
    from jobctl.render.layout import learn

    layout = learn(columns, head, width)
    pen = Pen(out, color=color)
    if layout.holds(head):
        pen.draw(layout, head)
    else:  # a fixed-width Rich column would crop what must stay whole
        pen.header(layout)
        pen.stream(layout, head)
    pen.stream(layout.with_roomy_end(width), (map(_shown, row) for row in iterator))


def _shown(cell: str) -> str:
    return clean(cell).rstrip()  # Rich drops trailing blanks, so the streamed rows must as well
