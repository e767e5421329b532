"""What `doctor` found."""

from jobctl.render.output import Document, Streams, Style, envelope, write_document, write_grid
from jobctl.render.rows import Column
from jobctl.services.doctor import DoctorReport


def write(result: DoctorReport, style: Style, streams: Streams) -> None:
    if style.for_machines:
        write_document(_as_document(result), style, streams)
        return
    rows = [(check.name, check.result, check.message, check.hint or "") for check in result.checks]
    columns = [
        Column(name="check"),
        Column(name="result", style=_doctor_style, keep=True),
        Column(name="message", keep=True),
        Column(name="remedy", keep=True),
    ]
    write_grid(columns, rows, style, streams)


def _doctor_style(text: str) -> str | None:
    return {"ok": "green", "warning": "yellow", "failed": "red"}.get(text)


def _as_document(report: DoctorReport) -> Document:
    return envelope(
        "DoctorReport",
        {
            "healthy": report.healthy,
            "items": [
                {
                    "name": check.name,
                    "result": check.result,
                    "message": check.message,
                    "hint": check.hint,
                }
                for check in report.checks
            ],
        },
    )
