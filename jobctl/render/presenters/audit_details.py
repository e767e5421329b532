"""What `audit show` found."""

from collections.abc import Iterator

from jobctl.domain.audit_chain import STORED
from jobctl.render.audit_entries import columns_for, entry_document, entry_rows
from jobctl.render.columns import Moments, status_style
from jobctl.render.lines import Line, both, write_lines
from jobctl.render.output import Document, Streams, Style, envelope, write_document, write_grid
from jobctl.render.rows import Column
from jobctl.services.audit_show import AuditDetails

_FOUND = ("hash", "prev", "hash_ok", "prev_ok")
_STYLES = {True: "green", False: "red", None: None}


def write(details: AuditDetails, style: Style, streams: Streams) -> None:
    if style.for_machines:
        write_document(envelope("AuditEntry", _document(details)), style, streams)
    elif style.format == "table":
        lines = _lines(details, Moments(now=style.now, relative=True))
        write_lines(streams.out, lines, width=style.width, color=style.color)
    else:
        _write_row(details, style, streams)


def _write_row(details: AuditDetails, style: Style, streams: Streams) -> None:
    columns = columns_for(style)
    rows = entry_rows([details.entry], columns, style.moments)
    if style.format != "id":
        columns = [*columns, *(Column(name=name) for name in _FOUND)]
        found = _document(details)
        rows = ([*row, *(_cell(found[name]) for name in _FOUND)] for row in rows)
    write_grid(columns, rows, style, streams)


def _document(details: AuditDetails) -> Document:
    return {
        **entry_document(details.entry),
        "hash_ok": details.hash_ok,
        "prev_ok": details.link.is_sound,
    }


def _cell(value: object) -> str:
    return "" if value is None else str(value).lower()


def _lines(details: AuditDetails, moments: Moments) -> Iterator[Line]:
    entry = details.entry
    yield Line(label="Record", value=entry.number)
    yield Line(label="At", value=both(entry.at, moments))
    yield Line(label="Actor", value=entry.actor)
    yield Line(label="Action", value=entry.action)
    yield Line(label="Job", value=entry.job_id)
    yield Line(label="From", value=entry.from_status, style=status_style(entry.from_status or ""))
    yield Line(label="To", value=entry.to_status, style=status_style(entry.to_status or ""))
    yield Line(label="Reason", value=entry.reason)
    yield Line(label="Summary", value=entry.summary)
    yield Line(label="Operation", value=entry.op_id)
    # Whoever wrote them may have put anything into them.
    others = len(entry.stored.keys() - STORED)
    yield Line(label="Other fields", value=f"{others}, not shown" if others else None)
    yield Line(label="Hash", value=entry.hash)
    yield Line(label="Hash of the record before", value=entry.prev)
    yield Line(label="Own hash", value=_own_hash(details.hash_ok), style=_STYLES[details.hash_ok])
    sound = details.link.is_sound
    yield Line(label="Link", value=details.link, style=_STYLES[sound])


def _own_hash(hash_ok: bool | None) -> str:
    if hash_ok is None:
        return "it has none of jobctl's"
    return "right" if hash_ok else "wrong: the record was changed after it was written"
