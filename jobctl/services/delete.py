"""`delete`: removes jobs now, documents first, record last.

The job is marked and the intent recorded, then its objects are deleted by exact key, then the
record goes in one step with its audit record. Killed anywhere, the same command finishes it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from jobctl.domain.job import Job
from jobctl.domain.retention import DELETING
from jobctl.errors import (
    ConflictError,
    JobctlError,
    NotPermittedError,
    PartlyDoneError,
    UnavailableError,
)
from jobctl.services.authors import Author
from jobctl.services.documents import Documents
from jobctl.services.operations import (
    Operation,
    OperationList,
    counted,
    failed_operation,
    no_such_job,
    operation_on,
    unique,
)
from jobctl.services.ports import JobRecord, JobStore, Mutation
from jobctl.services.refusals import Refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJobs(Author):
    ids: Sequence[str]
    reason: str = ""
    results: bool = False
    dry_run: bool = False


def delete(
    request: DeleteJobs,
    *,
    jobs: JobStore,
    documents: Documents,
    refusals: Refusals | None = None,
) -> OperationList:
    """Each job on its own, while the list is read: a failure does not stop the others."""
    ids = unique(request.ids)
    done = _each(ids, request, jobs, documents)
    if refusals and not request.dry_run:
        done = refusals.watched(done, count=len(ids))
    return OperationList(done, requested=len(ids), dry_run=request.dry_run)


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

    def run(self, job_id: str) -> Operation:
        reading = self._jobs.read([job_id])
        record = _deletable(job_id, reading.records[0])
        job = record.job
        # Listed before anything is recorded: a bucket that does not answer changes nothing.
        owned = list(self._documents.owned(job, results=self._request.results))
        if self._request.dry_run:
            would = f"would delete {counted(len(owned), 'object')}"
            return operation_on(job, "delete", notes=(would,))
        if job.cleanup_state != DELETING:
            self._jobs.apply(
                deletion_intent(self._request, job, reading.now, reason=self._request.reason)
            )
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
        deleted = self._documents.delete_found({job.id: owned})[job.id]
        if isinstance(deleted, JobctlError):
            raise deleted
        removal = self._removal(job, now, deleted)
        self._jobs.apply(removal)
        buckets = dict.fromkeys(bucket for bucket, _ in owned)
        notes = (
            f"{counted(deleted, 'object')} deleted",
            *self._documents.notes_on_versions(buckets),
            *self._documents.left_behind(job),
        )
        return operation_on(job, "delete", status="deleted", op_id=removal.op_id, notes=notes)

    def _removal(self, job: Job, now: datetime, deleted: int) -> Mutation:
        entries = self._jobs.queue_entries([job.id])[job.id]
        return replace(
            self._request.change_of(
                job, now, "delete", reason=self._request.reason, ends_approval=entries
            ),
            expected_stamp=job.stamp or "",
            summary=f"{counted(deleted, 'object')} deleted",
            delete=True,
        )


def deletion_intent(author: Author, job: Job, now: datetime, *, reason: str = "") -> Mutation:
    """Marks *job* with the stamp it has: whoever changes it behind the mark takes it off so."""
    return replace(
        author.change_of(job, now, "delete-intent", reason=reason),
        expected_stamp=job.stamp or "",
        to_status=job.status,
        fields={"cleanup_state": DELETING, "cleanup_stamp": job.stamp or ""},
        keeps_place=True,
    )


def _deletable(job_id: str, record: JobRecord | None) -> JobRecord:
    if record is None:
        raise no_such_job(job_id)
    if not record.job.is_terminal:
        raise ConflictError(
            f"job {job_id} is {record.job.shown_status}; only a job that has ended can be deleted",
            hint="cancel it first",
            job_id=job_id,
        )
    return record
