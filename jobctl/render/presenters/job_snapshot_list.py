"""What `audit record` took: facts for an auditor, and never the text of a finding or an error."""

from collections.abc import Iterator, Sequence
from typing import Any

from jobctl.domain.audit import AuditEntry
from jobctl.domain.job import Job
from jobctl.render import times
from jobctl.render.columns import Moments, status_style
from jobctl.render.lines import Line, both, write_lines
from jobctl.render.machine import write_json_lines, write_list_document
from jobctl.render.output import Document, Streams, Style, envelope, write_document, write_grid
from jobctl.render.presenters.operation_list import carried_out, summary_of
from jobctl.render.rows import Column, primed
from jobctl.services.audit_record import JobSnapshot, JobSnapshotList
from jobctl.services.operations import Operation

_KIND = "JobRecord"
_MOMENTS = ("created", "updated", "completed", "approved", "denied", "cancelled")
_KEPT = {"id", "exists", "status", "taken_at"}


def write(result: JobSnapshotList, style: Style, streams: Streams) -> None:
    def write_items(items: Iterator[Operation]) -> None:
        taken = ((one, result.snapshot_of(one)) for one in items if one.error is None)
        match style.format:
            case "json" if result.requested != 1:
                head = envelope("JobRecordList", {"dry_run": result.dry_run})
                documents = (_document(*one) for one in taken)
                write_list_document(streams.out, head, documents, lambda: summary_of(result))
            case "json":
                for one in taken:
                    write_document(envelope(_KIND, _document(*one)), style, streams)
            case "jsonl":
                lines = (envelope(_KIND, _document(*one)) for one in taken)
                write_json_lines(streams.out, lines)
            case "table":
                _write_views(taken, style, streams)
            case _:
                _write_rows(taken, style, streams)

    carried_out(result, style, streams, write_items)


_Taken = Iterator[tuple[Operation, JobSnapshot]]


def _document(operation: Operation, snapshot: JobSnapshot) -> Document:
    job = snapshot.job
    return {
        "job_id": snapshot.id,
        "exists": job is not None,
        "taken_at": snapshot.taken_at,
        "status": job.shown_status if job else None,
        **{f"{name}_at": getattr(job, f"{name}_at", None) for name in _MOMENTS},
        "confidence_score": job.confidence_score if job else None,
        "pii": _pii(job),
        "error_present": _has_error(job) if job else None,
        "last_operation": job.last_op if job else None,
        "last_record": _last_record(snapshot.last) if snapshot.last else None,
        "reason": snapshot.reason,
        "op_id": operation.op_id,
    }


def _pii(job: Job | None) -> Document | None:
    """None for a job that was not scanned; how many findings there are that nobody can read,
    nobody knows."""
    if job is None or job.pii is None:
        return None
    count = job.pii.count if job.pii.readable else None
    return {"count": count, "entity_types": sorted(job.pii.entity_types)}


def _has_error(job: Job) -> bool:
    return bool(job.error or job.error_details)


def _last_record(entry: AuditEntry) -> Document:
    return {
        "seq": entry.seq,
        "action": entry.action,
        "actor": entry.actor,
        "at": entry.at,
        "from": entry.from_status,
        "to": entry.to_status,
        "reason": entry.reason,
    }


def _write_rows(taken: _Taken, style: Style, streams: Streams) -> None:
    rows = primed(_row(_document(*one), style.moments) for one in taken)
    if rows:
        columns = [Column(name=name, keep=name in _KEPT) for name in _COLUMNS]
        write_grid(columns, rows, style, streams)


_COLUMNS = (
    *("id", "exists", "status", "taken_at"),
    *(f"{name}_at" for name in _MOMENTS),
    *("confidence", "pii", "entity_types", "error", "last_operation"),
    *("last_seq", "last_action", "last_actor", "last_at", "reason", "op_id"),
)


def _row(document: Document, moments: Moments) -> Sequence[str]:
    pii, last = document["pii"] or {}, document["last_record"] or {}
    names = ("seq", "action", "actor", "at")
    values = (
        *(document[name] for name in ("job_id", "exists", "status", "taken_at")),
        *(document[f"{name}_at"] for name in _MOMENTS),
        *(document["confidence_score"], pii.get("count"), ",".join(pii.get("entity_types", ()))),
        *(document["error_present"], document["last_operation"]),
        *(last.get(name) for name in names),
        *(document["reason"], document["op_id"]),
    )
    return [_cell(value, moments) for value in values]


def _cell(value: Any, moments: Moments) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case int() | float():
            return times.number(value)
    return moments.moment(value)


def _write_views(taken: _Taken, style: Style, streams: Streams) -> None:
    for place, (operation, snapshot) in enumerate(taken):
        if place:
            streams.out.write("\n")
        moments = Moments(now=snapshot.taken_at, relative=True)
        lines = _lines(_document(operation, snapshot), moments)
        write_lines(streams.out, lines, width=style.width, color=style.color)


def _lines(document: Document, moments: Moments) -> Iterator[Line]:
    def line(label: str, value: object, style: str | None = None) -> Line:
        return Line(label=label, value=_cell(value, moments), style=style)

    status, pii, last = document["status"], document["pii"], document["last_record"]
    yield line("Job", document["job_id"])
    yield Line(label="Taken", value=both(document["taken_at"], moments))
    yield line("Exists", document["exists"])
    yield line("Status", status, status_style(status or ""))
    for name in _MOMENTS:
        yield Line(label=name.capitalize(), value=both(document[f"{name}_at"], moments))
    yield line("Confidence", document["confidence_score"])
    if pii is not None:
        types = f" ({', '.join(pii['entity_types'])})" if pii["entity_types"] else ""
        unknown = "findings are unreadable"
        yield line("PII", unknown if pii["count"] is None else f"{pii['count']} findings{types}")
    yield line("Error", document["error_present"])
    yield line("Last operation", document["last_operation"])
    if last is not None:
        number = f"record {last['seq']}: " if last["seq"] else ""
        who = f"{number}{last['action'] or 'unknown'} by {last['actor'] or 'somebody unnamed'}"
        yield line("Last in the trail", f"{who}, {both(last['at'], moments) or 'at no known time'}")
        yield line("It says", _told(last))
    yield line("Reason", document["reason"])
    yield line("Recorded as", document["op_id"])


def _told(last: Document) -> str:
    moved = f"{last['from'] or '(none)'} to {last['to'] or '(none)'}"
    return f"{moved}: {last['reason']}" if last["reason"] else moved
