"""What `audit export` has appended."""

from jobctl.render.output import Streams, Style, envelope, note, write_document, write_grid
from jobctl.render.rows import Column
from jobctl.services.audit_export import AuditExport

_COUNTS = ("segments", "records", "first", "last", "last_segment", "others")


def write(report: AuditExport, style: Style, streams: Streams) -> None:
    counts = {name: getattr(report, name) for name in _COUNTS}
    if style.for_machines:
        document = {**counts, "place": report.place, "complete": report.stopped_by is None}
        write_document(envelope("AuditExport", document), style, streams)
    else:
        columns = [Column(name=name, right=True, keep=True) for name in _COUNTS]
        columns.append(Column(name="place", keep=True))
        row = [*("" if one is None else str(one) for one in counts.values()), report.place or ""]
        write_grid(columns, [row], style, streams)
    if report.stopped_by is not None:
        note("stopped; run it again to go on", style, streams)
