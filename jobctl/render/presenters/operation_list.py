"""What a changing command did, one outcome a job, each as it is done."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from jobctl.render.machine import write_json_lines, write_list_document
from jobctl.render.output import (
    Document,
    Streams,
    Style,
    envelope,
    note,
    write_error,
    write_grid,
)
from jobctl.render.progress import with_progress
from jobctl.render.rows import Column, primed
from jobctl.services.operations import Operation, OperationList, counted

_COLUMNS = ("id", "action", "changed", "from", "to", "notes")


def write(result: OperationList, style: Style, streams: Streams) -> None:
    carried_out(result, style, streams, lambda items: _write_items(items, result, style, streams))


def carried_out(
    result: OperationList,
    style: Style,
    streams: Streams,
    write_items: Callable[[Iterator[Operation]], None],
) -> None:
    """All of *result* is done, whatever becomes of the reader, and told what went wrong."""
    try:
        write_items(told(result, style, streams))
    except OSError:
        # The reader has gone, but what was asked for is done all the same.
        for item in result:
            _tell_error(item, style, streams)
        raise
    if result.halted is not None:
        write_error(result.halted, streams.err, for_machines=style.for_machines)
    if result.not_tried:
        note(f"{counted(result.not_tried, 'job')} not tried", style, streams)
    if result.dry_run:
        note("dry run: nothing was changed", style, streams)


def _write_items(
    items: Iterator[Operation], result: OperationList, style: Style, streams: Streams
) -> None:
    if style.format == "json":
        head = envelope("OperationList", {"dry_run": result.dry_run})
        documents = map(operation_document, items)
        write_list_document(streams.out, head, documents, lambda: summary_of(result))
    elif style.format == "jsonl":
        lines = (envelope("Operation", operation_document(item)) for item in items)
        write_json_lines(streams.out, lines)
    else:
        write_rows(items, result, style, streams)


def write_rows(
    items: Iterator[Operation], result: OperationList, style: Style, streams: Streams
) -> None:
    """A row for each that has not failed; nothing at all where all have."""
    rows = primed(_row(item) for item in items if item.error is None)
    if rows or not result.failed:
        columns = [Column(name=name, keep=name != "notes") for name in _COLUMNS]
        write_grid(columns, rows, style, streams)


def told(result: OperationList, style: Style, streams: Streams) -> Iterator[Operation]:
    """The operations, with the error of each that has one written when it comes by."""
    for item in with_progress(result, style, streams):
        _tell_error(item, style, streams)
        yield item


def _tell_error(item: Operation, style: Style, streams: Streams) -> None:
    if item.error is not None:
        with suppress(OSError):  # the exit code tells it too
            write_error(item.error, streams.err, for_machines=style.for_machines)


def _row(item: Operation) -> tuple[str, ...]:
    return (
        item.id,
        item.action,
        "yes" if item.changed else "no",
        item.previous_status or "",
        item.status or "",
        "; ".join(item.notes),
    )


def summary_of(result: OperationList) -> Document:
    summary = {
        "requested": result.requested,
        "changed": result.changed,
        "unchanged": result.unchanged,
        "failed": result.failed,
        "not_tried": result.not_tried,
    }
    return {"summary": summary}


def operation_document(item: Operation) -> Document:
    error = item.error
    return {
        "id": item.id,
        "action": item.action,
        "changed": item.changed,
        "previous_status": item.previous_status,
        "status": item.status,
        "op_id": item.op_id,
        "notes": list(item.notes),
        "error": {"code": error.code, "message": error.message, "hint": error.hint}
        if error
        else None,
    }
