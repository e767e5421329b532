"""`audit record`: what is known of jobs at this moment, for an auditor; taking it is recorded.

The audit record of it is a compare-and-set on the job's status and last change, so the job was
as it is shown at the moment that the trail names. A job that has expired or was deleted is told
of by what the trail's last record says.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from jobctl.domain.audit import AuditEntry
from jobctl.domain.job import Job
from jobctl.domain.redaction import without_tokens
from jobctl.errors import ExitCode, NotFoundError
from jobctl.services.audit_list import PAGE_SIZE
from jobctl.services.authors import Author
from jobctl.services.bulk import Bulk, Plan, QueuedEntries, Verb, operations_on_jobs
from jobctl.services.operations import (
    Operation,
    OperationList,
    operation_on,
    unique,
    without_job,
)
from jobctl.services.ports import AuditLog, JobRecord, JobStore, Mutation
from jobctl.services.refusals import REFUSED

_ACTION = "audit-record"
_SUMMARY = "point-in-time record"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordJobs:
    bulk: Bulk
    author: Author
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSnapshot:
    """`job` is None where there is no record of it any more; `last` is what the trail has last of
    it, beside the taking of such snapshots and refused attempts, unless it has nothing else."""

    id: str
    taken_at: datetime
    job: Job | None
    last: AuditEntry | None
    reason: str


class JobSnapshotList(OperationList):
    """An OperationList with the snapshot of each job that it did not fail for."""

    def __init__(self, request: RecordJobs, jobs: JobStore, audit_log: AuditLog) -> None:
        ids = unique(request.bulk.ids)
        last = _LastRecords(ids, audit_log)
        self._verb = _Recording(request, jobs, last)
        bulk = replace(request.bulk, checkpoint=last.look)
        super().__init__(
            operations_on_jobs(self._verb, bulk, jobs=jobs),
            requested=len(ids),
            dry_run=bulk.dry_run,
            interrupted=bulk.interrupted,
        )

    def __iter__(self) -> Iterator[Operation]:
        for operation in super().__iter__():
            yield operation
            self._verb.snapshots.pop(operation.id, None)

    def snapshot_of(self, operation: Operation) -> JobSnapshot:
        """While *operation* is the last one that was read."""
        return self._verb.snapshots[operation.id]

    @property
    def exit_code(self) -> ExitCode:
        """That some are unknown is no half-done work."""
        if self._codes == {ExitCode.NOT_FOUND} and not self.not_tried:
            return ExitCode.NOT_FOUND
        return super().exit_code


def audit_record(request: RecordJobs, *, jobs: JobStore, audit_log: AuditLog) -> JobSnapshotList:
    """The snapshots are taken while the list is read. NotFoundError for an id that neither the
    store nor the trail knows."""
    return JobSnapshotList(request, jobs, audit_log)


class _Recording(Verb):
    action: ClassVar = _ACTION

    def __init__(self, request: RecordJobs, jobs: JobStore, last: "_LastRecords") -> None:
        self._request = request
        self._jobs = jobs
        self._last = last
        self.snapshots: dict[str, JobSnapshot] = {}

    def plan(self, record: JobRecord, now: datetime, queued: QueuedEntries) -> Plan:  # noqa: ARG002 - the verb's signature
        job = record.job
        reason = without_tokens(job.redactor.text(self._request.reason))
        last = self._last.of(job.id, last_op=job.last_op)
        if last is not None and last.reason:  # it may be older than the findings
            last = replace(last, reason=job.redactor.text(last.reason))
        self.snapshots[job.id] = JobSnapshot(
            id=job.id, taken_at=now, job=job, last=last, reason=reason
        )
        change = self._request.author.change_of(job, now, self.action, reason=reason)
        mutation = replace(_recorded(change, job.cleanup_state), expected_stamp=job.stamp)
        operation = operation_on(job, self.action, op_id=mutation.op_id)
        return Plan(job=job, mutation=mutation, operation=operation)

    def absent(self, job_id: str) -> Operation:
        self._last.look()  # it may have been deleted a moment ago
        last = self._last.of(job_id)
        if last is None:
            raise NotFoundError(
                f"neither the store nor the audit trail knows job {job_id}",
                hint="check the id: it must be whole",
                job_id=job_id,
            )
        now, reason = self._jobs.read([]).now, without_tokens(self._request.reason)
        self.snapshots[job_id] = JobSnapshot(
            id=job_id, taken_at=now, job=None, last=last, reason=reason
        )
        record = self._request.author.record_of(job_id, now, self.action)
        mutation = replace(_recorded(record, None), reason=reason)
        note, dry_run = "there is no such job", self._request.bulk.dry_run
        if not dry_run:
            self._jobs.apply(mutation)
        return without_job(job_id, self.action, note, op_id=None if dry_run else mutation.op_id)


def _recorded(mutation: Mutation, cleanup_state: str | None) -> Mutation:
    """Who names the state of the cleanup may record while the approval service holds the job."""
    return replace(
        mutation, only_recorded=True, summary=_SUMMARY, expected_cleanup=cleanup_state or ""
    )


class _LastRecords:
    """The newest record of each of *ids*. What was read once is not read again."""

    def __init__(self, ids: Sequence[str], audit_log: AuditLog) -> None:
        self._audit_log = audit_log
        self._wanted = frozenset(ids)
        self._found: dict[str, AuditEntry] = {}
        self._mentions: dict[str, AuditEntry] = {}
        self._read_to: str | None = None
        self._is_read = False

    def of(self, job_id: str, *, last_op: str | None = None) -> AuditEntry | None:
        """*last_op* is the operation that its record names: a later one is looked for."""
        known = self._found.get(job_id)
        if last_op is not None and (known is None or known.op_id != last_op):
            self.look()
        return self._found.get(job_id) or self._mentions.get(job_id)

    def look(self) -> None:
        """Newest first until all are found, then again and again at what came since."""
        if not self._is_read:
            self._is_read = True
            self._look_back()
            return
        for page in self._walk(after=self._read_to, oldest_first=True):
            self._found |= {one.job_id: one for one in page if one.job_id and self._tells(one)}
            self._read_to = page[-1].place

    def _look_back(self) -> None:
        missing = set(self._wanted)
        for page in self._walk(after=None, oldest_first=False):
            self._read_to = self._read_to or page[0].place
            for entry in page:
                if entry.job_id not in missing:
                    continue
                if self._tells(entry):
                    self._found[entry.job_id] = entry
                    missing.remove(entry.job_id)
                else:
                    self._mentions.setdefault(entry.job_id, entry)
            if not missing:
                return

    def _tells(self, entry: AuditEntry) -> bool:
        """Whether it says what became of a job that is wanted: the taking of a snapshot and a
        refused attempt do not."""
        action = entry.action or ""
        return entry.job_id in self._wanted and action != _ACTION and not action.endswith(REFUSED)

    def _walk(self, *, after: str | None, oldest_first: bool) -> Iterator[Sequence[AuditEntry]]:
        return self._audit_log.walk(after=after, oldest_first=oldest_first, page_size=PAGE_SIZE)
