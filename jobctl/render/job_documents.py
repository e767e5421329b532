"""Jobs as JSON: every key is always there, null when absent.

PII appears as counts and entity types only; a token as whether there is one.
"""

from jobctl.domain.job import Decision, Job
from jobctl.render.output import Document
from jobctl.services.status import JobDetails


def job_document(job: Job, *, with_errors: bool = False) -> Document:
    """One job; error texts only where they are asked for, since workers put anything into them."""
    return {
        "id": job.id,
        "status": job.shown_status,
        "stored_status": job.raw_status,
        "name": job.name,
        "type": job.document_type,
        "priority": job.priority,
        "summary": job.summary,
        "timestamps": _timestamps(job),
        "document": {
            "key": job.s3_key,
            "filename": job.original_filename,
            "size": job.file_size,
            "pages": job.total_pages,
        },
        "progress": _progress(job),
        "approval": _approval(job),
        "pii": _pii(job),
        "options": {
            "review_mode": job.review_mode,
            "max_rounds": job.max_rounds,
            "ocr_languages": list(job.ocr_languages),
            "debug_bundle": job.debug_bundle_requested,
        },
        "result": {"url": job.result_url, "confidence": job.confidence_score},
        "errors": {
            "has_errors": bool(job.error or job.error_details or job.failed_rows),
            "message": job.error if with_errors else None,
            "details": job.error_details if with_errors else None,
            "count": job.failed_rows,
        },
        "owner": {
            "user_id": job.user_id,
            "organization_id": job.organization_id,
            "created_by": job.created_by,
        },
        "celery_task_id": job.celery_task_id,
        "cancel_reason": job.cancel_reason,
        "attempt": job.attempt,
        "attempts": [_attempt(one, with_errors=with_errors) for one in job.attempts],
        "cleanup_state": job.cleanup_state,
        "last_operation": job.last_op,
        "page_image_keys": job.page_image_keys,
        "correction_results": job.correction_results,
        "verification_summary": job.verification_summary,
        "metadata": job.metadata,
        "extra": dict(job.extra),
        "unreadable": list(job.problems),
    }


def _attempt(attempt: object, *, with_errors: bool) -> object:
    """An earlier attempt as it was kept, its error text only where errors are asked for."""
    if isinstance(attempt, dict) and "error" in attempt and not with_errors:
        return {**attempt, "error": None}
    return attempt


def _timestamps(job: Job) -> Document:
    names = ("created", "updated", "started", "completed", "approved", "denied", "cancelled")
    return {f"{name}_at": getattr(job, f"{name}_at") for name in names}


def _progress(job: Job) -> Document:
    return {
        "phase": job.processing_phase,
        "percentage": job.percentage,
        "total_rows": job.total_rows,
        "processed_rows": job.processed_rows,
        "successful_rows": job.successful_rows,
        "failed_rows": job.failed_rows,
        "estimated_duration": job.estimated_duration,
    }


def _approval(job: Job) -> Document:
    return {
        "expires_at": job.approval_expires_at,
        "has_token": job.approval_token is not None,
        "approved": _decision(job.approval_decision),
        "denied": _decision(job.denial_decision),
    }


def _decision(decision: Decision | None) -> Document | None:
    if decision is None:
        return None
    return {
        "decision": decision.decision,
        "reason": decision.justification,
        "reviewed_by": decision.reviewed_by,
        "reviewed_at": decision.reviewed_at,
    }


def _pii(job: Job) -> Document:
    found = job.pii
    return {
        "scanned": found is not None,
        "readable": found.readable if found else None,
        "count": found.count if found else None,
        "entity_types": dict(found.entity_types) if found else {},
        "skipped": job.pii_skipped,
        "skip_reason": job.pii_skip_reason,
    }


def details_document(details: JobDetails) -> Document:
    """A job as `status` shows it: with computed progress, its record's state and anomalies."""
    document = job_document(details.job, with_errors=details.with_errors)
    progress = details.progress
    document["progress"] |= {
        "percentage": progress.percentage,
        "remaining_rows": progress.remaining_rows,
        "elapsed_seconds": progress.elapsed,
        "rows_per_second": progress.rate,
        "eta_seconds": progress.eta,
    }
    document["record"] = {
        "read_at": details.read_at,
        "ttl_seconds": details.ttl,
        "indexed_at": details.indexed_at,
        "approval_deadline": details.deadline,
    }
    document["anomalies"] = [
        {"code": anomaly.code, "message": anomaly.message} for anomaly in details.anomalies
    ]
    return document
