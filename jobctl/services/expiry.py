"""The sweep `retention`: deletes jobs that have outlived their policy, documents and all.

Each is marked and its intent recorded, then its objects are deleted by exact key, then the record
goes in one step with its audit record. Killed anywhere, the next run finishes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from jobctl.domain.job import Job
from jobctl.domain.retention import DELETING, Sweep
from jobctl.errors import ConflictError, JobctlError, NotFoundError, PartlyDoneError
from jobctl.services.bulk import Plan, QueuedEntries
from jobctl.services.delete import deletion_intent
from jobctl.services.deletion_guard import DeletionGuard
from jobctl.services.documents import Documents, Owned
from jobctl.services.operations import Operation, counted, failed_operation, operation_on
from jobctl.services.parallel import ENDS_WORK
from jobctl.services.ports import Applied, JobRecord, JobStore, Mutation, QueueEntry
from jobctl.services.sweeps import SweepContext, Sweeping

_DELETED = "deleted"
# A record that expires between its intent and its deletion would leave no record of the latter.
_LONG_ENOUGH = timedelta(days=7)
# Copying takes its time: what was copied is soon deleted, and of what is not little was copied.
_ARCHIVED_TOGETHER = 100


class Expiry(Sweeping):
    action: ClassVar = "delete"
    letting_go: ClassVar = "delete-abandon"
    batch = 1_000

    def __init__(self, context: SweepContext, jobs: JobStore, documents: Documents) -> None:
        super().__init__(context)
        self._jobs = jobs
        self._documents = documents
        self._now = context.policy.cutoff
        self._search = context.search(documents)
        self._found: Mapping[str, Owned] = {}
        if context.archive is not None and context.archive.with_documents:
            self.batch = _ARCHIVED_TOGETHER

    def plan(
        self,
        record: JobRecord,
        now: datetime,
        queued: QueuedEntries,  # noqa: ARG002 - the queues are read once for the whole batch
    ) -> Plan:
        job = record.job
        due = self.still_due(record, Sweep.RETENTION)
        if due is None:
            return self.no_longer_due(job)
        self._now = now
        if due.lets_go:
            return self._let_go(job, now, due.reason)
        unfinished = job.cleanup_state == DELETING
        return Plan(
            job=job,
            operation=Operation(
                id=job.id,
                action=self.action,
                changed=True,
                previous_status=job.shown_status,
                status=_DELETED,
                notes=(due.reason,),
            ),
            mutation=None if unfinished else self._intent(job, now, due.reason),
            unfinished=unfinished,
        )

    def prepare(self, plans: Sequence[Plan]) -> Mapping[str, JobctlError | None]:
        """Find the documents before anything is marked: a bucket that is missing or does not
        answer changes nothing."""
        jobs = [plan.job for plan in plans if plan.operation.status == _DELETED]
        refused: dict[str, JobctlError | None] = {}
        found: dict[str, Owned] = {}
        for job_id, answer in self._search.find({job.id: job.s3_key for job in jobs}).items():
            if isinstance(answer, (*ENDS_WORK, NotFoundError)):
                raise answer
            if isinstance(answer, JobctlError):
                refused[job_id] = _untold(job_id, answer)
            elif answer is None:
                refused[job_id] = None
            else:
                found[job_id] = answer
        self._found = found
        return refused | dict(self.context.keep(found, Sweep.RETENTION))

    def look_for(self, claims: Mapping[str, str | None]) -> None:
        """Several batches follow soon: their documents are looked for together."""
        self._search.expect(claims)

    def complete(self, plans: Sequence[Plan]) -> Mapping[str, Operation]:
        by_id = {plan.job.id: plan for plan in plans if plan.operation.status == _DELETED}
        if not by_id:
            return {}
        try:
            revived, removed = self._remove_documents(by_id)
        except JobctlError as error:
            self.unreachable = error
            return {job_id: _begun(plan, error) for job_id, plan in by_id.items()}
        outcomes: dict[str, Operation] = dict(revived)
        deleted: dict[str, int] = {}
        for job_id, answer in removed.items():
            if isinstance(answer, JobctlError):
                outcomes[job_id] = _begun(by_id[job_id], answer)
                if isinstance(answer, ENDS_WORK):
                    self.unreachable = answer
            else:
                deleted[job_id] = answer
        return outcomes | self._remove_records(by_id, deleted)

    def _remove_documents(
        self, plans: Mapping[str, Plan]
    ) -> tuple[Mapping[str, Operation], Mapping[str, int | JobctlError]]:
        self.context.lease.renew()
        guard = DeletionGuard(lambda ids: self._revived(ids, plans), self.context.lease)
        revived = guard.objections([*plans])
        if guard.failure is not None:
            raise guard.failure
        left = {job_id: self._found[job_id] for job_id in plans if job_id not in revived}
        removed = self._documents.delete_found(left, guard)
        self.unreachable = guard.failure
        refused = {
            job_id: failed_operation(
                job_id, self.action, error, status=plans[job_id].job.shown_status
            )
            for job_id, error in (*revived.items(), *removed.items())
            if isinstance(error, ConflictError)
        }
        return refused, {one: answer for one, answer in removed.items() if one not in refused}

    def _revived(
        self, ids: Sequence[str], plans: Mapping[str, Plan]
    ) -> Mapping[str, ConflictError]:
        """Those that somebody has changed since they were marked: nothing of theirs is deleted."""
        found: dict[str, ConflictError] = {}
        for one in self._jobs.peek(ids):
            job = plans[one.job_id].job
            if (one.status, one.updated_at) != (job.raw_status, job.stamp):
                found[job.id] = ConflictError(
                    f"job {job.id} has changed since its deletion was begun: nothing was deleted",
                    hint="the next run lets it go",
                    job_id=job.id,
                )
        return found

    def _remove_records(
        self, plans: Mapping[str, Plan], deleted: Mapping[str, int]
    ) -> dict[str, Operation]:
        if not deleted:
            return {}
        try:
            queued = self._jobs.queue_entries([*deleted])
            answers = self._jobs.apply_all(
                [
                    self._removal(plans[job_id].job, count, queued[job_id])
                    for job_id, count in deleted.items()
                ]
            )
        except JobctlError as error:
            self.unreachable = error
            answers = [error] * len(deleted)  # the documents are gone all the same
        return {
            job_id: self._done(plans[job_id], answer, count)
            if isinstance(answer, Applied)
            else replace(_begun(plans[job_id], answer), objects=count)
            for (job_id, count), answer in zip(deleted.items(), answers, strict=True)
        }

    def _removal(self, job: Job, count: int, queued: Sequence[QueueEntry]) -> Mutation:
        return replace(
            self.context.change_of(job, self._now, self.action, ends_approval=queued),
            expected_stamp=job.stamp or "",
            expected_cleanup=DELETING,
            summary=f"{counted(count, 'object')} deleted",
            delete=True,
        )

    def _done(self, plan: Plan, applied: Applied, count: int) -> Operation:
        notes = (
            *plan.operation.notes,
            f"{counted(count, 'object')} deleted",
            *self._documents.left_behind(plan.job),
        )
        return replace(plan.operation, op_id=applied.op_id, notes=notes, objects=count)

    def _intent(self, job: Job, now: datetime, why: str) -> Mutation:
        return replace(
            deletion_intent(self.context, job, now),
            summary=f"retention: {why}",
            least_ttl=_LONG_ENOUGH,
        )

    def _let_go(self, job: Job, now: datetime, why: str) -> Plan:
        """Take the mark off a job that somebody has revived behind it."""
        mutation = replace(
            self.context.change_of(job, now, self.letting_go),
            expected_stamp=job.stamp or "",
            expected_cleanup=DELETING,
            to_status=job.status,
            summary="changed since its deletion was begun",
            removed_fields=("cleanup_state", "cleanup_stamp"),
            keeps_place=True,
        )
        operation = operation_on(job, mutation.action, op_id=mutation.op_id, notes=(why,))
        return Plan(job=job, operation=operation, mutation=mutation)


def _untold(job_id: str, error: JobctlError) -> PartlyDoneError:
    return PartlyDoneError(
        f"job {job_id}: its documents cannot be told, so it stays: {error.message}",
        hint=error.hint,
        job_id=job_id,
    )


def _begun(plan: Plan, error: JobctlError) -> Operation:
    message = error.message.removeprefix(f"job {plan.job.id}: ")
    failure = PartlyDoneError(
        f"job {plan.job.id}: its deletion was begun, but {message}",
        hint="remove the cause; the next run finishes it",
        job_id=plan.job.id,
    )
    return replace(plan.operation, changed=False, status=plan.job.shown_status, error=failure)
