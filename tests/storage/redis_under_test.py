"""A job store on a real server, seen through jobctl and, beside it, through a plain client."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import redis

from jobctl.domain.job import Secret
from jobctl.domain.status import JobStatus
from jobctl.services.ports import ApprovalWindow, Mutation
from jobctl.storage.keys import Keys
from jobctl.storage.redis_connection import connect, parse_redis_url
from jobctl.storage.redis_jobs import RedisJobStore

AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
WEEK = timedelta(days=7)
TOKEN = "an-approval-token-of-this-test"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisUnderTest:
    """`raw` sends exactly what it is told, and decodes as jobctl does."""

    keys: Keys
    raw: Any
    store: RedisJobStore

    def hash(self, job_id: str) -> dict[str, str]:
        found: dict[str, str] = self.raw.hgetall(self.keys.job(job_id))
        return found

    def audit(self) -> list[tuple[str, dict[str, str]]]:
        found: list[tuple[str, dict[str, str]]] = self.raw.xrange(self.keys.audit)
        return found

    def everything(self) -> dict[bytes, tuple[bytes, int]]:
        """Every key of the namespace, byte for byte, with its expiry."""
        pool = self.raw.connection_pool
        bare = redis.Redis(**(pool.connection_kwargs | {"decode_responses": False}))
        if self.raw.connection_pool.connection_class is redis.UnixDomainSocketConnection:
            path = pool.connection_kwargs["path"]
            bare = redis.Redis(unix_socket_path=path)
        client: Any = bare
        pattern = self.keys.namespace.encode() + b":*"
        return {key: (client.dump(key), client.pexpiretime_or_ttl(key)) for key in client.keys(pattern)}
