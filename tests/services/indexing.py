"""An index to be mended, and `backfill-index` on it."""

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from jobctl.services.backfill_index import BackfillIndex, IndexReport, backfill_index
from jobctl.storage.redis_connection import connect, parse_redis_url
from jobctl.storage.redis_index_repair import RedisIndexRepair
from tests.storage.redis_under_test import (
    AT,
    SCORE,
    RedisUnderTest,
    plain_client,
    redis_under_test,
)


class Bench:
    """A server, and `backfill-index` on it. `index` may be replaced by one that misbehaves."""

    def __init__(self, redis: RedisUnderTest, client: Any) -> None:
        self.redis = redis
        self.index: Any = RedisIndexRepair(client, keys=redis.keys, server="here")

    def run(self, **changes: Any) -> IndexReport:
        values: dict[str, Any] = {"mode": "repair", "actor": "tester", "new_op_id": lambda: "op"}
        request = BackfillIndex(**(values | changes))
        return backfill_index(request, index=self.index, jobs=self.redis.store)

    def scores(self) -> dict[str, float]:
        return dict(self.redis.raw.zrange(self.redis.keys.index, 0, -1, withscores=True))

    def forget(self, *job_ids: str) -> None:
        self.redis.raw.zrem(self.redis.keys.index, *job_ids)

    def own_keys(self) -> set[str]:
        return set(self.redis.raw.keys(_escaped(self.redis.keys.namespace) + ":jobctl:*"))


def _escaped(text: str) -> str:
    return "".join(f"\\{one}" if one in "*?[]^\\" else one for one in text)


@contextmanager
def opened(url: str, namespace: str) -> Iterator[Bench]:
    with redis_under_test(url, namespace) as redis:
        client = connect(parse_redis_url(url), slot_key="any")
        yield Bench(redis, client)
        client.close()


def crowd(bench: Bench, count: int) -> dict[str, float]:
    """So many indexed jobs, each changed a second after the one before; their scores."""
    scores = {}
    pipe = bench.redis.raw.pipeline(transaction=False)
    for number in range(count):
        at = AT + timedelta(seconds=number)
        scores[f"job-{number:05}"] = at.timestamp()
        times = {"created_at": AT.isoformat(), "updated_at": at.isoformat()}
        pipe.hset(bench.redis.keys.job(f"job-{number:05}"), mapping=times | {"status": "failed"})
    pipe.zadd(bench.redis.keys.index, scores)
    pipe.execute()
    return scores


def damaged(bench: Bench) -> dict[str, float]:
    """Three missing, two behind, one ahead, one that nobody can date, and two ghosts."""
    scores = crowd(bench, 20)
    bench.forget("job-00001", "job-00002", "job-00003")
    bench.redis.raw.zadd(bench.redis.keys.index, {"job-00004": 1, "job-00005": SCORE - 60})
    bench.redis.raw.zadd(bench.redis.keys.index, {"job-00006": SCORE + 999})
    bench.redis.raw.hset(bench.redis.keys.job("undatable"), "status", "queued")
    bench.redis.raw.zadd(bench.redis.keys.index, {"ghost-1": 7, "ghost-2": 8})
    return scores | {"job-00006": SCORE + 999, "ghost-1": 7, "ghost-2": 8}


class Writers:
    """Services that write jobs, old and new, for as long as a run takes; each score they set."""

    def __init__(self, bench: Bench, ids: Sequence[str], number: int) -> None:
        self._bench = bench
        self._ids = ids
        self._over = threading.Event()
        self.highest: dict[str, float] = {}
        self._threads = [threading.Thread(target=self._write, args=(one,)) for one in range(number)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _write(self, number: int) -> None:
        """A writer has ids of its own, as a job has one worker."""
        draw = random.Random(number)
        own = [*self._ids[number::4], *(f"new-{number}-{one}" for one in range(50))]
        keys = self._bench.redis.keys
        client = plain_client(self._bench.redis.url)
        while not self._over.is_set():
            job_id, now = draw.choice(own), datetime.now(UTC)
            pipe = client.pipeline()
            fields = {"status": "processing", "updated_at": now.isoformat()}
            pipe.hset(keys.job(job_id), mapping=fields)
            pipe.zadd(keys.index, {job_id: now.timestamp()})
            pipe.execute()
            self.highest[job_id] = now.timestamp()
        client.close()
