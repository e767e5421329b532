"""What `audit list` found, streamed."""

from collections.abc import Iterator, Sequence

from jobctl.domain.audit import AuditEntry
from jobctl.render.columns import status_style
from jobctl.render.machine import write_json_lines, write_list_document
from jobctl.render.output import Document, Streams, Style, envelope, note, write_grid
from jobctl.render.rows import Column
from jobctl.services.audit_list import AuditListing

_COLUMNS = (
    Column(name="seq", right=True, keep=True),
    Column(name="at", keep=True),
    Column(name="actor"),
    Column(name="action", keep=True),
    Column(name="job", keep=True),
    Column(name="from", style=status_style),
    Column(name="to", style=status_style),
    Column(name="reason"),
    Column(name="summary"),
)
_OP_ID = Column(name="op_id", keep=True)


def write(listing: AuditListing, style: Style, streams: Streams) -> None:
    documents = (_document(entry) for entry in listing)
    if style.format == "json":
        write_list_document(
            streams.out,
            envelope("AuditList", {}),
            documents,
            lambda: {"next_cursor": listing.next_cursor},
        )
    elif style.format == "jsonl":
        write_json_lines(streams.out, (envelope("AuditEntry", one) for one in documents))
    elif style.format == "id":
        write_grid([_OP_ID], ([one.op_id] for one in listing if one.op_id), style, streams)
    else:
        columns = (*_COLUMNS, _OP_ID) if style.format == "wide" else _COLUMNS
        write_grid(columns, _rows(listing, style), style, streams)
    _note_on_listing(listing, style, streams)


def _rows(listing: AuditListing, style: Style) -> Iterator[Sequence[str]]:
    moments, wide = style.moments, style.format == "wide"
    for entry in listing:
        cells = (
            entry.place.removesuffix("-0"),
            moments.moment(entry.at),
            entry.actor or "",
            entry.action or "",
            entry.job_id or "",
            entry.from_status or "",
            entry.to_status or "",
            entry.reason or "",
            entry.summary or "",
        )
        yield (*cells, entry.op_id or "") if wide else cells


def _document(entry: AuditEntry) -> Document:
    return {
        "seq": entry.seq,
        "at": entry.at,
        "op_id": entry.op_id,
        "actor": entry.actor,
        "action": entry.action,
        "job_id": entry.job_id,
        "from": entry.from_status,
        "to": entry.to_status,
        "reason": entry.reason,
        "summary": entry.summary,
        "hash": entry.hash,
        "prev": entry.prev,
    }


def _note_on_listing(listing: AuditListing, style: Style, streams: Streams) -> None:
    if not listing.shown:
        note("no audit records found", style, streams)
    elif listing.next_cursor is not None:
        more = f"more with --all or --cursor {listing.next_cursor}"
        note(f"showing {listing.shown}; {more}", style, streams)
