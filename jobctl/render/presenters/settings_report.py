"""What `config` shows."""

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
from jobctl.services.config import SettingsReport


def write(result: SettingsReport, style: Style, streams: Streams) -> None:
    if style.for_machines:
        write_document(_as_document(result), style, streams)
        return
    rows = [(item.name, item.value or "", item.origin) for item in result.items]
    columns = [Column(name=name, keep=True) for name in ("setting", "value", "origin")]
    write_grid(columns, rows, style, streams)
    note(
        f"context {result.context}; store {result.store}; file {result.config_file}",
        style,
        streams,
    )


def _as_document(report: SettingsReport) -> Document:
    return envelope(
        "Settings",
        {
            "context": report.context,
            "config_file": report.config_file,
            "store": report.store,
            "items": [
                {"name": item.name, "value": item.value, "origin": item.origin}
                for item in report.items
            ],
        },
    )
