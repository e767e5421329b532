"""What a Redis or Valkey server tells of itself; see `services.doctor`."""

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobctl.domain.job import Secret
from jobctl.domain.moments import from_unix
from jobctl.errors import JobctlError, NotPermittedError
from jobctl.services.doctor import IndexSample, ServerHealth
from jobctl.services.ports import Token, TokenKind
from jobctl.storage.keys import Keys, wire
from jobctl.storage.redis_errors import translated
from jobctl.storage.scripts import call

if TYPE_CHECKING:
    from redis import Redis

_SAMPLE = 200


class RedisProbe:
    def __init__(self, client: "Redis", *, keys: Keys, server: str) -> None:
        self._client: Any = client  # redis-py types every reply as bytes or str
        self._keys = keys
        self._server = server

    def probe(self) -> ServerHealth:
        """Three round trips and a sample of the index; nothing is written."""
        with translated(self._server):
            self._client.ping()
            started = time.monotonic()
            seconds, microseconds = self._client.time()
            round_trip = timedelta(seconds=time.monotonic() - started)
        info = self._information()
        product = "Valkey" if "valkey_version" in info else "Redis"
        return ServerHealth(
            product=product,
            version=str(info.get("valkey_version") or info.get("redis_version") or "unknown"),
            round_trip=round_trip,
            clock=from_unix(seconds) + timedelta(microseconds=microseconds),
            clock_read_at=datetime.now(UTC),
            role=info.get("role"),
            eviction_policy=info.get("maxmemory_policy"),
            persistent=self._persistent(info),
            last_save_failed="err"
            in (info.get("rdb_last_bgsave_status"), info.get("aof_last_write_status")),
            missing_permissions=self._missing_permissions(),
            wrong_types=self._wrong_types(),
            one_slot=self._keys.share_a_slot if info.get("cluster_enabled") == 1 else None,
            sample=self._sample(),
            audit_records=self._optional(lambda: int(self._client.xlen(self._keys.audit))),
        )

    def eviction_policy(self) -> str | None:
        """None where nobody may ask, or nobody answers."""
        with suppress(JobctlError), translated(self._server):
            found: dict[str, Any] = self._client.info("memory")
            return found.get("maxmemory_policy")
        return None

    def _information(self) -> dict[str, Any]:
        found: dict[str, Any] | None = self._optional(lambda: dict(self._client.info()))
        return found or {}

    def _optional(self, ask: Any) -> Any:
        """None where the user may not ask, or the key is of a wrong type (see _wrong_types)."""
        from redis.exceptions import ResponseError

        try:
            with translated(self._server):
                try:
                    return ask()
                except ResponseError as error:
                    if "WRONGTYPE" in str(error):
                        return None
                    raise
        except NotPermittedError:
            return None

    def _persistent(self, info: dict[str, Any]) -> bool | None:
        """Whether anything is written to disk; None where nobody may ask."""
        if "aof_enabled" not in info:
            return None
        if info["aof_enabled"] == 1:
            return True
        snapshots: dict[str, str] | None = self._optional(lambda: self._client.config_get("save"))
        return None if snapshots is None else bool(snapshots.get("save"))

    def _missing_permissions(self) -> tuple[str, ...] | None:
        needed = self._needed()
        try:
            refused = self._ask_permissions(needed)
        except NotPermittedError:
            return ("EVALSHA", "SCRIPT LOAD")
        return None if refused is None else tuple(refused)

    def _ask_permissions(self, needed: Sequence[tuple[str, str]]) -> list[str] | None:
        with translated(self._server):
            refused: list[str] | None = call(
                self._client,
                "permissions",
                keys=(),
                args=[text for pair in needed for text in pair],
            )
        return refused

    def _needed(self) -> list[tuple[str, str]]:
        keys = self._keys
        job, token = (
            keys.job("doctor"),
            keys.token(Token(kind=TokenKind.APPROVAL, value=Secret("doctor"))),
        )
        stream = keys.token(Token(kind=TokenKind.STREAM, value=Secret("doctor")))
        return [
            ("HGETALL @", job),
            ("HSET @ f v", job),
            ("EXPIRE @ 1", job),
            ("DEL @", job),
            ("TTL @", job),
            ("TYPE @", job),
            ("HGET @ f", job),
            ("HDEL @ f", job),
            ("EXISTS @", job),
            ("ZADD @ GT 1 m", keys.index),
            ("ZREM @ m", keys.index),
            ("ZREVRANGEBYSCORE @ 1 0", keys.index),
            ("ZSCORE @ m", keys.index),
            ("ZCOUNT @ 0 1", keys.index),
            ("ZSCAN @ 0", keys.index),
            ("ZADD @ 1 m", keys.deadlines),
            ("ZREM @ m", keys.deadlines),
            ("XADD @ 1-0 f v", keys.audit),
            ("XREVRANGE @ + -", keys.audit),
            ("XRANGE @ - +", keys.audit),
            ("XINFO STREAM @", keys.audit),
            ("XREAD STREAMS @ 0", keys.audit),
            ("SET @ v EX 1", token),
            ("GET @", token),
            ("TTL @", token),
            ("DEL @", token),
            ("SET @ v EX 1", stream),
            ("GET @", stream),
            ("DEL @", stream),
            ("EXISTS @", keys.approval_lock("doctor")),
            ("LPUSH @ v", keys.processing_queue),
            ("LPUSH @ v", keys.approval_queue),
            ("LREM @ 0 v", keys.approval_queue),
            ("LLEN @", keys.approval_queue),
            ("LRANGE @ 0 1", keys.approval_queue),
            ("LREM @ 0 v", keys.processing_queue),
            ("LLEN @", keys.processing_queue),
            ("LRANGE @ 0 1", keys.processing_queue),
            ("GET @", keys.refusals),
            ("SET @ v EX 1", keys.refusals),
            ("GET @", keys.refusals_left_out),
            ("SET @ v EX 1", keys.refusals_left_out),
            ("DEL @", keys.refusals_left_out),
            ("TIME", keys.namespace),
        ]

    def _wrong_types(self) -> tuple[tuple[str, str], ...]:
        keys = self._keys
        expected = {
            keys.index: "zset",
            keys.deadlines: "zset",
            keys.audit: "stream",
            keys.processing_queue: "list",
            keys.approval_queue: "list",
        }
        found = {key: self._optional(lambda key=key: self._client.type(key)) for key in expected}
        return tuple(
            (key, found[key])
            for key, right in expected.items()
            if found[key] not in (None, "none", right)
        )

    def _sample(self) -> IndexSample | None:
        members = self._optional(lambda: int(self._client.zcard(self._keys.index)))
        if not members:
            return (
                None
                if members is None
                else IndexSample(members=0, taken=0, expired=0, without_ttl=0)
            )
        chosen = self._optional(lambda: self._client.zrandmember(self._keys.index, _SAMPLE))
        if chosen is None:
            return None

        def ask() -> list[int]:
            pipe = self._client.pipeline(transaction=False)
            for member in chosen:
                pipe.ttl(wire(self._keys.job(member)))
            ttls: list[int] = pipe.execute()
            return ttls

        ttls = self._optional(ask)
        if ttls is None:
            return None
        gone, endless = -2, -1  # what TTL answers
        return IndexSample(
            members=members,
            taken=len(chosen),
            expired=ttls.count(gone),
            without_ttl=ttls.count(endless),
        )
