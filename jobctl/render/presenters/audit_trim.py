"""What `audit trim` has removed."""

from jobctl.render.output import Streams, Style, envelope, note, write_document, write_grid
from jobctl.render.rows import Column
from jobctl.services.audit_trim import AuditTrim

_COUNTS = ("upto", "due", "removed", "left", "anchored_to")


def write(report: AuditTrim, style: Style, streams: Streams) -> None:
    counts = {name: getattr(report, name) for name in _COUNTS}
    if style.for_machines:
        document = {
            **counts,
            "dry_run": report.dry_run,
            "op_id": report.op_id,
            "complete": report.stopped_by is None,
        }
        write_document(envelope("AuditTrim", document), style, streams)
    else:
        columns = [Column(name=name, right=True, keep=True) for name in _COUNTS]
        row = ["" if one is None else str(one) for one in counts.values()]
        write_grid(columns, [row], style, streams)
    if report.upto is None:
        note("nothing is old enough and anchored", style, streams)
    elif report.dry_run:
        note("nothing was removed: this was a dry run", style, streams)
    if report.stopped_by is not None:
        note("stopped; run it again to go on", style, streams)
