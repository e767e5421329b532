"""What `backfill-index` asks of Redis: the records as they are found, and the index in bulk."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jobctl.errors import ConflictError, NotPermittedError
from jobctl.services.index_repair import Checkpoint, Indexed
from jobctl.storage.keys import Keys, wire
from jobctl.storage.redis_errors import translated
from jobctl.storage.redis_reads import RedisReader
from jobctl.storage.redis_scan import SCANNED, scan_ids
from jobctl.storage.scripts import call

if TYPE_CHECKING:
    from redis import Redis

_KEPT_SECONDS = 86_400


class RedisIndexRepair:
    """`IndexRepair` on one Redis or Valkey database."""

    def __init__(self, client: "Redis", *, keys: Keys, server: str) -> None:
        self._client: Any = client
        self._keys = keys
        self._server = server
        self._reads = RedisReader(client, server=server)
        self._rebuilt = f"{keys.namespace}:jobctl:index:rebuilt"
        self._retired = f"{keys.namespace}:jobctl:index:retired"
        self._added = 0  # to the rebuilt index

    def size(self) -> int:
        return int(self._reads.one("ZCARD", self._keys.index))

    def scan(self, cursor: int) -> tuple[int, Sequence[str]]:
        return scan_ids(self._keys, self._reads, cursor)

    def members(self, cursor: int) -> tuple[int, Sequence[str]]:
        following, found = self._reads.one("ZSCAN", self._keys.index, cursor, "COUNT", SCANNED)
        return int(following), list(dict.fromkeys(member for member, _ in found))

    def indexed(self, job_ids: Sequence[str]) -> Sequence[Indexed]:
        if not job_ids:
            return ()
        keys = [self._keys.job(one) for one in job_ids]
        stored, found = self._reads.fields_and(
            ("ZMSCORE", self._keys.index, *job_ids), keys, ("updated_at", "created_at", "status")
        )
        present = self._reads.present(keys, stored)
        return [
            Indexed(job_id, None if score is None else float(score), exists, *values)
            for job_id, score, values, exists in zip(job_ids, found, stored, present, strict=True)
        ]

    def raise_scores(self, scores: Mapping[str, float], *, rebuilt: bool) -> None:
        key = self._rebuilt if rebuilt else self._keys.index
        with translated(self._server):
            pipe = self._client.pipeline(transaction=False)
            pairs = [word for job_id, score in scores.items() for word in (repr(score), job_id)]
            pipe.execute_command("ZADD", key, "GT", *map(wire, pairs))
            if rebuilt:
                pipe.expire(key, _KEPT_SECONDS)
            added = pipe.execute()[0]
        self._added += added if rebuilt else 0

    def prune(self, job_ids: Sequence[str]) -> int:
        keys = [self._keys.index, *(self._keys.job(one) for one in job_ids)]
        with translated(self._server):
            return int(call(self._client, "prune_index", keys=keys, args=list(job_ids)))

    def begin_rebuilding(self) -> None:
        with translated(self._server):
            self._client.unlink(self._rebuilt)
        self._added = 0

    def swap(self) -> None:
        keys = [self._keys.index, self._rebuilt, self._retired]
        with translated(self._server):
            done = int(call(self._client, "swap_index", keys=keys, args=[str(self._added)]))
        if done < 0:
            raise ConflictError(
                "the rebuilt index is not as this run has made it: the old one stays in its place",
                hint="see that no other run is at work, then run it again",
            )

    def has_retired(self) -> bool:
        return bool(self._reads.one("EXISTS", self._retired))

    def take_over(self, cursor: int) -> tuple[int, int]:
        following, found = self._reads.one("ZSCAN", self._retired, cursor, "COUNT", SCANNED)
        old = dict(found)
        if not old:
            return int(following), 0
        present = self._reads.one("ZMSCORE", self._keys.index, *old)
        now = dict(zip(old, present, strict=True))
        higher = [one for one, at in old.items() if now[one] is None or float(now[one]) < at]
        exists = self._reads.ask([("EXISTS", self._keys.job(one)) for one in higher])
        alive = {one for one, there in zip(higher, exists, strict=True) if there}
        if alive:
            self.raise_scores({one: old[one] for one in alive}, rebuilt=False)
        return int(following), sum(now[one] is None for one in higher if one not in alive)

    def drop_retired(self) -> None:
        with translated(self._server):
            self._client.unlink(self._retired)

    def incarnation(self) -> str | None:
        """What changes when the server restarts and cursors lose their meaning; None: unknown."""
        try:
            with translated(self._server):
                information: dict[str, Any] = self._client.info("server")
        except NotPermittedError:
            return None
        return information.get("run_id")

    def load_checkpoint(self) -> Checkpoint | None:
        text = self._reads.one("GET", self._keys.checkpoint)
        try:
            return Checkpoint(**json.loads(text)) if text else None
        except (ValueError, TypeError):
            return None

    def save_checkpoint(self, checkpoint: Checkpoint | None) -> None:
        with translated(self._server):
            if checkpoint is None:
                self._client.delete(self._keys.checkpoint)
            else:
                text = json.dumps(asdict(checkpoint))
                self._client.set(self._keys.checkpoint, text, ex=_KEPT_SECONDS)
