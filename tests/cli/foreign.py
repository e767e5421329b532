"""The job service that shares the keys with jobctl: its writes and reads, statement by statement.

Source: `JobService` of EqualifyEverything/equalify-reflow, made synchronous.
"""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from redis import Redis

HSET_EXPIRE_ZADD = """
local key = KEYS[1]
local idx = KEYS[2]
local ttl = tonumber(ARGV[1])
local ts  = tonumber(ARGV[2])
local jid = ARGV[3]
for i = 4, #ARGV, 2 do
    redis.call('HSET', key, ARGV[i], ARGV[i+1])
end
redis.call('EXPIRE', key, ttl)
redis.call('ZADD', idx, ts, jid)
return 1
"""
HSET_ZADD = """
local key = KEYS[1]
local idx = KEYS[2]
local ts  = tonumber(ARGV[1])
local jid = ARGV[2]
for i = 3, #ARGV, 2 do
    redis.call('HSET', key, ARGV[i], ARGV[i+1])
end
redis.call('ZADD', idx, ts, jid)
return 1
"""
DAY = 86_400
TTLS = {"completed": 30 * DAY, "failed": 30 * DAY, "denied": 7 * DAY}
ACTIVE_TTL = 7 * DAY
JSON_FIELDS = ("pii_findings", "correction_results", "page_image_keys", "verification_summary")


class ForeignJobService:
    def __init__(self, redis: Redis, namespace: str, *, index_key: str | None = None) -> None:
        self.redis: Any = redis
        self.prefix = f"{namespace}:job:"
        self.index_key = index_key or f"{namespace}:jobs-by-updated"
        self._with_ttl = redis.register_script(HSET_EXPIRE_ZADD)
        self._without_ttl = redis.register_script(HSET_ZADD)

    def create_job(
        self,
        job_id: str,
        s3_key: str,
        status: str = "pii_scanning",
        *,
        at: float | None = None,
        **fields: object,
    ) -> str:
        """*at* (unix seconds) makes a job of the past; the service itself always writes now."""
        moment = time.time() if at is None else at
        created_at = datetime.fromtimestamp(moment, UTC).isoformat()
        mapping = {
            "job_id": job_id,
            "s3_key": s3_key,
            "status": status,
            "created_at": created_at,
            "updated_at": created_at,
            "max_rounds": "1",
            **_serialised(fields),
        }
        self._write(job_id, mapping, ttl=TTLS.get(status, ACTIVE_TTL), at=moment)
        return job_id

    def update_job_status(self, job_id: str, status: str, **fields: object) -> None:
        mapping = {
            "status": status,
            "updated_at": datetime.now(UTC).isoformat(),
            **_serialised(fields),
        }
        self._write(job_id, mapping, ttl=TTLS.get(status, ACTIVE_TTL), at=time.time())

    def add_pii_findings(self, job_id: str, findings: object) -> None:
        mapping = {
            "pii_findings": json.dumps(findings),
            "updated_at": datetime.now(UTC).isoformat(),
        }
        self._write(job_id, mapping, ttl=None, at=time.time())

    def add_processing_result(self, job_id: str, result_url: str, confidence: float) -> None:
        now = datetime.now(UTC).isoformat()
        mapping = {
            "result_url": result_url,
            "confidence_score": str(confidence),
            "completed_at": now,
            "updated_at": now,
        }
        self._write(job_id, mapping, ttl=None, at=time.time())

    def get_job(self, job_id: str) -> dict[str, Any] | None:
        raw = self.redis.hgetall(f"{self.prefix}{job_id}")
        if not raw:
            return None
        job: dict[str, Any] = dict(raw)
        for name in JSON_FIELDS:
            if job.get(name):
                job[name] = json.loads(job[name])
        return job

    def put_fields(self, job_id: str, **fields: object) -> None:
        """A bare HSET, as a worker does it: no TTL and no index."""
        self.redis.hset(f"{self.prefix}{job_id}", mapping=_serialised(fields))

    def _write(
        self, job_id: str, mapping: Mapping[str, str], *, ttl: int | None, at: float
    ) -> None:
        flat = [text for pair in mapping.items() for text in pair]
        keys = [f"{self.prefix}{job_id}", self.index_key]
        if ttl is None:
            self._without_ttl(keys=keys, args=[str(at), job_id, *flat])
        else:
            self._with_ttl(keys=keys, args=[str(ttl), str(at), job_id, *flat])


def _serialised(fields: Mapping[str, object]) -> dict[str, str]:
    return {
        name: json.dumps(value) if isinstance(value, dict | list) else str(value)
        for name, value in fields.items()
    }
