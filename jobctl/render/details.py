"""One job for a person: sections of `label  value` lines, empty ones left out."""

from collections.abc import Iterator
from typing import TextIO

from jobctl.domain.job import Decision, Job
from jobctl.domain.moments import format_duration
from jobctl.domain.status import JobStatus
from jobctl.render import times
from jobctl.render.columns import Moments, status_style
from jobctl.render.lines import Line, both, write_lines
from jobctl.render.sanitise import clean
from jobctl.services.status import JobDetails

_BAR_WIDTH = 20


def write_details(
    out: TextIO, details: JobDetails, *, moments: Moments, width: int | None, color: bool
) -> None:
    write_lines(out, _lines(details, moments), width=width, color=color)


def _lines(details: JobDetails, moments: Moments) -> Iterator[Line]:
    job = details.job
    yield Line(label="Job", value=job.id)
    stored = job.raw_status or "none"
    differs = stored.lower() != job.shown_status
    yield Line(
        label="Status",
        value=f"{job.shown_status} (stored as {stored})" if differs else job.shown_status,
        style=status_style(job.shown_status),
    )
    yield Line(label="Name", value=job.name)
    yield Line(label="Type", value=job.document_type)
    yield Line(label="Priority", value=job.priority)
    yield Line(label="Summary", value=job.summary)
    yield from _progress(details)
    for name in ("created", "started", "updated", "completed", "approved", "denied", "cancelled"):
        yield Line(label=name.capitalize(), value=both(getattr(job, f"{name}_at"), moments))
    yield from _document(job)
    yield from _approval(job, moments)
    yield from _outcome(details)
    owners = (("user", job.user_id), ("organization", job.organization_id))
    yield Line(label="Owner", value=", ".join(f"{name} {who}" for name, who in owners if who))
    yield Line(label="Created by", value=job.created_by)
    yield Line(label="Celery task", value=job.celery_task_id)
    yield Line(label="Kept for", value=format_duration(details.ttl) if details.ttl else None)
    for name, value in job.extra.items():
        yield Line(label=f"Extra {clean(name)}", value=value)
    for anomaly in details.anomalies:
        yield Line(label="Anomaly", value=anomaly.message, style="yellow")


def _progress(details: JobDetails) -> Iterator[Line]:
    progress, job = details.progress, details.job
    if progress.percentage is not None:
        share = f"{times.number(progress.percentage, digits=1)}%"
        phase = f"  {job.processing_phase}" if job.processing_phase else ""
        bar = times.bar(progress.percentage, _BAR_WIDTH)
        yield Line(label="Progress", value=f"{bar} {share}{phase}")
    elif job.processing_phase:
        yield Line(label="Phase", value=job.processing_phase)
    if job.total_rows is not None:
        done = f"{job.processed_rows or 0} of {job.total_rows}"
        yield Line(label="Rows", value=f"{done}, {job.failed_rows or 0} failed")
    if progress.elapsed is not None:
        yield Line(label="Running time", value=format_duration(progress.elapsed))
    if progress.rate is not None:
        yield Line(label="Rate", value=f"{times.number(progress.rate)} rows/s")
    if progress.eta is not None:
        yield Line(label="Ends in", value=f"about {format_duration(progress.eta)}")


def _document(job: Job) -> Iterator[Line]:
    parts = [
        job.s3_key,
        times.size(job.file_size),
        f"{job.total_pages} pages" if job.total_pages is not None else None,
    ]
    yield Line(label="Document", value=", ".join(part for part in parts if part))
    options = [
        f"review {job.review_mode}" if job.review_mode else None,
        f"{job.max_rounds} rounds" if job.max_rounds and job.max_rounds > 1 else None,
        f"languages {','.join(job.ocr_languages)}" if job.ocr_languages else None,
        "debug bundle" if job.debug_bundle_requested else None,
    ]
    yield Line(label="Options", value=", ".join(part for part in options if part))


def _approval(job: Job, moments: Moments) -> Iterator[Line]:
    if job.pii_skipped:
        reason = f": {job.pii_skip_reason}" if job.pii_skip_reason else ""
        yield Line(label="PII", value=f"scan skipped{reason}")
    elif job.pii is not None:
        counts = ", ".join(f"{name} {count}" for name, count in job.pii.entity_types.items())
        found = f"{job.pii.count} findings" + (f" ({counts})" if counts else "")
        yield Line(label="PII", value=found if job.pii.readable else "findings are unreadable")
    if job.approval_expires_at is not None and job.status is JobStatus.AWAITING_APPROVAL:
        yield Line(label="Approval until", value=both(job.approval_expires_at, moments))
    yield Line(label="Approval", value=_decision(job.approval_decision, moments))
    yield Line(label="Denial", value=_decision(job.denial_decision, moments))
    yield Line(label="Cancelled for", value=job.cancel_reason)
    if job.attempts:
        earlier = ", ".join(_ended(one) for one in job.attempts)
        yield Line(label="Attempt", value=f"{job.attempt} (before: {earlier})")


def _ended(attempt: object) -> str:
    return str(attempt.get("status")) if isinstance(attempt, dict) else "unreadable"


def _decision(decision: Decision | None, moments: Moments) -> str | None:
    if decision is None:
        return None
    who = decision.reviewed_by or "somebody unnamed"
    when = f", {both(decision.reviewed_at, moments)}" if decision.reviewed_at else ""
    why = f": {decision.justification}" if decision.justification else ""
    return f"by {who}{when}{why}"


def _outcome(details: JobDetails) -> Iterator[Line]:
    job = details.job
    confidence = job.confidence_score
    yield Line(label="Result", value=job.result_url)
    yield Line(label="Confidence", value=None if confidence is None else times.number(confidence))
    if not (job.error or job.error_details):
        return
    if not details.with_errors:
        yield Line(label="Error", value="yes; show it with --errors", style="red")
        return
    yield Line(label="Error", value=job.error, style="red")
    if job.error_details:
        from jobctl.render.machine import to_json

        yield Line(label="Error details", value=to_json(job.error_details))
