"""What `audit verify` found."""

from jobctl.domain.audit_chain import Finding
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
from jobctl.services.audit_verify import AuditVerification
from jobctl.services.operations import counted

_COLUMNS = (
    Column(name="seq", right=True, keep=True),
    Column(name="breach", keep=True),
    Column(name="what", keep=True),
)
_COUNTS = (
    "records",
    "first",
    "last",
    "hash",
    "trimmed_to",
    "intact_to",
    "anchored_to",
    "segments",
    "jobs_checked",
)


def write(report: AuditVerification, style: Style, streams: Streams) -> None:
    findings = sorted(report.findings, key=lambda one: (one.seq is None, one.seq or 0))
    if style.for_machines:
        document = {
            "ok": not report.found and report.stopped_by is None,
            **{name: getattr(report, name) for name in _COUNTS},
            "first_bad": report.first_bad.seq if report.first_bad else None,
            "found": report.found,
            "findings": [_document(one) for one in findings],
            "complete": report.stopped_by is None,
        }
        write_document(envelope("AuditVerification", document), style, streams)
        return
    rows = [(_number(one.seq), one.breach.value, one.text) for one in findings]
    if rows:
        write_grid(_COLUMNS, rows, style, streams)
    for line in _lines(report):
        note(line, style, streams)


def _number(seq: int | None) -> str:
    return "" if seq is None else str(seq)


def _document(one: Finding) -> Document:
    return {"seq": one.seq, "breach": one.breach, "job_id": one.job_id, "text": one.text}


def _lines(report: AuditVerification) -> list[str]:
    said = []
    if report.found > len(report.findings):
        said.append(f"{report.found:,} findings, of which {len(report.findings)} are shown")
    elif report.found:
        said.append(counted(report.found, "finding"))
    said.append(_extent(report))
    if report.trimmed_to:
        said.append(f"records up to {report.trimmed_to} were trimmed")
    if report.segments:
        segments = counted(report.segments, "segment")
        said.append(f"anchored up to record {report.anchored_to} by {segments}")
    if report.jobs_checked is not None:
        jobs = counted(report.jobs_checked, "job")
        said.append(f"{jobs} compared with the last record of each")
    if report.stopped_by is not None:
        said.append("stopped: what is behind was not looked at")
    return said


def _extent(report: AuditVerification) -> str:
    if not report.records:
        return "no record was found" if report.found else "the audit trail is empty"
    whole = f"{counted(report.records, 'record')}, {report.first} to {report.last}"
    if report.intact_to >= report.last and not report.found:
        return f"{whole}, all intact; the last one is {report.hash}"
    if report.intact_to < report.first:
        return f"{whole}; none is known to be intact"
    return f"{whole}; intact are {report.first} to {report.intact_to}"
