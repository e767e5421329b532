"""A line on the terminal that says how far a long command is, gone as soon as it is done."""

import time
from collections.abc import Iterator

from jobctl.render.output import Streams, Style
from jobctl.services.operations import Operation, OperationList

_SCREENFUL = 50
_REFRESH_SECONDS = 0.1
_CLEAR = "\r\x1b[K"


def with_progress(result: OperationList, style: Style, streams: Streams) -> Iterator[Operation]:
    """The operations of *result*. The line is drawn while the next one is waited for, and never
    stands between the rows: it is removed before one is handed on."""
    err = streams.err
    if result.requested <= _SCREENFUL or style.quiet or not err.isatty():
        yield from result
        return
    drawn_at = 0.0
    items = iter(result)
    while True:
        now = time.monotonic()
        drawn = now - drawn_at >= _REFRESH_SECONDS
        if drawn:
            drawn_at = now
            share = result.tried / result.requested
            err.write(f"{_CLEAR}{result.tried:,} of {result.requested:,} jobs  {share:.0%}")
            err.flush()
        try:
            item = next(items, None)
        finally:  # an error or Ctrl-C leaves nothing of it either
            if drawn:
                err.write(_CLEAR)
                err.flush()
        if item is None:
            return
        yield item
