"""What a changing command did, one outcome a job."""

from jobctl.render.machine import write_json_lines
from jobctl.render.output import (
    Document,
    Streams,
    Style,
    envelope,
    note,
    write_document,
    write_error,
    write_grid,
)
from jobctl.render.rows import Column
from jobctl.services.operations import Operation, OperationList


def write(result: OperationList, style: Style, streams: Streams) -> None:
    # First, so that they are told even if nobody reads what follows.
    for item in result.items:
        if item.error is not None:
            write_error(item.error, streams.err, for_machines=style.for_machines)
    if style.format == "json":
        write_document(_as_document(result), style, streams)
    elif style.format == "jsonl":
        items = _as_document(result)["items"]
        write_json_lines(streams.out, (envelope("Operation", item) for item in items))
    else:
        _grid_of(result, style, streams)


def _grid_of(result: OperationList, style: Style, streams: Streams) -> None:
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
    if rows or not result.items:
        columns = [Column(name=name, keep=name != "notes") for name in names]
        write_grid(columns, rows, style, streams)
    if result.dry_run:
        note("dry run: nothing was changed", style, streams)


def _as_document(result: OperationList) -> Document:
    return envelope(
        "OperationList",
        {
            "dry_run": result.dry_run,
            "items": [_operation(item) for item in result.items],
            "summary": {
                "requested": len(result.items),
                "changed": result.changed,
                "unchanged": len(result.items) - result.changed - result.failed,
                "failed": result.failed,
            },
        },
    )


def _operation(item: Operation) -> Document:
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
