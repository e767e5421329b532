"""Writes a result in the format asked for. stdout carries data alone; notes go to stderr."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TextIO, assert_never

from jobctl.errors import JobctlError
from jobctl.render.columns import COLUMNS, NARROW, WIDE, Moments, job_rows
from jobctl.render.documents import (
    Document,
    created_document,
    details_document,
    doctor_document,
    envelope,
    error_document,
    job_document,
    operations_document,
    settings_document,
)
from jobctl.render.machine import to_json, to_json_line, write_json_lines, write_list_document
from jobctl.render.rows import Column, write_csv, write_ids, write_tsv
from jobctl.render.sanitise import clean
from jobctl.render.table import write_table
from jobctl.services.config import SettingsReport
from jobctl.services.doctor import DoctorReport
from jobctl.services.list_jobs import JobCount, JobListing
from jobctl.services.operations import CreatedJob, OperationList
from jobctl.services.status import JobDetails, JobDetailsList

if TYPE_CHECKING:
    from jobctl.settings import OutputFormat

Result = (
    JobDetailsList
    | JobListing
    | JobCount
    | CreatedJob
    | OperationList
    | SettingsReport
    | DoctorReport
)


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

    @property
    def moments(self) -> Moments:
        return Moments(now=self.now, relative=self.width is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    out: TextIO
    err: TextIO


def write_result(result: Result, style: Style, streams: Streams) -> None:
    match result:
        case JobListing():
            _listing(result, style, streams)
        case JobDetailsList():
            _details(result, style, streams)
        case JobCount():
            _count(result, style, streams)
        case CreatedJob():
            _created(result, style, streams)
        case OperationList():
            _operations(result, style, streams)
        case SettingsReport():
            _settings(result, style, streams)
        case DoctorReport():
            _doctor(result, style, streams)
        case _:
            assert_never(result)


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


def _grid(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], style: Style, streams: Streams
) -> None:
    """Rows in whichever of the row formats the style has."""
    match style.format:
        case "csv":
            write_csv(streams.out, columns, rows)
        case "tsv":
            write_tsv(streams.out, columns, rows)
        case "id":
            write_ids(streams.out, (row[0] for row in rows))
        case _:
            write_table(streams.out, columns, rows, width=style.width, color=style.color)


def _column_names(style: Style) -> Sequence[str]:
    if style.format == "id":
        return ("id",)
    return style.columns or (WIDE if style.format in ("wide", "csv") else NARROW)


def _listing(listing: JobListing, style: Style, streams: Streams) -> None:
    def tail() -> Document:
        return {"next_cursor": listing.next_cursor, "total": listing.total}

    documents = (job_document(job) for job in listing)
    if style.format == "json":
        write_list_document(streams.out, envelope("JobList", {}), documents, tail)
    elif style.format == "jsonl":
        write_json_lines(streams.out, (envelope("Job", document) for document in documents))
    else:
        names = _column_names(style)
        columns = [COLUMNS[name][0] for name in names]
        _grid(columns, job_rows(listing, names, style.moments), style, streams)
    _note_on_listing(listing, style, streams)


def _note_on_listing(listing: JobListing, style: Style, streams: Streams) -> None:
    if not listing.shown:
        note("no jobs found", style, streams)
    elif listing.next_cursor:
        of = f" of {listing.total}" if listing.total is not None else ""
        note(
            f"showing {listing.shown}{of}; more with --all or --cursor {listing.next_cursor}",
            style,
            streams,
        )
    if listing.expired:
        note(f"{listing.expired} index entries point to expired jobs", style, streams)


def _details(result: JobDetailsList, style: Style, streams: Streams) -> None:
    items, out = result.items, streams.out
    match style.format:
        case "json" if len(items) + len(result.missing) == 1:
            for item in items:
                out.write(to_json(envelope("Job", details_document(item)), pretty=True) + "\n")
        case "json":
            tail = {"next_cursor": None, "total": len(items)}
            documents = map(details_document, items)
            write_list_document(out, envelope("JobList", {}), documents, lambda: tail)
        case "jsonl":
            write_json_lines(out, (envelope("Job", details_document(item)) for item in items))
        case "table":
            _detail_views(items, style, streams)
        case _:
            names = WIDE if style.format in ("csv", "wide", "tsv") else ("id",)
            rows = job_rows((item.job for item in items), names, style.moments)
            _grid([COLUMNS[name][0] for name in names], rows, style, streams)
    for error in result.missing:
        write_error(error, streams.err, for_machines=style.for_machines)


def _detail_views(items: Sequence[JobDetails], style: Style, streams: Streams) -> None:
    from jobctl.render.details import write_details

    for place, item in enumerate(items):
        if place:
            streams.out.write("\n")
        moments = Moments(now=item.read_at, relative=True)
        write_details(streams.out, item, moments=moments, width=style.width, color=style.color)


def _count(result: JobCount, style: Style, streams: Streams) -> None:
    if style.for_machines:
        streams.out.write(to_json_line(envelope("JobCount", {"count": result.count})))
    else:
        streams.out.write(f"{result.count}\n")


def _created(result: CreatedJob, style: Style, streams: Streams) -> None:
    job = result.job
    if style.for_machines:
        _document(created_document(result), style, streams)
    elif style.format in ("table", "wide"):
        verb = "created" if result.created else "exists already"
        line = f"{job.id}  {'would be created' if result.dry_run else verb} ({job.shown_status})"
        streams.out.write(f"{clean(line)}  {clean(result.document)}\n")
    else:
        _grid(
            [Column(name="id"), Column(name="created"), Column(name="status")],
            [(job.id, str(result.created).lower(), job.shown_status)],
            style,
            streams,
        )


def _operations(result: OperationList, style: Style, streams: Streams) -> None:
    if style.format == "json":
        _document(operations_document(result), style, streams)
    elif style.format == "jsonl":
        write_json_lines(streams.out, operations_document(result)["items"])
    else:
        names = ("id", "action", "changed", "from", "to", "notes")
        rows = [
            (
                item.id,
                item.action,
                "yes" if item.changed else "no",
                item.previous_status or "",
                item.status or "",
                "; ".join(item.notes),
            )
            for item in result.items
            if item.error is None
        ]
        _grid([Column(name=name, keep=name != "notes") for name in names], rows, style, streams)
        if result.dry_run:
            note("dry run: nothing was changed", style, streams)
    for item in result.items:
        if item.error is not None:
            write_error(item.error, streams.err, for_machines=style.for_machines)


def _settings(result: SettingsReport, style: Style, streams: Streams) -> None:
    if style.for_machines:
        _document(settings_document(result), style, streams)
        return
    rows = [(item.name, item.value or "", item.origin) for item in result.items]
    columns = [Column(name=name, keep=True) for name in ("setting", "value", "origin")]
    _grid(columns, rows, style, streams)
    note(
        f"context {result.context}; store {result.store}; file {result.config_file}",
        style,
        streams,
    )


def _doctor(result: DoctorReport, style: Style, streams: Streams) -> None:
    if style.for_machines:
        _document(doctor_document(result), style, streams)
        return
    rows = [(check.name, check.result, check.message, check.hint or "") for check in result.checks]
    columns = [
        Column(name="check"),
        Column(name="result", style=_doctor_style, keep=True),
        Column(name="message", keep=True),
        Column(name="remedy", keep=True),
    ]
    _grid(columns, rows, style, streams)


def _doctor_style(text: str) -> str | None:
    return {"ok": "green", "warning": "yellow", "failed": "red"}.get(text)


def _document(document: Document, style: Style, streams: Streams) -> None:
    streams.out.write(to_json(document, pretty=style.format == "json") + "\n")
