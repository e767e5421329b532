"""The approval service that decides on the same jobs: its statements, in their order.

Source: `ApprovalService` of EqualifyEverything/equalify-reflow, made synchronous, logging left
out. What it gets wrong is what it is here for.
"""

import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis, RedisError

from tests.cli.foreign import ForeignJobService

LOCK_SECONDS = 60
TIMEOUT = timedelta(hours=4)

StartProcessing = Callable[[str], object]
DeleteDocuments = Callable[[str], object]


class ForeignApprovalService:
    """`while_locked` is called with the job's id whenever the service holds its lock on it, before
    it writes; `start_processing` stands for the background task that processes the document."""

    def __init__(
        self,
        redis: Redis,
        namespace: str,
        *,
        delete_documents: DeleteDocuments = lambda _key: True,
        start_processing: StartProcessing | None = lambda _job_id: None,
    ) -> None:
        self.redis: Any = redis
        self.namespace = namespace
        self.jobs = ForeignJobService(redis, namespace)
        self.while_locked: Callable[[str], object] = lambda _job_id: None
        self._delete_documents = delete_documents
        self._start_processing = start_processing

    def lock_key(self, job_id: str) -> str:
        return f"{self.namespace}:approval-lock:{job_id}"

    def request_approval(self, job_id: str) -> str:
        """What the PII scan does when it has found something; the token that reviewers get."""
        token = secrets.token_urlsafe(32)
        expires_at = datetime.now(UTC) + TIMEOUT
        self.jobs.update_job_status(
            job_id,
            "awaiting_approval",
            approval_token=token,
            approval_expires_at=expires_at.isoformat(),
        )
        self.redis.set(
            f"{self.namespace}:approval-token:{token}", job_id, ex=int(TIMEOUT.total_seconds())
        )
        self.redis.zadd(f"{self.namespace}:timeouts:approval", {job_id: expires_at.timestamp()})
        entry = {
            "job_id": job_id,
            "s3_key": f"temp/{job_id}.pdf",
            "pii_findings": [],
            "approval_token": token,
            "expires_at": expires_at.isoformat(),
        }
        self.redis.lpush(f"{self.namespace}:queue:approval", json.dumps(entry))
        return token

    def validate_approval_token(self, token: str) -> dict[str, Any] | None:
        """The job, while the token leads to it and its deadline lies ahead; its status and its
        own token are not looked at."""
        job_id = self.redis.get(f"{self.namespace}:approval-token:{token}")
        job = self.jobs.get_job(job_id) if job_id else None
        if not job:
            return None
        try:
            expires_at = datetime.fromisoformat(job["approval_expires_at"].replace("Z", "+00:00"))
        except (KeyError, ValueError):
            return None
        if expires_at.tzinfo is None:
            return None
        return job if datetime.now(UTC) < expires_at else None

    def process_approval_decision(
        self, job_id: str, decision: str, justification: str, reviewed_by: str
    ) -> bool:
        """Whether the decision was written; raises ValueError where the service raises."""
        job = self.jobs.get_job(job_id)
        if not job:
            raise ValueError(f"no job {job_id}")
        s3_key = job.get("s3_key")
        if not s3_key:
            raise ValueError(f"job {job_id} has no s3_key")
        self._forget_deadline(job_id)
        recorded = _decision(decision, justification, reviewed_by)
        if decision == "approved":
            return self._approve_locked(job_id, recorded, ("awaiting_approval", "pii_scanning"))
        self._delete_documents(s3_key)
        self.jobs.update_job_status(job_id, "denied", denial_decision=recorded)
        return True

    def _approve_locked(
        self, job_id: str, recorded: dict[str, str], approvable: tuple[str, ...]
    ) -> bool:
        lock = self.lock_key(job_id)
        if not self.redis.set(lock, "processing", nx=True, ex=LOCK_SECONDS):
            return False
        try:
            current = self.jobs.get_job(job_id)
            if not current:
                raise ValueError(f"no job {job_id}")
            if current.get("status") == "processing":
                return False
            if current.get("status") not in approvable:
                raise ValueError(f"job {job_id} is {current.get('status')}")
            self.while_locked(job_id)
            self.jobs.update_job_status(job_id, "processing", approval_decision=recorded)
            self._process(job_id)
            return True
        finally:
            self.redis.delete(lock)  # whoever holds it by now

    def _process(self, job_id: str) -> None:
        if self._start_processing is None:
            self.jobs.update_job_status(job_id, "failed", error="storage is not configured")
        else:
            self._start_processing(job_id)

    def quick_approve(self, job_id: str) -> None:
        now = datetime.now(UTC).isoformat()
        self.jobs.update_job_status(job_id, "processing_queued", approved_at=now)

    def quick_deny(self, job_id: str) -> None:
        now = datetime.now(UTC).isoformat()
        self.jobs.update_job_status(job_id, "denied", denied_at=now)

    def process_approval_background(
        self, job_id: str, justification: str, reviewed_by: str
    ) -> bool:
        """Behind `quick_approve`, once its caller was answered; it never raises."""
        self._forget_deadline(job_id)
        recorded = _decision("approved", justification, reviewed_by)
        with suppress(Exception):
            return self._approve_locked(
                job_id, recorded, ("processing_queued", "awaiting_approval")
            )
        return False

    def process_denial_background(
        self, job_id: str, s3_key: str, justification: str, reviewed_by: str
    ) -> None:
        """Behind `quick_deny`; whatever fails, nobody is told."""
        with suppress(Exception):
            self._forget_deadline(job_id)
            self._delete_documents(s3_key)
            recorded = _decision("denied", justification, reviewed_by)
            self.jobs.update_job_status(job_id, "denied", denial_decision=recorded)

    def _forget_deadline(self, job_id: str) -> None:
        with suppress(RedisError):
            self.redis.zrem(f"{self.namespace}:timeouts:approval", job_id)


def _decision(decision: str, justification: str, reviewed_by: str) -> dict[str, str]:
    return {
        "decision": decision,
        "justification": justification,
        "reviewed_by": reviewed_by,
        "reviewed_at": datetime.now(UTC).isoformat(),
    }
