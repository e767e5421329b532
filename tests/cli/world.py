"""A Redis namespace and two buckets that jobctl works on, and what is in them around jobctl."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tests.cli.foreign import ForeignJobService
from tests.cli.runner import Outcome, run, spawn
from tests.servers.s3 import S3Server

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

Contents = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`redis` is a client of its own; `more` is put on top of the environment of every run."""

    redis_url: str
    redis: Any
    namespace: str
    s3: S3Server
    documents: str
    results: str
    directory: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {
            "JOBCTL_REDIS_URL": self.redis_url,
            "JOBCTL_NAMESPACE": self.namespace,
            "JOBCTL_DOCUMENTS_BUCKET": self.documents,
            "JOBCTL_RESULTS_BUCKET": self.results,
            "JOBCTL_S3_ENDPOINT_URL": self.s3.endpoint_url,
            "JOBCTL_S3_REGION": "us-east-1",
            "JOBCTL_S3_ADDRESSING_STYLE": "path",
            "AWS_ACCESS_KEY_ID": self.s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            **self.more,
        }

    def run(self, *arguments: str, stdin: str | bytes = b"", **env: str) -> Outcome:
        return run(*arguments, env=self.env | env, stdin=stdin)

    def spawn(self, *arguments: str, stdin: str | bytes = b"", **env: str) -> Outcome:
        return spawn(*arguments, env=self.env | env, stdin=stdin)

    @property
    def foreign(self) -> ForeignJobService:
        return ForeignJobService(self.redis, self.namespace)

    @property
    def bucket(self) -> "S3Client":
        return _client(self.s3)

    def file(self, name: str = "report.pdf", content: bytes = b"%PDF-1.7 report") -> str:
        path = self.directory / name
        path.write_bytes(content)
        return str(path)

    def create(self, *options: str, **env: str) -> str:
        """The id of a new job with a small document."""
        made = self.run("create", self.file(), *options, **env)
        assert made.exit_code == 0, made.stderr
        return made.stdout.strip()

    def seed(self, status: str = "queued", *, job_id: object = "", **fields: object) -> str:
        """A job that the foreign service wrote: quicker than `create`, and without a document."""
        name = str(job_id or new_id())
        at = fields.pop("at", None)
        assert at is None or isinstance(at, float)
        return self.foreign.create_job(name, f"temp/{name}.pdf", status, at=at, **fields)

    def job(self, job_id: str) -> Mapping[str, str]:
        """The stored record."""
        found: dict[str, str] = self.redis.hgetall(self.key("job", job_id))
        return found

    def key(self, *parts: str) -> str:
        return ":".join((self.namespace, *parts))

    @property
    def audit(self) -> list[dict[str, str]]:
        return [fields for _, fields in self.redis.xrange(self.key("audit"))]

    @property
    def keys(self) -> list[str]:
        return sorted(self.redis.scan_iter(f"{self.namespace}:*", count=1000))

    @property
    def records(self) -> Contents:
        """Every key of the namespace with its value."""
        return {key: self._value(key) for key in self.keys}

    @property
    def objects(self) -> dict[str, bytes]:
        """Every object of both buckets, as `bucket/key`."""
        client = self.bucket
        return {
            f"{bucket}/{item['Key']}": client.get_object(Bucket=bucket, Key=item["Key"])[
                "Body"
            ].read()
            for bucket in (self.documents, self.results)
            for item in client.list_objects_v2(Bucket=bucket).get("Contents", ())
        }

    @property
    def contents(self) -> Contents:
        """All that jobctl could have changed, for a comparison of before and after."""
        return self.records | self.objects

    def _value(self, key: str) -> object:
        match self.redis.type(key):
            case "hash":
                return self.redis.hgetall(key)
            case "zset":
                return dict(self.redis.zrange(key, 0, -1, withscores=True))
            case "list":
                return self.redis.lrange(key, 0, -1)
            case "stream":
                return self.redis.xrange(key)
            case _:
                return self.redis.get(key)


@cache
def _client(server: S3Server) -> "S3Client":
    """Making one takes longer than all that a test asks of it."""
    return server.client()


def new_id() -> str:
    return str(uuid4())


def findings(*texts: str) -> list[dict[str, object]]:
    """What the PII scan stores for *texts*."""
    return [
        {"entity_type": "PERSON", "start": 0, "end": len(text), "score": 0.9, "text": text}
        for text in texts
    ]


def as_json(value: object) -> str:
    return json.dumps(value)
