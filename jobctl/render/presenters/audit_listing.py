"""What `audit list` found, streamed."""

from jobctl.render.audit_entries import columns_for, entry_document, entry_rows
from jobctl.render.machine import write_json_lines, write_list_document
from jobctl.render.output import Streams, Style, envelope, note, write_grid
from jobctl.services.audit_list import AuditListing


def write(listing: AuditListing, style: Style, streams: Streams) -> None:
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
        note(f"showing {listing.shown}; {more}", style, streams)
