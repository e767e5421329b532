"""Jobs on a real server and documents in a directory that can fail on demand."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from jobctl.domain.status import JobStatus, TtlPolicy
from jobctl.errors import JobctlError, UnavailableError
from jobctl.services.create import CreateJob, CreationPolicy, NewDocument
from jobctl.services.documents import Buckets, Documents
from jobctl.services.object_store import (
    Deletion,
    Objections,
    StoredObject,
    UndeletedObject,
    no_objections,
)
from jobctl.services.ports import Applied, Mutation
from jobctl.storage.directory_objects import DirectoryObjectStore
from tests.storage.redis_under_test import RedisUnderTest

DOCUMENTS, RESULTS = "documents", "results"
BODY = b"%PDF-1.7 a document"


class UnreliableObjects(DirectoryObjectStore):
    """`broken` names the methods that fail, `failing` says how; `stuck` the keys that
    cannot be deleted. What is `before` a method, or the deletion of a key, happens once."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.broken: set[str] = set()
        self.failing: dict[str, JobctlError] = {}
        self.stuck: set[str] = set()
        self.before: dict[str, Callable[[], object]] = {}

    def _meet(self, method: str) -> None:
        happens = self.before.pop(method, None)
        if happens is not None:
            happens()
        if method in self.failing:
            raise self.failing[method]
        if method in self.broken:
            raise UnavailableError(f"documents cannot be reached ({method})")

    def put_new(
        self, bucket: str, key: str, body: BinaryIO, *, sha256: str, content_type: str
    ) -> bool:
        self._meet("put_new")
        return super().put_new(bucket, key, body, sha256=sha256, content_type=content_type)

    def head(self, bucket: str, key: str) -> StoredObject | None:
        self._meet("head")
        return super().head(bucket, key)

    def check_bucket(self, bucket: str) -> None:
        self._meet("check_bucket")
        super().check_bucket(bucket)

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        self._meet("list")
        return super().list(bucket, prefix)

    def delete(
        self, bucket: str, keys: Iterable[str], *, objections: Objections = no_objections
    ) -> Deletion:
        self._meet("delete")
        wanted = [*keys]

        def asked(several: Sequence[str]) -> Mapping[str, UndeletedObject]:
            self._meet(several[0])
            return objections(several)

        free = [key for key in wanted if key not in self.stuck]
        outcome = super().delete(bucket, free, objections=asked)
        failed = [
            UndeletedObject(key=key, code="AccessDenied", message="locked")
            for key in wanted
            if key in self.stuck
        ]
        return Deletion(deleted=outcome.deleted, failed=(*outcome.failed, *failed))


class InterruptedJobs:
    """A job store in front of which something happens, or that fails, at a certain change."""

    def __init__(self, world: "World") -> None:
        self._store: Any = world.redis.store
        self.before: dict[str, Callable[[], object]] = {}
        self.failing: dict[str, JobctlError] = {}
        self.applied: list[Mutation] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def apply(self, mutation: Mutation) -> Applied:
        happens = self.before.pop(mutation.action, None)
        if happens is not None:
            happens()
        if mutation.action in self.failing:
            raise self.failing[mutation.action]
        self.applied.append(mutation)
        applied: Applied = self._store.apply(mutation)
        return applied


@dataclass(slots=True, kw_only=True)
class World:
    redis: RedisUnderTest
    objects: UnreliableObjects
    root: Path
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def documents(self) -> Documents:
        buckets = Buckets(documents=DOCUMENTS, results=RESULTS)
        return Documents(objects=self.objects, buckets=buckets)

    def op_id(self) -> str:
        return f"op-{next(self._ids)}"

    def put(self, bucket: str, *keys: str, body: bytes = BODY) -> None:
        for key in keys:
            digest = sha256(body).hexdigest()
            assert self.objects.put_new(
                bucket, key, BytesIO(body), sha256=digest, content_type="application/pdf"
            )

    def keys_in(self, bucket: str) -> set[str]:
        top = self.root / bucket
        files = (file for file in top.rglob("*") if file.is_file())
        return {str(file.relative_to(top)) for file in files}

    def document(self, body: bytes = BODY, filename: str | None = "scan.pdf") -> NewDocument:
        return NewDocument(
            body=BytesIO(body),
            filename=filename,
            size=len(body),
            sha256=sha256(body).hexdigest(),
            content_type="application/pdf",
        )

    def creation(
        self,
        job_id: str = "job-1",
        *,
        document: NewDocument | str | None = None,
        status: JobStatus = JobStatus.QUEUED,
        fields: Mapping[str, object] | None = None,
        dry_run: bool = False,
    ) -> CreateJob:
        return CreateJob(
            job_id=job_id,
            document=document or self.document(),
            status=status,
            actor="tester",
            op_id=self.op_id(),
            fields=fields or {},
            dry_run=dry_run,
        )

    def policy(self, *, pushes_to_queue: bool = True) -> CreationPolicy:
        return CreationPolicy(
            documents_bucket=DOCUMENTS,
            ttl=TtlPolicy(active=timedelta(days=3)),
            approval_timeout=timedelta(hours=4),
            pushes_to_queue=pushes_to_queue,
        )
