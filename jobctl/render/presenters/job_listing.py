"""What `list` found, streamed."""

from jobctl.render.columns import COLUMNS, NARROW, WIDE, job_rows
from jobctl.render.job_documents import job_document
from jobctl.render.machine import write_json_lines, write_list_document
from jobctl.render.output import Document, Streams, Style, envelope, note, write_grid
from jobctl.services.list_jobs import JobListing


def write(listing: JobListing, style: Style, streams: Streams) -> None:
    def tail() -> Document:
        return {"next_cursor": listing.next_cursor, "total": listing.total}

    documents = (job_document(job) for job in listing)
    if style.format == "json":
        write_list_document(streams.out, envelope("JobList", {}), documents, tail)
    elif style.format == "jsonl":
        write_json_lines(streams.out, (envelope("Job", document) for document in documents))
    else:
        names = style.column_names(WIDE if style.format in ("wide", "csv") else NARROW)
        columns = [COLUMNS[name][0] for name in names]
        write_grid(columns, job_rows(listing, names, style.moments), style, streams)
    _note_on_listing(listing, style, streams)


def _note_on_listing(listing: JobListing, style: Style, streams: Streams) -> None:
    if not listing.shown:
        note("no jobs found", style, streams)
    elif listing.truncated:
        of = f" of {listing.total}" if listing.total is not None else ""
        more = f"--all or --cursor {listing.next_cursor}" if listing.next_cursor else "--limit"
        note(f"showing {listing.shown}{of}; more with {more}", style, streams)
    if listing.expired:
        note(f"{listing.expired} index entries point to expired jobs", style, streams)
