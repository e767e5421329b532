"""`delete`: removes jobs now, documents first, record last.

The job is marked and the intent recorded, then its objects are deleted by exact key, then the
record goes in one step with its audit record. Killed anywhere, the same command finishes it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobctl.domain.job import Job
from jobctl.domain.ownership import OwnedFamily, document_families, result_families
from jobctl.errors import (
    ConflictError,
    JobctlError,
    NotFoundError,
    NotPermittedError,
    PartlyDoneError,
    UnavailableError,
)
from jobctl.services.operations import Operation, OperationList, counted, failed_operation, unique
from jobctl.services.ports import JobRecord, JobStore, Mutation, ObjectStore

DELETING = "deleting"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJobs:
    """`new_op_id` gives each change an operation id of its own."""

    ids: Sequence[str]
    actor: str
    new_op_id: Callable[[], str]
    reason: str = ""
    results: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    documents: str
    results: str


def delete(
    request: DeleteJobs, *, jobs: JobStore, objects: ObjectStore, buckets: Buckets
) -> OperationList:
    """Each job on its own: a failure stops neither the others nor is it hidden."""
    return OperationList(
        items=tuple(_each(request, jobs, objects, buckets)), dry_run=request.dry_run
    )


def _each(
    request: DeleteJobs, jobs: JobStore, objects: ObjectStore, buckets: Buckets
) -> Iterator[Operation]:
    for job_id in unique(request.ids):
        try:
            yield _Deletion(request, jobs, objects, buckets).run(job_id)
        except JobctlError as error:
            yield failed_operation(job_id, "delete", error)


class _Deletion:
    def __init__(
        self, request: DeleteJobs, jobs: JobStore, objects: ObjectStore, buckets: Buckets
    ) -> None:
        self._request = request
        self._jobs = jobs
        self._objects = objects
        self._buckets = buckets

    def run(self, job_id: str) -> Operation:
        reading = self._jobs.read([job_id])
        record = _deletable(job_id, reading.records[0])
        job = record.job
        # Listed before anything is recorded: a bucket that does not answer changes nothing.
        owned = list(self._owned(job))
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
        notes = (f"{counted(deleted, 'object')} deleted", *versions_stay, *self._left_behind(job))
        return _operation(job, changed=True, notes=notes, op_id=op_id)

    def _owned(self, job: Job) -> Iterator[tuple[str, str]]:
        """(bucket, key) of everything that goes with the job."""
        places: list[tuple[str, Iterable[OwnedFamily]]] = [
            (self._buckets.documents, document_families(job.id))
        ]
        if self._request.results:
            places.append((self._buckets.results, result_families(job.id)))
        for bucket, families in places:
            for family in families:
                for found in self._objects.list(bucket, family.prefix):
                    if family.owns(found.key, s3_key=job.s3_key):
                        yield bucket, found.key

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
                first = outcome.failed[0]
                raise PartlyDoneError(
                    f"job {job.id}: {len(outcome.failed)} of {len(keys)} objects could not be "
                    f"deleted, the first is {self._objects.locate(bucket, first.key)} "
                    f"({first.code}); the job stays",
                    hint="remove the cause, then run the same command again",
                    job_id=job.id,
                )
            if self._objects.keeps_versions(bucket):
                notes.append(f"bucket {bucket} keeps their data as versions")
        return deleted, tuple(notes)

    def _left_behind(self, job: Job) -> tuple[str, ...]:
        """A document that was registered by its key is not the job's to delete."""
        if job.s3_key is None or any(
            family.owns(job.s3_key, s3_key=job.s3_key) for family in document_families(job.id)
        ):
            return ()
        place = self._objects.locate(self._buckets.documents, job.s3_key)
        return (f"{place} was registered, not uploaded: it stays",)

    def _intent(self, job: Job, now: datetime) -> Mutation:
        return Mutation(
            job_id=job.id,
            action="delete-intent",
            op_id=self._request.new_op_id(),
            actor=self._request.actor,
            at=now,
            expected_status=job.raw_status or "",
            to_status=job.status,
            reason=self._request.reason,
            fields={"cleanup_state": DELETING},
        )

    def _removal(self, job: Job, now: datetime, op_id: str, deleted: int) -> Mutation:
        return Mutation(
            job_id=job.id,
            action="delete",
            op_id=op_id,
            actor=self._request.actor,
            at=now,
            expected_status=job.raw_status or "",
            reason=self._request.reason,
            summary=f"{counted(deleted, 'object')} deleted",
            held_token=job.approval_token,
            closes_approval=True,
            drop_queue_entries=self._jobs.queue_entries(job.id),
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
