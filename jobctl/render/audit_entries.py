"""Audit records as rows and as JSON, for every command that shows some."""

from collections.abc import Iterable, Iterator, Sequence

from jobctl.domain.audit import AuditEntry
from jobctl.render.columns import Moments, status_style
from jobctl.render.output import Document, Style
from jobctl.render.rows import Column

_NARROW = (
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
_WIDE = (*_NARROW, _OP_ID)


def columns_for(style: Style) -> Sequence[Column]:
    if style.format == "id":
        return [_OP_ID]
    return _WIDE if style.format == "wide" else _NARROW


def entry_rows(
    entries: Iterable[AuditEntry], columns: Sequence[Column], moments: Moments
) -> Iterator[Sequence[str]]:
    """The cells of the columns that a style has; an entry without an operation has no bare id."""
    if columns[0] is _OP_ID:
        yield from ([one.op_id] for one in entries if one.op_id)
        return
    for entry in entries:
        yield _cells(entry, moments)[: len(columns)]


def _cells(entry: AuditEntry, moments: Moments) -> Sequence[str]:
    return (
        entry.number,
        moments.moment(entry.at),
        entry.actor or "",
        entry.action or "",
        entry.job_id or "",
        entry.from_status or "",
        entry.to_status or "",
        entry.reason or "",
        entry.summary or "",
        entry.op_id or "",
    )


def entry_document(entry: AuditEntry) -> Document:
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
