"""Keeps the records of jobs, and on request their documents, before they are deleted.

An archive is JSON lines, compressed with gzip: a file a batch, a line a job, its
fields as they were stored. Each file is read back and compared before anything is deleted.
"""

import gzip
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO

from jobctl.domain.job import Job
from jobctl.domain.moments import format_stored
from jobctl.errors import ConflictError, UnavailableError
from jobctl.services.documents import Documents
from jobctl.services.object_store import ObjectStore
from jobctl.services.ports import JobStore

SCHEMA = "jobctl/v1"
_CHUNK = 1 << 20


@dataclass(slots=True, kw_only=True)
class Archive:
    """It is kept in *store*, below *prefix* of *bucket*; `run` names the files of one run, unlike
    those of any other. `results` are kept with the documents, as they are deleted with them."""

    store: ObjectStore
    bucket: str
    prefix: str
    jobs: JobStore
    documents: Documents
    run: str
    at: datetime
    with_documents: bool = False
    results: bool = False
    _files: int = field(default=0, init=False)

    def keep(self, jobs: Sequence[Job]) -> None:
        """Raises unless all of it is written and reads back."""
        if not jobs:
            return
        if self.with_documents:
            for job in jobs:
                for bucket, key in self.documents.owned(job, results=self.results):
                    self._keep_document(bucket, key)
        lines = BytesIO()
        with gzip.GzipFile(fileobj=lines, mode="wb", mtime=0) as packed:
            for job, fields in zip(
                jobs, self.jobs.raw_records([job.id for job in jobs]), strict=True
            ):
                packed.write(self._line(job.id, dict(fields)).encode("utf-8", "surrogateescape"))
        self._files += 1
        self._write(f"jobs-{self._files:06}.jsonl.gz", lines)

    def _line(self, job_id: str, fields: dict[str, str]) -> str:
        entry = {
            "schema": SCHEMA,
            "kind": "ArchivedJob",
            "id": job_id,
            "archived_at": format_stored(self.at),
            "fields": fields,
        }
        return json.dumps(entry, separators=(",", ":")) + "\n"

    def _keep_document(self, bucket: str, key: str) -> None:
        from shutil import copyfileobj
        from tempfile import SpooledTemporaryFile

        with SpooledTemporaryFile(max_size=8 * _CHUNK) as body:
            with closing(self.documents.objects.open(bucket, key)) as source:
                copyfileobj(source, body, _CHUNK)
            is_result = bucket != self.documents.buckets.documents
            folder = "results" if is_result else "documents"
            self._write(f"{folder}/{key}", body)  # type: ignore[arg-type] # as a file

    def _write(self, name: str, body: BinaryIO) -> None:
        digest = _digest(body)
        key = f"{self.prefix}{self.run}/{name}"
        place = self.store.locate(self.bucket, key)
        if not self.store.put_new(
            self.bucket, key, body, sha256=digest, content_type="application/octet-stream"
        ):
            raise ConflictError(f"{place} exists already: nothing of this batch was deleted")
        with closing(self.store.open(self.bucket, key)) as written:
            found = sha256()
            while chunk := written.read(_CHUNK):
                found.update(chunk)
        if found.hexdigest() != digest:
            raise UnavailableError(
                f"{place} does not read back as it was written",
                hint="nothing of this batch was deleted; look into that store",
            )


def _digest(body: BinaryIO) -> str:
    digest = sha256()
    body.seek(0)
    while chunk := body.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
