"""What `status` found."""

from collections.abc import Sequence

from jobctl.render.columns import COLUMNS, WIDE, Moments, job_rows
from jobctl.render.job_documents import details_document
from jobctl.render.machine import to_json, write_json_lines, write_list_document
from jobctl.render.output import Streams, Style, envelope, write_error, write_grid
from jobctl.services.status import JobDetails, JobDetailsList


def write(result: JobDetailsList, style: Style, streams: Streams) -> None:
    items, out = result.items, streams.out
    match style.format:
        case "json" if len(items) + len(result.missing) == 1:
            for item in items:
                out.write(to_json(envelope("Job", details_document(item)), pretty=True) + "\n")
        case "json":
            tail = {"next_cursor": None, "total": len(items)}
            documents = map(details_document, items)
            write_list_document(out, envelope("JobList", {}), documents, lambda: tail)
        case "jsonl":
            write_json_lines(out, (envelope("Job", details_document(item)) for item in items))
        case "table" if not style.columns:
            _detail_views(items, style, streams)
        case _ if items:
            names = style.column_names(WIDE)
            rows = job_rows((item.job for item in items), names, style.moments)
            write_grid([COLUMNS[name][0] for name in names], rows, style, streams)
    for error in result.missing:
        write_error(error, streams.err, for_machines=style.for_machines)


def _detail_views(items: Sequence[JobDetails], style: Style, streams: Streams) -> None:
    from jobctl.render.details import write_details

    for place, item in enumerate(items):
        if place:
            streams.out.write("\n")
        moments = Moments(now=item.read_at, relative=True)
        write_details(streams.out, item, moments=moments, width=style.width, color=style.color)
