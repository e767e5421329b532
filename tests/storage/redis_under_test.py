"""A job store on a real server, seen through jobctl and, beside it, through a plain client."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import redis
from redis.backoff import NoBackoff
from redis.connection import PythonRespSerializer
from redis.retry import Retry

from jobctl.domain.job import Secret
from jobctl.domain.status import JobStatus
from jobctl.services.ports import Mutation, QueueEntry, Token, TokenKind
from jobctl.storage.keys import Keys
from jobctl.storage.redis_audit import RedisAuditLog
from jobctl.storage.redis_connection import connect, parse_redis_url
from jobctl.storage.redis_jobs import RedisJobStore

AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
SCORE = 1772366400.25
WEEK = timedelta(days=7)
APPROVAL_TIME = timedelta(hours=4)
TOKEN = "an-approval-token-of-this-test"

Everything = dict[bytes, tuple[bytes, bool]]


def open_store(url: str, keys: Keys, *, username: str | None = None) -> RedisJobStore:
    endpoint = parse_redis_url(url, username=username)
    return RedisJobStore(connect(endpoint, slot_key=keys.audit), keys=keys, server=str(endpoint))


@contextmanager
def open_audit_log(url: str, keys: Keys, *, username: str | None = None) -> Iterator[RedisAuditLog]:
    endpoint = parse_redis_url(url, username=username)
    client = connect(endpoint, slot_key=keys.audit)
    yield RedisAuditLog(client, keys=keys, server=str(endpoint))
    client.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUnderTest:
    """`raw` sends exactly what it is told, and decodes as jobctl does."""

    url: str
    keys: Keys
    raw: Any
    store: RedisJobStore

    def hash(self, job_id: str = "job-1") -> dict[str, str]:
        found: dict[str, str] = self.raw.hgetall(self.keys.job(job_id))
        return found

    def audit(self) -> list[tuple[str, dict[str, str]]]:
        found: list[tuple[str, dict[str, str]]] = self.raw.xrange(self.keys.audit)
        return found

    def actions(self) -> list[str]:
        return [fields["action"] for _, fields in self.audit()]

    def everything(self) -> Everything:
        """Every key of the namespace, byte for byte, and whether it expires."""
        with redis.Redis.from_url(self.url) as plain:
            client: Any = plain
            found = client.keys(self.keys.namespace.encode() + b":*")
            return {key: (client.dump(key), client.ttl(key) >= 0) for key in found}

    def write_job(
        self, job_id: str = "job-1", *, score: float = SCORE, ttl: int = 1000, **fields: Any
    ) -> None:
        """A record as a service writes it, without any audit record."""
        times = {"created_at": AT.isoformat(), "updated_at": AT.isoformat()}
        stored = {"job_id": job_id, "status": "queued"} | times | fields
        self.raw.hset(self.keys.job(job_id), mapping=stored)
        self.raw.expire(self.keys.job(job_id), ttl)
        self.raw.zadd(self.keys.index, {job_id: score})


def plain_client(url: str, *, username: str | None = None) -> Any:
    """It never repeats a command, and takes bytes that are not UTF-8 as surrogates.

    redis-py's own packer (hiredis) does not heed `encoding_errors`, hence the other one.
    """
    client: Any = redis.Redis.from_url(
        url,
        username=username,
        decode_responses=True,
        encoding_errors="surrogateescape",
        retry=Retry(NoBackoff(), 0),
    )
    packer = PythonRespSerializer(6000, client.get_encoder().encode)
    client.connection_pool.connection_kwargs["command_packer"] = packer
    return client


@contextmanager
def redis_under_test(url: str, namespace: str) -> Iterator[RedisUnderTest]:
    keys = Keys(namespace)
    client = plain_client(url)
    store = open_store(url, keys)
    yield RedisUnderTest(url=url, keys=keys, raw=client, store=store)
    store.close()
    client.close()


def creation(job_id: str = "job-1", **changes: Any) -> Mutation:
    status: JobStatus = changes.get("to_status", JobStatus.QUEUED)
    fields: Mapping[str, object] = changes.pop("fields", {})
    times = {"created_at": AT, "updated_at": AT}
    values: dict[str, Any] = {
        "job_id": job_id,
        "action": "create",
        "op_id": uuid4().hex[:20],
        "actor": "tester",
        "at": AT,
        "expected_status": None,
        "to_status": status,
        "fields": {"job_id": job_id, "status": status.value} | times | dict(fields),
        "ttl": WEEK,
    }
    return Mutation(**(values | changes))


def change(job_id: str = "job-1", **changes: Any) -> Mutation:
    values: dict[str, Any] = {
        "job_id": job_id,
        "action": "update",
        "op_id": uuid4().hex[:20],
        "actor": "tester",
        "at": AT,
        "expected_status": "queued",
        "fields": {"summary": "changed"},
    }
    return Mutation(**(values | changes))


def removal(job_id: str = "job-1", **changes: Any) -> Mutation:
    values: dict[str, Any] = {
        "action": "delete",
        "expected_status": "failed",
        "fields": {},
        "closes_approval": True,
        "delete": True,
    }
    return change(job_id, **(values | changes))


def approval_token(text: str = TOKEN) -> Token:
    return Token(kind=TokenKind.APPROVAL, value=Secret(text))


def stream_token(text: str = "a-stream-token-of-this-test") -> Token:
    return Token(kind=TokenKind.STREAM, value=Secret(text))


def window(token: str = TOKEN) -> dict[str, Any]:
    """What of a mutation opens an approval: four hours from AT on."""
    return {
        "issues": approval_token(token),
        "token_lifetime": APPROVAL_TIME,
        "deadline": AT + APPROVAL_TIME,
    }


def processing_entry(text: str, **values: Any) -> QueueEntry:
    return QueueEntry(queue="processing", text=text, **values)


def approval_entry(text: str, **values: Any) -> QueueEntry:
    return QueueEntry(queue="approval", text=text, **values)


def assert_sound_chain(entries: list[tuple[str, dict[str, str]]]) -> None:
    """Gapless from 1, each entry pinning the one before; computed without jobctl's own code."""
    previous = "0" * 64
    for number, (entry_id, stored) in enumerate(entries, start=1):
        assert entry_id == f"{number}-0"
        fields = dict(stored)
        digest, pinned = fields.pop("hash"), fields.pop("prev")
        assert pinned == previous
        body = json.dumps(fields | {"seq": str(number)}, sort_keys=True, separators=(",", ":"))
        assert digest == sha256((previous + body).encode("ascii")).hexdigest()
        previous = digest
