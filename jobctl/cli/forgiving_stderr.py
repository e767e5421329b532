"""A standard error that takes whatever it is given: what is said there must not end the work."""

import os
from io import RawIOBase, TextIOWrapper
from typing import Any


class _Forgiving(RawIOBase):
    """A descriptor whose disk may be full, or whose reader may have gone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            pass  # the exit code tells it too
        return len(data)


def forgiving(stream: Any) -> Any:
    """*stream* as one that never fails, where it has a descriptor of its own."""
    try:
        raw = _Forgiving(stream.fileno())
    except OSError:
        return stream
    return TextIOWrapper(
        raw, encoding=stream.encoding, errors=stream.errors, line_buffering=True, write_through=True
    )
