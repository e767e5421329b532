"""Deletes the documents of jobs that a decision has ended, and takes off the mark that says so.

The decision comes first and marks the job: killed anywhere, or while the object store does not
answer, whoever comes next finishes it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from jobctl.domain.job import Job
from jobctl.domain.retention import PENDING
from jobctl.domain.status import JobStatus, parse_status
from jobctl.errors import (
    ChangedMeanwhileError,
    ConflictError,
    JobctlError,
    PartlyDoneError,
)
from jobctl.services.authors import Author
from jobctl.services.bulk import Plan
from jobctl.services.deletion_guard import DeletionGuard
from jobctl.services.document_search import DocumentSearch
from jobctl.services.documents import Documents, Owned
from jobctl.services.operations import Operation, counted
from jobctl.services.parallel import ENDS_WORK
from jobctl.services.ports import Applied, JobStore, Mutation


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the jobs have ended: their status, a word for it, the audit record's action and its
    author."""

    status: JobStatus
    how: str
    action: str
    author: Author


def denial(author: Author) -> Ending:
    """Denied by `deny`, or finished later by `cleanup`."""
    return Ending(status=JobStatus.DENIED, how="denied", action="deny-cleanup", author=author)


class PendingDocuments:
    """`unreachable` is why it makes no sense to go on with further jobs. *keep* comes before the
    documents go; those that it answers with are left."""

    def __init__(
        self,
        ending: Ending,
        jobs: JobStore,
        documents: Documents,
        *,
        keep: Callable[[Mapping[str, Owned]], Mapping[str, JobctlError | None]] = lambda _: {},
    ) -> None:
        self._ending = ending
        self._jobs = jobs
        self._documents = documents
        self._keep = keep
        lease = ending.author.lease
        self._search = DocumentSearch(
            documents=documents, hold=lease.hold if lease else lambda: None
        )
        self.unreachable: JobctlError | None = None

    def complete(self, plans: Sequence[Plan]) -> Mapping[str, Operation]:
        """What the operations of *plans* come to, by job id."""
        by_id = {plan.job.id: plan for plan in plans}
        try:
            if self._ending.author.lease is not None:
                self._ending.author.lease.renew()
            reading = self._jobs.read([*by_id])
        except JobctlError as error:
            self.unreachable = error
            return {job_id: self._unfinished(plan, error) for job_id, plan in by_id.items()}
        records = dict(zip(by_id, reading.records, strict=True))
        # Somebody may have revived a job since: then its documents are not ours to delete.
        ended = {
            job_id: record.job
            for job_id, record in records.items()
            if record is not None and record.job.status is self._ending.status
        }
        revived = {
            job_id: replace(plan.operation, error=self._revived(plan.job))
            for job_id, plan in by_id.items()
            if job_id not in ended
        }
        return revived | self._clean_up(ended, by_id, reading.now)

    def _clean_up(
        self, ended: Mapping[str, Job], plans: Mapping[str, Plan], now: datetime
    ) -> dict[str, Operation]:
        outcomes: dict[str, Operation] = {}
        finished: dict[str, Mutation] = {}
        claims = {job_id: job.s3_key for job_id, job in ended.items()}
        guard = DeletionGuard(lambda ids: self._moved_on(ids, plans), self._ending.author.lease)
        for job_id, answer in self._removed(claims, guard).items():
            plan = plans[job_id]
            if isinstance(answer, ConflictError):
                outcomes[job_id] = replace(plan.operation, error=answer)
            elif isinstance(answer, JobctlError):
                outcomes[job_id] = self._unfinished(plan, answer)
                if isinstance(answer, ENDS_WORK):
                    self.unreachable = answer
            else:
                outcomes[job_id] = self._told(plan, answer)
                finished[job_id] = self._finished(ended[job_id], now, answer)
        self.unreachable = self.unreachable or guard.failure
        for job_id, applied in zip(finished, self._apply([*finished.values()]), strict=True):
            outcomes[job_id] = self._settled(plans[job_id], outcomes[job_id], applied, now)
        return outcomes

    def _removed(
        self, claims: Mapping[str, str | None], guard: DeletionGuard
    ) -> Mapping[str, int | JobctlError]:
        found = {one: it for one, it in self._search.find(claims).items() if it is not None}
        owned = {one: it for one, it in found.items() if it and not isinstance(it, JobctlError)}
        try:
            unkept = {one: error for one, error in self._keep(owned).items() if error}
        except JobctlError as error:
            unkept = dict.fromkeys(owned, error)
        return self._documents.delete_found(found | unkept, guard)

    def _moved_on(
        self, ids: Sequence[str], plans: Mapping[str, Plan]
    ) -> Mapping[str, ConflictError]:
        return {
            one.job_id: self._revived(plans[one.job_id].job)
            for one in self._jobs.peek(ids)
            if parse_status(one.status) is not self._ending.status
        }

    def _apply(self, mutations: Sequence[Mutation]) -> Sequence[Applied | JobctlError]:
        try:
            return self._jobs.apply_all(mutations) if mutations else ()
        except JobctlError as error:
            return [error] * len(mutations)  # the documents are gone all the same

    def _finished(self, job: Job, now: datetime, deleted: int) -> Mutation:
        return replace(
            self._ending.author.change_of(job, now, self._ending.action),
            expected_cleanup=PENDING,
            to_status=job.status,
            summary=f"{counted(deleted, 'object')} deleted",
            removed_fields=("cleanup_state",),
            keeps_place=True,
        )

    @cached_property
    def _versions_stay(self) -> tuple[str, ...]:
        return self._documents.notes_on_versions([self._documents.buckets.documents])

    def _told(self, plan: Plan, deleted: int) -> Operation:
        notes = [f"{counted(deleted, 'object')} deleted", *self._documents.left_behind(plan.job)]
        if deleted:
            notes += self._versions_stay
        if not plan.operation.changed:
            notes.insert(0, f"{self._ending.how} already, cleanup finished")
        return replace(plan.operation, notes=tuple(notes), objects=deleted)

    def _settled(
        self, plan: Plan, told: Operation, applied: Applied | JobctlError, now: datetime
    ) -> Operation:
        """*told* or what came of taking off the mark, once the documents are gone."""
        resumed = not plan.operation.changed
        if isinstance(applied, ChangedMeanwhileError):
            lost = self._lost(plan, told, now)
            # Else another run of the same command has finished it.
            return lost or (plan.operation if resumed else told)
        if isinstance(applied, JobctlError):
            return self._unfinished(plan, applied, so_far=" and its documents were deleted")
        return replace(told, changed=True, op_id=applied.op_id) if resumed else told

    def _lost(self, plan: Plan, told: Operation, now: datetime) -> Operation | None:
        """Where a service has revived the job while its documents were being deleted: at least the
        trail says so."""
        try:
            (found,) = self._jobs.peek([plan.job.id])
        except JobctlError:
            return None
        if found.is_expired or parse_status(found.status) is self._ending.status:
            return None
        record = replace(
            self._ending.author.record_of(plan.job.id, now, self._ending.action),
            expected_status=found.status or "",
            summary=f"{counted(told.objects, 'object')} deleted, and the job was revived",
            only_recorded=True,
        )
        self._apply([record])
        failure = PartlyDoneError(
            f"job {plan.job.id} was {self._ending.how} and its documents were deleted, but "
            f"somebody has made it {found.status} meanwhile",
            hint="it has no document any more: cancel it",
            job_id=plan.job.id,
        )
        return replace(told, error=failure)

    def _unfinished(self, plan: Plan, error: JobctlError, *, so_far: str = "") -> Operation:
        """The decision stands, but something is left to be done."""
        message = error.message.removeprefix(f"job {plan.job.id}: ")
        message = message.removesuffix("; nothing was changed")
        failure = PartlyDoneError(
            f"job {plan.job.id} was {self._ending.how}{so_far}, but {message}",
            hint="remove the cause, then run the same command again to finish it",
            job_id=plan.job.id,
        )
        return replace(plan.operation, error=failure)

    def _revived(self, job: Job) -> ConflictError:
        return ConflictError(
            f"job {job.id} was {self._ending.how}, but somebody has changed it since; its "
            "documents were left",
            hint="jobctl status tells what it is now",
            job_id=job.id,
        )
