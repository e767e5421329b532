"""Rows of cells for other programs: TSV, CSV and bare ids. The table is in `table.py`.

Every record is one line that ends in a line feed, and no cell is ever cut.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TextIO, TypeVar

from jobctl.render.sanitise import clean

_T = TypeVar("_T")

# Spreadsheets evaluate a cell that begins so, some of them after blanks or in the full-width forms.
_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    right: bool = False
    style: Callable[[str], str | None] | None = None
    """The Rich style name for a cell's text; None leaves it plain."""
    keep: bool = False
    """Never cut in a table, however narrow. The first column is kept in any case."""
    least: int = 0
    """So wide in a table where there is room, for what later rows may hold."""
    exact: bool = False
    """For a program to use as it is, so CSV does not defuse what looks like a formula."""


def primed(items: Iterable[_T]) -> Iterable[_T]:
    """*items* with the first one fetched now: a store that fails at once leaves stdout empty."""
    iterator = iter(items)
    for first in iterator:
        return chain((first,), iterator)
    return ()


def write_tsv(out: TextIO, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """A header and a line a row. Tabs and line feeds in cells come out as `\\t` and `\\n`."""
    rows = primed(rows)
    write = out.write
    write("\t".join(clean(column.name.lower()) for column in columns) + "\n")
    for row in rows:
        write("\t".join(map(clean, row)) + "\n")


def write_csv(out: TextIO, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """RFC 4180 except that lines end in a line feed alone, as in every other format here.

    A carriage return would stick to the last field in cut, awk and `while read`, while every
    spreadsheet reads both. Cells that a spreadsheet would evaluate get a leading `'`.
    """
    rows = primed(rows)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_csv_cell(column.name.lower()) for column in columns])
    cells = [clean if column.exact else _csv_cell for column in columns]
    writer.writerows([cell(text) for cell, text in zip(cells, row, strict=True)] for row in rows)


def write_ids(out: TextIO, ids: Iterable[str]) -> None:
    write = out.write
    for job_id in ids:
        write(clean(job_id) + "\n")


def _csv_cell(cell: str) -> str:
    if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + clean(cell)
    return clean(cell)
