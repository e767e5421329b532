"""A line on the terminal that says how far a long command is, gone as soon as it is done."""

import time
from collections.abc import Iterator
from typing import TextIO

from jobctl.render.output import Streams, Style
from jobctl.services.operations import Operation, OperationList

_SCREENFUL = 50
_REFRESH_SECONDS = 0.1
_CLEAR = "\r\x1b[K"


class ProgressLine:
    """Drawn on *err* no more often than an eye can follow."""

    def __init__(self, err: TextIO) -> None:
        self._err = err
        self._drawn_at = 0.0
        self._stands = False

    def draw(self, done: int, total: int, noun: str) -> None:
        now = time.monotonic()
        if now - self._drawn_at >= _REFRESH_SECONDS:
            self._drawn_at = now
            self._stands = True
            share = f" of {total:,} {noun}s  {min(1.0, done / total):.0%}" if total else f" {noun}s"
            self._write(f"{_CLEAR}{done:,}{share}")

    def clear(self) -> None:
        if self._stands:
            self._stands = False
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        self._err.write(text)
        self._err.flush()


def with_progress(result: OperationList, style: Style, streams: Streams) -> Iterator[Operation]:
    """The operations of *result*. The line is drawn while the next one is waited for, and never
    stands between the rows: it is removed before one is handed on."""
    if result.requested <= _SCREENFUL or style.quiet or not streams.err.isatty():
        yield from result
        return
    line = ProgressLine(streams.err)
    items = iter(result)
    while True:
        line.draw(result.tried, result.requested, "job")
        try:
            item = next(items, None)
        finally:  # an error or Ctrl-C leaves nothing of it either
            line.clear()
        if item is None:
            return
        yield item
