"""Asking first, where there is somebody to ask."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from jobctl.errors import RefusedError

if TYPE_CHECKING:
    from jobctl.cli.context import Session
    from jobctl.render.rows import Column

SAMPLE = 10


def can_prompt() -> bool:
    """Whether there is a terminal to ask at."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def show_sample(
    columns: "Sequence[Column]", rows: Iterable[Sequence[str]], total: int, session: "Session"
) -> None:
    """The first `SAMPLE` of *total* as a table, and how many more there are, on stderr."""
    from jobctl.cli.terminal import style_for
    from jobctl.render.table import write_table

    style = style_for(session.settings, columns=None, quiet=False, off_terminal="table")
    write_table(sys.stderr, columns, rows, width=style.width, color=style.color)
    if total > SAMPLE:
        sys.stderr.write(f"… and {total - SAMPLE:,} more\n")


def confirm(question: str) -> None:
    """RefusedError unless the answer is yes."""
    sys.stderr.write(f"{question}? [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:  # Ctrl-D leaves the cursor behind the question
        sys.stderr.write("\n")
    if answer.strip().lower() not in {"y", "yes"}:
        raise RefusedError("declined; nothing was changed")
