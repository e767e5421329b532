"""Writes a result in the format asked for. stdout carries data alone; notes go to stderr."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, TextIO

from jobctl.errors import JobctlError, OutcomeUnknownError
from jobctl.render.machine import to_json, to_json_line
from jobctl.render.rows import Column, write_csv, write_ids, write_tsv
from jobctl.render.sanitise import clean

if TYPE_CHECKING:
    from jobctl.render.columns import Moments
    from jobctl.settings import OutputFormat

SCHEMA = "jobctl/v1"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """*width* is the terminal's, None where stdout is none; *columns* None means the usual."""

    format: "OutputFormat"
    width: int | None
    color: bool
    quiet: bool
    now: datetime
    columns: tuple[str, ...] | None = None

    @property
    def for_machines(self) -> bool:
        return self.format in ("json", "jsonl")

    def column_names(self, usual: Sequence[str]) -> Sequence[str]:
        """The columns to show where *usual* ones stand unless others were asked for."""
        return ("id",) if self.format == "id" else self.columns or usual

    @property
    def moments(self) -> "Moments":
        from jobctl.render.columns import Moments

        return Moments(now=self.now, relative=self.width is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    out: TextIO
    err: TextIO


def write_result(result: object, style: Style, streams: Streams) -> None:
    """Show *result* by the presenter that is named after its class, and import no other."""
    words = re.findall(r"[A-Z][a-z]*", type(result).__name__)
    presenter = import_module("jobctl.render.presenters." + "_".join(words).lower())
    presenter.write(result, style, streams)


def write_error(error: JobctlError, err: TextIO, *, for_machines: bool) -> None:
    """One line (two with a remedy) for a person, one JSON object in the JSON modes."""
    if for_machines:
        err.write(to_json_line(error_document(error)))
        return
    err.write(f"jobctl: {clean(error.message)}\n")
    if error.hint:
        err.write(f"        {clean(error.hint)}\n")


def note(text: str, style: Style, streams: Streams) -> None:
    if not style.quiet and not style.for_machines:
        streams.err.write(f"{clean(text)}\n")


def write_summary(text: str, style: Style, streams: Streams) -> None:
    """A note that is there in every format, since cron mails it: in the JSON modes an object of
    the kind Note, which no reader takes for an error."""
    if style.for_machines and not style.quiet:
        streams.err.write(to_json_line(envelope("Note", {"message": text})))
    else:
        note(text, style, streams)


def write_grid(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    style: Style,
    streams: Streams,
    *,
    learned: int | None = None,
) -> None:
    """Rows in whichever of the row formats the style has. A table waits for *learned* rows, or
    for as many as are usual, to set its widths."""
    match style.format:
        case "csv":
            write_csv(streams.out, columns, rows)
        case "tsv":
            write_tsv(streams.out, columns, rows)
        case "id":
            write_ids(streams.out, (row[0] for row in rows))
        case _:
            from jobctl.render.table import LEARNED_ROWS, write_table

            write_table(
                streams.out,
                columns,
                rows,
                width=style.width,
                color=style.color,
                learned=learned or LEARNED_ROWS,
            )


def envelope(kind: str, body: Document) -> Document:
    """A document with `schema` and `kind` first."""
    return {"schema": SCHEMA, "kind": kind, **body}


def write_document(document: Document, style: Style, streams: Streams) -> None:
    streams.out.write(to_json(document, pretty=style.format == "json") + "\n")


def error_document(error: JobctlError) -> Document:
    return envelope(
        "Error",
        {
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "exit_code": int(error.exit_code),
            "id": error.job_id,
            "op_id": error.op_id if isinstance(error, OutcomeUnknownError) else None,
        },
    )
