"""`delete`: removes jobs now, documents first, record last.

The job is marked and the intent recorded, then its objects are deleted by exact key, then the
record goes in one step with its audit record. Killed anywhere, the same command finishes it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobctl.domain.job import Job
from jobctl.domain.retention import DELETING
from jobctl.errors import (
    ConflictError,
    JobctlError,
    NotFoundError,
    NotPermittedError,
    PartlyDoneError,
    UnavailableError,
)
from jobctl.services.documents import Documents, undeleted
from jobctl.services.operations import Operation, OperationList, counted, failed_operation, unique
from jobctl.services.ports import JobRecord, JobStore, Mutation


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJobs:
    """`new_op_id` gives each change an operation id of its own."""

    ids: Sequence[str]
    actor: str
    new_op_id: Callable[[], str]
    reason: str = ""
    results: bool = False
    dry_run: bool = False


def delete(request: DeleteJobs, *, jobs: JobStore, documents: Documents) -> OperationList:
    """Each job on its own, while the list is read: a failure does not stop the others."""
    ids = unique(request.ids)
    return OperationList(
        _each(ids, request, jobs, documents), requested=len(ids), dry_run=request.dry_run
    )


def _each(
    ids: Sequence[str], request: DeleteJobs, jobs: JobStore, documents: Documents
) -> Iterator[Operation]:
    for job_id in ids:
        try:
            yield _Deletion(request, jobs, documents).run(job_id)
        except JobctlError as error:
            yield failed_operation(job_id, "delete", error)


class _Deletion:
    def __init__(self, request: DeleteJobs, jobs: JobStore, documents: Documents) -> None:
        self._request = request
        self._jobs = jobs
        self._documents = documents
        self._objects = documents.objects

    def run(self, job_id: str) -> Operation:
        reading = self._jobs.read([job_id])
        record = _deletable(job_id, reading.records[0])
        job = record.job
        # Listed before anything is recorded: a bucket that does not answer changes nothing.
        owned = list(self._documents.owned(job, results=self._request.results))
        if self._request.dry_run:
            would = f"would delete {counted(len(owned), 'object')}"
            return _operation(job, changed=False, notes=(would,))
        if job.cleanup_state != DELETING:
            self._jobs.apply(self._intent(job, reading.now))
        try:
            return self._finish(job, reading.now, owned)
        except (UnavailableError, NotPermittedError) as error:
            # Their exit codes say that nothing was changed, but the intent stands by now.
            raise PartlyDoneError(
                f"job {job.id}: its deletion was begun, but {error.message}",
                hint="remove the cause, then run the same command again to finish it",
                job_id=job.id,
            ) from error

    def _finish(self, job: Job, now: datetime, owned: Sequence[tuple[str, str]]) -> Operation:
        deleted, versions_stay = self._delete_objects(job, owned)
        op_id = self._request.new_op_id()
        self._jobs.apply(self._removal(job, now, op_id, deleted))
        notes = (
            f"{counted(deleted, 'object')} deleted",
            *versions_stay,
            *self._documents.left_behind(job),
        )
        return _operation(job, changed=True, notes=notes, op_id=op_id)

    def _delete_objects(
        self, job: Job, owned: Sequence[tuple[str, str]]
    ) -> tuple[int, tuple[str, ...]]:
        """How many were deleted, and a note for each bucket that keeps their data as versions."""
        by_bucket: dict[str, list[str]] = {}
        for bucket, key in owned:
            by_bucket.setdefault(bucket, []).append(key)
        deleted = 0
        notes = []
        for bucket, keys in by_bucket.items():
            outcome = self._objects.delete(bucket, keys)
            deleted += len(outcome.deleted)
            if outcome.failed:
                place = self._objects.locate(bucket, outcome.failed[0].key)
                raise undeleted(place, outcome.failed, len(keys), job.id)
            if self._objects.keeps_versions(bucket):
                notes.append(f"bucket {bucket} keeps their data as versions")
        return deleted, tuple(notes)

    def _intent(self, job: Job, now: datetime) -> Mutation:
        return Mutation(
            job_id=job.id,
            action="delete-intent",
            op_id=self._request.new_op_id(),
            actor=self._request.actor,
            at=now,
            expected_status=job.raw_status or "",
            expected_stamp=job.stamp or "",
            to_status=job.status,
            reason=job.redactor.text(self._request.reason),
            fields={"cleanup_state": DELETING, "cleanup_stamp": job.stamp or ""},
        )

    def _removal(self, job: Job, now: datetime, op_id: str, deleted: int) -> Mutation:
        return Mutation(
            job_id=job.id,
            action="delete",
            op_id=op_id,
            actor=self._request.actor,
            at=now,
            expected_status=job.raw_status or "",
            expected_stamp=job.stamp or "",
            reason=job.redactor.text(self._request.reason),
            summary=f"{counted(deleted, 'object')} deleted",
            held_token=job.approval_token,
            closes_approval=True,
            drop_queue_entries=self._jobs.queue_entries([job.id])[job.id],
            delete=True,
        )


def _deletable(job_id: str, record: JobRecord | None) -> JobRecord:
    if record is None:
        raise NotFoundError(
            f"no job {job_id}", hint="changing a job needs its full id", job_id=job_id
        )
    if not record.job.is_terminal:
        raise ConflictError(
            f"job {job_id} is {record.job.shown_status}; only a job that has ended can be deleted",
            hint="cancel it first",
            job_id=job_id,
        )
    return record


def _operation(
    job: Job, *, changed: bool, notes: tuple[str, ...], op_id: str | None = None
) -> Operation:
    return Operation(
        id=job.id,
        action="delete",
        changed=changed,
        previous_status=job.shown_status,
        status="deleted" if changed else job.shown_status,
        op_id=op_id,
        notes=notes,
    )
