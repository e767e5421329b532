"""Jobs of the past, in numbers: raw bytes through one socket, without a client library."""

import json
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from jobctl.storage.keys import Keys
from tests.servers.redis_server import RedisServer
from tests.servers.s3 import S3Server

_BURST = 500
_OLD, _YOUNG = timedelta(days=60), timedelta(days=20)
_FINDING = {"entity_type": "PERSON", "start": 0, "end": 9, "score": 0.85, "text": "Jane Doe"}
_REST = {
    "max_rounds": "1",
    "original_filename": "Fall syllabus, revised.pdf",
    "review_mode": "auto",
    "pii_findings": json.dumps([_FINDING] * 5),
    "confidence_score": "0.93",
    "document_type": "syllabus",
    "priority": "NORMAL",
    "user_id": "u-17",
    "organization_id": "o-4",
    "file_size": "482113",
    "total_pages": "12",
    "summary": "x" * 300,
}


def job_id(number: int) -> str:
    """A UUID, and in no order that a server could profit from."""
    text = f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-8{text[17:20]}-{text[20:]}"


def load(server: RedisServer, keys: Keys, jobs: int, due: int) -> None:
    """*jobs* that completed within twenty days, but *due* of them failed sixty days ago."""
    now = datetime.now(UTC)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server.socket))
        connection.sendall(_command("CLIENT", "REPLY", "OFF"))
        for start in range(0, jobs, _BURST):
            numbers = range(start, min(start + _BURST, jobs))
            connection.sendall(b"".join(_written(keys, now, one, due, jobs) for one in numbers))
        connection.sendall(_command("CLIENT", "REPLY", "ON"))
        assert connection.recv(64) == b"+OK\r\n"


def _written(keys: Keys, now: datetime, number: int, due: int, jobs: int) -> bytes:
    name = job_id(number)
    ended = number < due
    at = now - (_OLD if ended else _YOUNG * (number / jobs))
    fields = {
        "job_id": name,
        "s3_key": f"temp/{name}.pdf",
        "status": "failed" if ended else "completed",
        "created_at": at.isoformat(),
        "updated_at": at.isoformat(),
    }
    key = keys.job(name)
    words = [word for pair in fields.items() for word in pair]
    return (
        b"*%d\r\n" % (2 + len(words) + _REST_WORDS)
        + _bulk("HSET", key, *words)
        + _REST_BYTES
        + _command("EXPIRE", key, "2592000")
        + _command("ZADD", keys.index, repr(at.timestamp()), name)
    )


def _bulk(*words: str) -> bytes:
    return "".join(f"${len(word)}\r\n{word}\r\n" for word in words).encode("ascii")


def _command(*words: str) -> bytes:
    return b"*%d\r\n" % len(words) + _bulk(*words)


_REST_WORDS = 2 * len(_REST)
_REST_BYTES = _bulk(*(word for pair in _REST.items() for word in pair))


def put_documents(s3: S3Server, bucket: str, ids: Sequence[str]) -> None:
    client = s3.client()
    client.create_bucket(Bucket=bucket)

    def put(name: str) -> None:
        client.put_object(Bucket=bucket, Key=f"temp/{name}.pdf", Body=b"%PDF-1.7")

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(put, ids):
            pass


def documents_left(s3: S3Server, bucket: str) -> Iterator[str]:
    for page in s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (item["Key"] for item in page.get("Contents", ()))
