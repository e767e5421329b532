"""Asking for an approval: the token, its deadline, and the queue entries around it."""

import json
from datetime import datetime, timedelta

from jobctl.domain.job import Secret
from jobctl.domain.moments import format_stored
from jobctl.services.ports import ApprovalWindow


def open_approval(now: datetime, lifetime: timedelta) -> ApprovalWindow:
    """A new token (256 bits, URL-safe) with the deadline that goes with it."""
    from secrets import token_urlsafe

    return ApprovalWindow(
        token=Secret(token_urlsafe(32)), expires_at=now + lifetime, lifetime=lifetime
    )


def approval_fields(window: ApprovalWindow) -> dict[str, object]:
    return {
        "approval_token": window.token.reveal(),
        "approval_expires_at": window.expires_at,
    }


def approval_entry(job_id: str, s3_key: str, window: ApprovalWindow) -> str:
    """What the approval service's consumers expect in their queue."""
    return json.dumps(
        {
            "job_id": job_id,
            "s3_key": s3_key,
            "pii_findings": [],
            "approval_token": window.token.reveal(),
            "expires_at": format_stored(window.expires_at),
        }
    )


def processing_entry(job_id: str, s3_key: str, now: datetime) -> str:
    """What the workers expect in their queue."""
    return json.dumps({"job_id": job_id, "s3_key": s3_key, "approved_at": format_stored(now)})
