"""`create`: the document first, its record second.

A record without a document would fail its workers; a document without a record is only debris,
and is removed again when the record cannot be written.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import BinaryIO

from jobctl.domain.job import Job
from jobctl.domain.ownership import document_key
from jobctl.domain.status import JobStatus, TtlPolicy
from jobctl.errors import (
    ConflictError,
    JobctlError,
    NotFoundError,
    OutcomeUnknownError,
    PartlyDoneError,
)
from jobctl.services.approval_window import (
    Opening,
    approval_fields,
    open_approval,
    opening,
    processing_entry,
)
from jobctl.services.object_store import ObjectStore
from jobctl.services.operations import CreatedJob
from jobctl.services.ports import JobStore, Mutation

INITIAL_STATUSES = (
    JobStatus.QUEUED,
    JobStatus.PII_SCANNING,
    JobStatus.AWAITING_APPROVAL,
    JobStatus.PROCESSING_QUEUED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document to upload; *body* is seekable, `sha256` (hex) and `size` are of all of it."""

    body: BinaryIO
    filename: str | None
    size: int
    sha256: str
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob:
    """*document* is uploaded, or a key (str) of an object that is there already.

    `fields` are further fields of the record by their stored names.
    """

    job_id: str
    document: NewDocument | str
    status: JobStatus
    actor: str
    op_id: str
    fields: Mapping[str, object] = field(default_factory=dict)
    dry_run: bool = False

    @property
    def digest(self) -> str:
        """What makes two requests the same: the document's content and every option."""
        document = self.document if isinstance(self.document, str) else self.document.sha256
        stored = {name: json.dumps(value) for name, value in sorted(self.fields.items())}
        body = json.dumps([self.job_id, document, self.status, stored], separators=(",", ":"))
        return sha256(body.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationPolicy:
    documents_bucket: str
    ttl: TtlPolicy
    approval_timeout: timedelta
    pushes_to_queue: bool


def create(
    request: CreateJob, *, jobs: JobStore, objects: ObjectStore, policy: CreationPolicy
) -> CreatedJob:
    """Make the job once: the same request again answers `created: false`, another one with the
    same id is a conflict. Whatever fails, no document is left without its job."""
    reading = jobs.read([request.job_id])
    if reading.records[0] is not None:
        return _existing(request, reading.records[0].job, objects, policy)
    key = _key_of(request)
    if isinstance(request.document, str):
        _require_object(request.document, objects, policy.documents_bucket)
    if request.dry_run:
        _refuse_other_content(request, key, objects, policy)
        return _answer(request, _preview(request, key, reading.now), objects, policy, created=False)
    uploaded = _upload(request, key, objects, policy)
    try:
        applied = jobs.apply(_mutation(request, key, reading.now, policy))
    except OutcomeUnknownError:
        raise  # the record may be there, so its document must be
    except BaseException as error:
        try:
            winner = _withdraw(request, key, jobs, objects, policy, uploaded=uploaded)
        except JobctlError:
            # Why the record could not be written says more; the upload is left for `cleanup`.
            winner = None
        if winner is None or not isinstance(error, ConflictError):
            raise
        return _existing(request, winner, objects, policy)
    if not uploaded:
        _upload_again(request, key, objects, policy)
    job = _read_back(request, jobs) or _preview(request, key, reading.now)
    return _answer(request, job, objects, policy, created=True, op_id=applied.op_id)


def _upload_again(
    request: CreateJob, key: str, objects: ObjectStore, policy: CreationPolicy
) -> None:
    """Another creator's upload was found, who may have withdrawn it before our record stood."""
    try:
        _upload(request, key, objects, policy)
    except JobctlError as error:
        raise PartlyDoneError(
            f"job {request.job_id} was made, but whether its document is still there is unknown: "
            f"{error.message}",
            hint="run the same command again once the documents can be reached",
            job_id=request.job_id,
        ) from error


def _key_of(request: CreateJob) -> str:
    if isinstance(request.document, str):
        return request.document
    return document_key(request.job_id, request.document.filename)


def _existing(
    request: CreateJob, job: Job, objects: ObjectStore, policy: CreationPolicy
) -> CreatedJob:
    if job.request_digest != request.digest:
        raise ConflictError(
            f"job {job.id} exists already ({job.shown_status}), made by another request",
            hint="choose another id, or compare with jobctl status " + job.id,
            job_id=job.id,
        )
    return _answer(request, job, objects, policy, created=False, op_id=job.last_op)


def _require_object(key: str, objects: ObjectStore, bucket: str) -> None:
    if objects.head(bucket, key) is None:
        raise NotFoundError(
            f"no object {objects.locate(bucket, key)}",
            hint="upload it first, or let create upload a file",
        )


def _upload(request: CreateJob, key: str, objects: ObjectStore, policy: CreationPolicy) -> bool:
    """Whether this call wrote the object; False when the same content was there already."""
    document = request.document
    if isinstance(document, str):
        return False
    bucket = policy.documents_bucket
    document.body.seek(0)
    if objects.put_new(
        bucket, key, document.body, sha256=document.sha256, content_type=document.content_type
    ):
        return True
    _refuse_other_content(request, key, objects, policy)
    return False


def _refuse_other_content(
    request: CreateJob, key: str, objects: ObjectStore, policy: CreationPolicy
) -> None:
    document, bucket = request.document, policy.documents_bucket
    if isinstance(document, str):
        return
    present = objects.head(bucket, key)
    if present is not None and present.sha256 != document.sha256:
        raise ConflictError(
            f"{objects.locate(bucket, key)} exists with other content; it was left as it is",
            hint="choose another id",
            job_id=request.job_id,
        )


def _withdraw(
    request: CreateJob,
    key: str,
    jobs: JobStore,
    objects: ObjectStore,
    policy: CreationPolicy,
    *,
    uploaded: bool,
) -> Job | None:
    """Remove our upload unless a job has it; the job that exists under this id, if one does."""
    # Where nobody can be asked, the document stays: the id may be somebody else's too.
    record = jobs.read([request.job_id]).records[0]
    job = record.job if record else None
    if uploaded and (job is None or job.s3_key != key):
        objects.delete(policy.documents_bucket, [key])
        late = jobs.read([request.job_id]).records[0]
        if late is not None and late.job.s3_key == key:
            # A record that was on its way when we were interrupted: it needs its document.
            _upload(request, key, objects, policy)
    return job


def _stored_fields(request: CreateJob, key: str, now: datetime) -> dict[str, object]:
    fields: dict[str, object] = {
        "job_id": request.job_id,
        "s3_key": key,
        "status": request.status.value,
        "created_at": now,
        "updated_at": now,
        "max_rounds": 1,
        "created_by": request.actor,
        "jobctl_request": request.digest,
        **request.fields,
    }
    if not isinstance(request.document, str):
        fields["file_size"] = request.document.size
        if request.document.filename:
            fields["original_filename"] = request.document.filename
    return fields


def _mutation(request: CreateJob, key: str, now: datetime, policy: CreationPolicy) -> Mutation:
    fields = _stored_fields(request, key, now)
    window = None
    push_processing = None
    if request.status is JobStatus.AWAITING_APPROVAL:
        window = open_approval(now, policy.approval_timeout)
        fields |= approval_fields(window)
    if request.status is JobStatus.PROCESSING_QUEUED and policy.pushes_to_queue:
        push_processing = processing_entry(request.job_id, key, now)
    return Mutation(
        job_id=request.job_id,
        action="create",
        op_id=request.op_id,
        actor=request.actor,
        at=now,
        expected_status=None,
        to_status=request.status,
        fields={name: value for name, value in fields.items() if value is not None},
        ttl=policy.ttl.lifetime(request.status),
        push_processing=push_processing,
        **(opening(request.job_id, key, window) if window else Opening()),
    )


def _read_back(request: CreateJob, jobs: JobStore) -> Job | None:
    record = jobs.read([request.job_id]).records[0]
    return record.job if record else None


def _preview(request: CreateJob, key: str, now: datetime) -> Job:
    """The job as it would be (dry run), or was before a worker was faster than our read."""
    stored = _stored_fields(request, key, now)
    values = {name: stored[name] for name in _PREVIEWED & stored.keys()}
    return Job(
        id=request.job_id,
        status=request.status,
        raw_status=request.status.value,
        ocr_languages=tuple(filter(None, str(stored.get("ocr_languages", "")).split(","))),
        **values,  # type: ignore[arg-type] # the attributes have the types that create stores
    )


_PREVIEWED = frozenset(Job.__dataclass_fields__) - {"status", "ocr_languages"}


def _answer(
    request: CreateJob,
    job: Job,
    objects: ObjectStore,
    policy: CreationPolicy,
    *,
    created: bool,
    op_id: str | None = None,
) -> CreatedJob:
    return CreatedJob(
        job=job,
        created=created,
        dry_run=request.dry_run,
        document=objects.locate(policy.documents_bucket, job.s3_key or _key_of(request)),
        op_id=op_id,
    )
