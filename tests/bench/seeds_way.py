"""How the documents that jobctl started from would have it done: one round trip after another.

Each returns the seconds that it took for the number of jobs it got to.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import redis

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_DELETE = """
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1
"""
_KEPT = timedelta(days=30)


def ready() -> None:
    """Nothing but the imports."""


def client(url: str) -> Any:
    return redis.Redis.from_url(url, decode_responses=True)


def _records(server: Any, namespace: str, most: int) -> Iterator[tuple[str, dict[str, str]]]:
    cursor, seen = 0, 0
    while True:
        cursor, keys = server.scan(cursor, match=f"{namespace}:job:*", count=100)
        for key in keys:
            yield key, server.hgetall(key)
            seen += 1
            if seen == most:
                return
        if cursor == 0:
            return


def select(url: str, namespace: str, most: int) -> float:
    server, found = client(url), []
    started = time.perf_counter()
    for key, record in _records(server, namespace, most):
        age = datetime.now(UTC) - datetime.fromisoformat(record["updated_at"])
        if record["status"] in ("completed", "failed") and age > _KEPT:
            found.append(key)
    return time.perf_counter() - started


def back_fill(url: str, namespace: str, most: int) -> float:
    server = client(url)
    started = time.perf_counter()
    for _, record in _records(server, namespace, most):
        score = datetime.fromisoformat(record["updated_at"]).timestamp()
        server.zadd(f"{namespace}:jobs-by-updated", {record["job_id"]: score})
    return time.perf_counter() - started


def delete(
    url: str,
    namespace: str,
    ids: Sequence[str],
    bucket: str,
    endpoint: str,
    access: tuple[str, str],
) -> float:
    server = client(url)
    s3: S3Client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access[0],
        aws_secret_access_key=access[1],
    )
    digest = server.script_load(_DELETE)
    index, deadlines = f"{namespace}:jobs-by-updated", f"{namespace}:timeouts:approval"
    started = time.perf_counter()
    for job_id in ids:
        s3.delete_object(Bucket=bucket, Key=f"temp/{job_id}.pdf")
        server.evalsha(digest, 3, f"{namespace}:job:{job_id}", index, deadlines, job_id)
    return time.perf_counter() - started
