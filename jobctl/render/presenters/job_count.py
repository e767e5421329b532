"""What `list --count` found."""

from jobctl.render.machine import to_json_line
from jobctl.render.output import Streams, Style, envelope
from jobctl.services.list_jobs import JobCount


def write(result: JobCount, style: Style, streams: Streams) -> None:
    if style.for_machines:
        streams.out.write(to_json_line(envelope("JobCount", {"count": result.count})))
    else:
        streams.out.write(f"{result.count}\n")
