"""Keeps the records of jobs, and on request their documents, before they are deleted.

An archive is JSON lines, compressed with gzip: a file a batch, a line a job, its
fields as they were stored. Each file is read back and compared before anything is deleted.
"""

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO

from jobctl.domain.moments import format_stored
from jobctl.domain.ownership import shown_key
from jobctl.domain.retention import Sweep
from jobctl.errors import ConflictError, JobctlError, PartlyDoneError, UnavailableError
from jobctl.services.documents import Documents, Owned
from jobctl.services.object_store import ObjectStore
from jobctl.services.parallel import ENDS_WORK, in_parallel
from jobctl.services.ports import JobStore

SCHEMA = "jobctl/v1"
_CHUNK = 1 << 20


@dataclass(slots=True, kw_only=True)
class Archive:
    """It is kept in *store*, below *prefix* of *bucket*; `run` names the files of one run, unlike
    those of any other."""

    store: ObjectStore
    bucket: str
    prefix: str
    jobs: JobStore
    documents: Documents
    run: str
    at: datetime
    with_documents: bool = False
    _files: int = field(default=0, init=False)

    def keep(
        self,
        found: Mapping[str, Owned],
        *,
        sweep: Sweep,
        hold: Callable[[], None],
        stopped: Callable[[], bool],
    ) -> Mapping[str, JobctlError | None]:
        """Keeps the records of the jobs and the documents that were *found* of each.

        The answer is what is not kept, and why; None: it was *stopped* before. The documents of
        several are copied at a time; *hold* is called before each. Raises what concerns all jobs.
        """

        def copy(one: tuple[str, Owned]) -> bool:
            if stopped():
                return False
            for bucket, key in one[1]:
                hold()
                self._keep_document(one[0], bucket, key)
            return True

        answers = in_parallel(copy, [*found.items()]) if self.with_documents else []
        unkept: dict[str, JobctlError | None] = {}
        for job_id, answer in zip(found, answers, strict=False):
            if isinstance(answer, ENDS_WORK):
                raise answer
            if answer is not True:
                unkept[job_id] = answer or None
        hold()
        self._keep_records([job_id for job_id in found if job_id not in unkept], sweep)
        return unkept

    def _keep_records(self, ids: Sequence[str], sweep: Sweep) -> None:
        if not ids:
            return
        lines = BytesIO()
        with gzip.GzipFile(fileobj=lines, mode="wb", mtime=0) as packed:
            for job_id, fields in zip(ids, self.jobs.raw_records(ids), strict=True):
                line = self._line(job_id, dict(fields), sweep)
                packed.write(line.encode("utf-8", "surrogateescape"))
        self._files += 1
        self._write(f"jobs-{self._files:06}.jsonl.gz", lines)

    def _line(self, job_id: str, fields: dict[str, str], sweep: Sweep) -> str:
        entry = {
            "schema": SCHEMA,
            "kind": "ArchivedJob",
            "id": job_id,
            "archived_at": format_stored(self.at),
            "sweep": sweep.value,
            "has_record": bool(fields),
            "fields": fields,
        }
        return json.dumps(entry, separators=(",", ":")) + "\n"

    def _keep_document(self, job_id: str, bucket: str, key: str) -> None:
        from shutil import copyfileobj
        from tempfile import SpooledTemporaryFile

        is_result = bucket != self.documents.buckets.documents
        folder = "results" if is_result else "documents"
        try:
            with SpooledTemporaryFile(max_size=_CHUNK) as body:
                with closing(self.documents.objects.open(bucket, key)) as source:
                    copyfileobj(source, body, _CHUNK)
                self._write(f"{folder}/{key}", body)  # type: ignore[arg-type] # as a file
        except JobctlError as error:
            message = error.message.replace(key, shown_key(key, job_id))
            if isinstance(error, ENDS_WORK):
                raise type(error)(message, hint=error.hint) from error
            raise PartlyDoneError(
                f"job {job_id}: a document of it cannot be archived, so it stays: {message}",
                hint=error.hint,
                job_id=job_id,
            ) from error

    def _write(self, name: str, body: BinaryIO) -> None:
        """What is there already will do, if it is the same: its reply may have been lost."""
        digest = _digest(body)
        key = f"{self.prefix}{self.run}/{name}"
        place = self.store.locate(self.bucket, key)
        is_new = self.store.put_new(
            self.bucket, key, body, sha256=digest, content_type="application/octet-stream"
        )
        with closing(self.store.open(self.bucket, key)) as written:
            found = sha256()
            while chunk := written.read(_CHUNK):
                found.update(chunk)
        if found.hexdigest() == digest:
            return
        if not is_new:
            raise ConflictError(f"{place} exists already: nothing of this batch was deleted")
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
