"""Results as they are presented, on streams that can be looked into or go away."""

import io
import json
from datetime import UTC, datetime
from typing import Any

from jobctl.errors import JobctlError
from jobctl.render.output import Streams, Style
from jobctl.services.operations import Operation
from jobctl.settings import OutputFormat

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORMATS: tuple[OutputFormat, ...] = ("table", "wide", "json", "jsonl", "csv", "tsv", "id")
MACHINE: tuple[OutputFormat, ...] = ("json", "jsonl")
ROWS: tuple[OutputFormat, ...] = ("table", "wide", "csv", "tsv", "id")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Leaving(io.StringIO):
    """A reader that goes away once it has seen *patience* characters."""

    def __init__(self, patience: int = 0) -> None:
        super().__init__()
        self._patience = patience

    def write(self, text: str) -> int:
        if self.tell() >= self._patience:
            raise BrokenPipeError
        return super().write(text)


def style(chosen: OutputFormat, *, quiet: bool = False, width: int | None = None) -> Style:
    return Style(format=chosen, width=width, color=False, quiet=quiet, now=NOW)


def streams(out: io.StringIO | None = None, err: io.StringIO | None = None) -> Streams:
    return Streams(out=out or io.StringIO(), err=err or io.StringIO())


def text_of(stream: Any) -> str:
    text: str = stream.getvalue()
    return text


def operation(number: int = 1, **changes: Any) -> Operation:
    values: dict[str, Any] = {
        "id": f"job-{number}",
        "action": "cancel",
        "changed": True,
        "previous_status": "queued",
        "status": "cancelled",
        "op_id": f"op-{number}",
    }
    return Operation(**(values | changes))


def failure(error: JobctlError, number: int = 1, **changes: Any) -> Operation:
    values: dict[str, Any] = {"changed": False, "status": "queued", "op_id": None, "error": error}
    return operation(number, **(values | changes))


def lines(text: str) -> list[Any]:
    """JSON, one value a line."""
    return [json.loads(line) for line in text.splitlines()]
