"""What `audit list` found, streamed."""

from jobctl.errors import RecordsMissingError
from jobctl.render.audit_entries import columns_for, entry_document, entry_rows
from jobctl.render.machine import write_json_lines, write_list_document
from jobctl.render.output import Streams, Style, envelope, note, write_error, write_grid
from jobctl.services.audit_list import AuditListing
from jobctl.services.audit_position import Trimmed, told


def write(listing: AuditListing, style: Style, streams: Streams) -> None:
    if listing.trimmed is not None:
        write_error(_missing(listing.trimmed), streams.err, for_machines=style.for_machines)
    documents = map(entry_document, listing)
    if style.format == "json":
        write_list_document(
            streams.out,
            envelope("AuditList", {}),
            documents,
            lambda: {"next_cursor": listing.next_cursor},
        )
    elif style.format == "jsonl":
        write_json_lines(streams.out, (envelope("AuditEntry", one) for one in documents))
    else:
        columns = columns_for(style)
        write_grid(columns, entry_rows(listing, columns, style.moments), style, streams)
    _note_on_listing(listing, style, streams)


def _note_on_listing(listing: AuditListing, style: Style, streams: Streams) -> None:
    if not listing.shown:
        note("no audit records found", style, streams)
    elif listing.next_cursor is not None:
        more = f"more with --all or --cursor {listing.next_cursor}"
        more = "the next run goes on behind them" if listing.is_resumed else more
        note(f"showing {listing.shown}; {more}", style, streams)


def _missing(trimmed: Trimmed) -> RecordsMissingError:
    return RecordsMissingError(
        told(trimmed), hint=f"this goes on from {trimmed.oldest}, the oldest that is kept"
    )
