"""Jobs that await a decision, written without the services: ten thousand take a second."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from jobctl.storage.keys import Keys
from tests.servers.redis_server import RedisServer


def seed(server: RedisServer, ids: Sequence[str]) -> Keys:
    """A namespace of its own, in which *ids* await a decision, the first of them the newest."""
    keys, now = Keys(f"bench-{uuid4().hex[:8]}"), datetime.now(UTC)
    with server.client() as client:
        pipe: Any = client.pipeline(transaction=False)
        for place, job_id in enumerate(reversed(ids)):
            token = f"{place:043d}"
            deadline = now + timedelta(hours=4)
            pipe.hset(keys.job(job_id), mapping=_record(job_id, token, now, deadline))
            pipe.expire(keys.job(job_id), 7 * 86_400)
            pipe.zadd(keys.index, {job_id: now.timestamp() - 3600 + place / 1e3})
            pipe.zadd(keys.deadlines, {job_id: deadline.timestamp()})
            pipe.set(f"{keys.namespace}:approval-token:{token}", job_id, ex=14_400)
            pipe.lpush(keys.approval_queue, json.dumps(_entry(job_id, token, deadline)))
            if place % 500 == 0:
                pipe.execute()
        pipe.execute()
    return keys


def _record(job_id: str, token: str, now: datetime, deadline: datetime) -> dict[str, str]:
    findings = [
        {"entity_type": "PERSON", "start": at, "end": at + 9, "score": 0.85, "text": "Jane Doe"}
        for at in range(5)
    ]
    return {
        "job_id": job_id,
        "s3_key": f"temp/{job_id}.pdf",
        "status": "awaiting_approval",
        "created_at": now.isoformat(),
        "updated_at": now.isoformat(),
        "max_rounds": "1",
        "original_filename": "Fall syllabus, revised.pdf",
        "review_mode": "auto",
        "pii_findings": json.dumps(findings),
        "approval_token": token,
        "approval_expires_at": deadline.isoformat(),
        "document_type": "syllabus",
        "priority": "NORMAL",
        "user_id": "u-17",
        "organization_id": "o-4",
        "file_size": "482113",
        "total_pages": "12",
    }


def _entry(job_id: str, token: str, deadline: datetime) -> dict[str, object]:
    return {
        "job_id": job_id,
        "s3_key": f"temp/{job_id}.pdf",
        "pii_findings": [],
        "approval_token": token,
        "expires_at": deadline.isoformat(),
    }
