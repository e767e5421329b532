"""Asking for an approval: the token, its deadline, and the queue entries around it."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from jobctl.domain.job import Secret
from jobctl.domain.moments import format_stored
from jobctl.services.ports import Token, TokenKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalWindow:
    """A token that is issued with its deadline; the token opens the decision to its bearer."""

    token: Secret
    expires_at: datetime
    lifetime: timedelta


class Opening(TypedDict, total=False):
    issues: Token
    token_lifetime: timedelta
    deadline: datetime
    push_approval: str


def new_token() -> Secret:
    """256 bits, URL-safe, 43 characters: as the services make theirs."""
    from secrets import token_urlsafe

    return Secret(token_urlsafe(32))


def open_approval(
    now: datetime, lifetime: timedelta, *, token: Secret | None = None
) -> ApprovalWindow:
    """A window from *now* on, with a new token unless *token* is to live on."""
    return ApprovalWindow(token=token or new_token(), expires_at=now + lifetime, lifetime=lifetime)


def approval_fields(window: ApprovalWindow) -> dict[str, object]:
    return {
        "approval_token": window.token.reveal(),
        "approval_expires_at": window.expires_at,
    }


def opening(job_id: str, s3_key: str, window: ApprovalWindow) -> Opening:
    """What of a mutation opens *window*: token, deadline and queue entry."""
    return {
        "issues": Token(kind=TokenKind.APPROVAL, value=window.token),
        "token_lifetime": window.lifetime,
        "deadline": window.expires_at,
        "push_approval": _approval_entry(job_id, s3_key, window),
    }


def _approval_entry(job_id: str, s3_key: str, window: ApprovalWindow) -> str:
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
