"""The newest audit records and those that follow, each handed on as it comes."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TextIO

from jobctl.domain.audit import AuditEntry
from jobctl.render.audit_entries import columns_for, entry_document, entry_rows
from jobctl.render.machine import write_json_lines, write_list_document
from jobctl.render.output import Streams, Style, envelope, note, write_grid
from jobctl.render.table import LEARNED_ROWS
from jobctl.services.audit_tail import AuditTail

# For what is usual, where the first records are too few to tell.
_ROOM = {"seq": 6, "actor": 12, "action": 8, "from": 10, "to": 10, "reason": 24}


def write(tail: AuditTail, style: Style, streams: Streams) -> None:
    if not tail.ready and not tail.follows:
        note("no audit records found", style, streams)
    entries = _flushed(tail, streams.out)
    if style.format == "json":
        _write_document(entries, streams)
    elif style.format == "jsonl":
        documents = (envelope("AuditEntry", entry_document(one)) for one in entries)
        write_json_lines(streams.out, documents)
    else:
        _write_rows(entries, tail, style, streams)


def _write_rows(
    entries: Iterable[AuditEntry], tail: AuditTail, style: Style, streams: Streams
) -> None:
    columns, moments = columns_for(style), style.moments
    if not tail.follows:
        write_grid(columns, entry_rows(entries, columns, moments), style, streams)
        return
    # Of a record that stays on the screen, nobody can tell when it was `2s ago`.
    rows = entry_rows(entries, columns, replace(moments, relative=False))
    roomy = [replace(one, least=_ROOM.get(one.name, 0)) for one in columns]
    # What has still to come cannot be waited for to set the widths of what is there.
    learned = max(1, min(tail.ready, LEARNED_ROWS))
    write_grid(roomy, rows, style, streams, learned=learned)


def _flushed(entries: Iterable[AuditEntry], out: TextIO) -> Iterator[AuditEntry]:
    """Whoever asks for the next one has written the one before."""
    for entry in entries:
        yield entry
        out.flush()


def _write_document(entries: Iterable[AuditEntry], streams: Streams) -> None:
    """A list that is followed ends by a signal; the document is complete all the same."""
    stopped: list[BaseException] = []

    def until_stopped() -> Iterator[AuditEntry]:
        try:
            yield from entries
        except Exception:
            raise
        except BaseException as signal:  # noqa: BLE001 - raised again below
            stopped.append(signal)

    documents = map(entry_document, until_stopped())
    write_list_document(
        streams.out, envelope("AuditList", {}), documents, lambda: {"next_cursor": None}
    )
    streams.out.flush()
    for signal in stopped:
        raise signal
