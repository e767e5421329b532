"""What `backfill-index` found and mended."""

from jobctl.render.output import Streams, Style, envelope, note, write_document, write_grid
from jobctl.render.rows import Column
from jobctl.services.backfill_index import IndexReport

_COUNTS = ("scanned", "missing", "behind", "ghosts", "pruned", "undatable", "unchanged", "size")


def write(report: IndexReport, style: Style, streams: Streams) -> None:
    counts = {name: getattr(report, name) for name in _COUNTS}
    if style.for_machines:
        document = {
            "mode": report.mode,
            **counts,
            "resumed": report.resumed,
            "complete": report.complete,
            "undatable_ids": report.examples,
        }
        write_document(envelope("IndexReport", document), style, streams)
    else:
        names = ("mode", *_COUNTS)
        row = (report.mode, *map(str, counts.values()))
        columns = [Column(name=name, right=name != "mode", keep=True) for name in names]
        write_grid(columns, [row], style, streams)
    if report.resumed:
        note("went on where an earlier run was stopped; --restart begins anew", style, streams)
    if report.examples:
        note(f"without a readable time, among others: {', '.join(report.examples)}", style, streams)
    if not report.complete:
        note("stopped; run it again to go on", style, streams)
