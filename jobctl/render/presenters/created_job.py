"""What `create` made."""

from jobctl.render.job_documents import job_document
from jobctl.render.output import (
    Document,
    Streams,
    Style,
    envelope,
    note,
    write_document,
    write_grid,
)
from jobctl.render.rows import Column
from jobctl.render.sanitise import clean
from jobctl.services.operations import CreatedJob


def write(result: CreatedJob, style: Style, streams: Streams) -> None:
    job = result.job
    if style.for_machines:
        write_document(_as_document(result), style, streams)
    elif style.format in ("table", "wide"):
        verb = "created" if result.created else "exists already"
        line = f"{job.id}  {'would be created' if result.dry_run else verb} ({job.shown_status})"
        streams.out.write(f"{clean(line)}\n")
    else:
        write_grid(
            [Column(name="id"), Column(name="created"), Column(name="status")],
            [(job.id, str(result.created).lower(), job.shown_status)],
            style,
            streams,
        )
    if result.dry_run:
        note("dry run: nothing was changed", style, streams)


def _as_document(result: CreatedJob) -> Document:
    return envelope(
        "Job",
        {
            **job_document(result.job),
            "created": result.created,
            "dry_run": result.dry_run,
            "op_id": result.op_id,
            "location": result.document,
        },
    )
