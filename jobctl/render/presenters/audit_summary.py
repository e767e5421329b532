"""What `audit summary` counted."""

from collections.abc import Iterator, Sequence

from jobctl.render.lines import Line, both, write_lines
from jobctl.render.output import Document, Streams, Style, envelope, write_document, write_grid
from jobctl.render.rows import Column
from jobctl.services.audit_summary import AuditSummary, Count

_NOBODY = "(none)"


def write(summary: AuditSummary, style: Style, streams: Streams) -> None:
    if style.for_machines:
        write_document(envelope("AuditSummary", _document(summary)), style, streams)
    elif style.format in ("table", "wide"):
        _write_tables(summary, style, streams)
    else:
        columns = [Column(name="by"), Column(name="name"), Column(name="count", right=True)]
        write_grid(columns, _rows(summary), style, streams)


def _document(summary: AuditSummary) -> Document:
    counts = {
        f"by_{by}": [{"name": one.name, "count": one.count} for one in found]
        for by, found in _parts(summary)
    }
    return {"total": summary.total, "first": summary.first, "last": summary.last, **counts}


def _rows(summary: AuditSummary) -> Iterator[Sequence[str]]:
    for by, found in _parts(summary):
        yield from ((by, one.name or "", str(one.count)) for one in found)


def _write_tables(summary: AuditSummary, style: Style, streams: Streams) -> None:
    moments = style.moments
    lines = (
        Line(label="Records", value=f"{summary.total:,}"),
        Line(label="First", value=both(summary.first, moments)),
        Line(label="Last", value=both(summary.last, moments)),
    )
    write_lines(streams.out, lines, width=style.width, color=style.color)
    for by, found in _parts(summary):
        if found:
            streams.out.write("\n")
            columns = [Column(name=by), Column(name="count", right=True, keep=True)]
            rows = ((one.name or _NOBODY, f"{one.count:,}") for one in found)
            write_grid(columns, rows, style, streams)


def _parts(summary: AuditSummary) -> Sequence[tuple[str, Sequence[Count]]]:
    return (
        ("actor", summary.by_actor),
        ("action", summary.by_action),
        ("day", summary.by_day),
    )
