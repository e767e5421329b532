"""The sweep `index`: index entries whose records have expired, and the documents they have left."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import ClassVar

from jobctl.domain.retention import Sweep
from jobctl.errors import ConflictError, JobctlError, PartlyDoneError
from jobctl.services.deletion_guard import DeletionGuard
from jobctl.services.documents import Documents
from jobctl.services.operations import Operation, counted, failed_operation, without_job
from jobctl.services.ports import Applied, Glimpse, JobStore, Mutation, QueueEntry
from jobctl.services.sweeps import SweepContext, record_all


class ExpiredEntries:
    """Documents go first, behind a record of the intent; the entry goes with the record of it."""

    action: ClassVar = "prune"

    def __init__(self, context: SweepContext, jobs: JobStore, documents: Documents) -> None:
        self._context = context
        self._jobs = jobs
        self._documents = documents
        self._search = context.search(documents)

    def prune(self, ids: Sequence[str]) -> Iterator[Operation]:
        guard = DeletionGuard(self._returned, self._context.lease)
        self._context.lease.renew()
        absent = [one.job_id for one in self._jobs.peek(ids) if self._has_expired(one)]
        found = self._search.find(dict.fromkeys(absent))
        owning = {one: owned for one, owned in found.items() if isinstance(owned, Sequence)}
        unkept = self._context.keep({one: it for one, it in owning.items() if it}, Sweep.INDEX)
        left = {one for one, owned in (*found.items(), *unkept.items()) if owned is None}
        with_objects = [one for one, owned in owning.items() if owned and one not in unkept]
        intents = record_all(
            self._context,
            with_objects,
            "prune-intent",
            "documents of an expired record",
            jobs=self._jobs,
        )
        refused = {job_id: error for job_id, error in (*intents.items(), *unkept.items()) if error}
        removed = self._documents.delete_found(
            {
                job_id: owned
                for job_id, owned in found.items()
                if job_id not in refused and job_id not in left and owned is not None
            },
            guard,
        )
        counts = {job_id: one for job_id, one in removed.items() if isinstance(one, int)}
        outcomes = {**removed, **self._remove_entries(counts), **refused}
        for job_id in ids:
            if job_id in left:
                continue
            if job_id not in found:
                yield without_job(job_id, self.action, "there is no such entry any more")
            else:
                yield self._outcome(job_id, outcomes[job_id], counts.get(job_id, 0))
        if guard.failure is not None:
            raise guard.failure

    def _returned(self, ids: Sequence[str]) -> Mapping[str, JobctlError]:
        return {
            one.job_id: ConflictError(
                f"job {one.job_id} has a record again: its documents stay", job_id=one.job_id
            )
            for one in self._jobs.peek(ids)
            if not one.is_expired
        }

    def _has_expired(self, one: Glimpse) -> bool:
        """Not where it went sooner than it could have expired: somebody had it a moment ago."""
        latest = self._context.policy.cutoff - self._context.ttl.shortest
        return one.is_expired and -inf < one.score <= latest.timestamp()

    def _remove_entries(self, counts: Mapping[str, int]) -> Mapping[str, Applied | JobctlError]:
        if not counts:
            return {}
        try:
            queued = self._jobs.queue_entries([*counts])
            removals = [
                self._removal(job_id, count, queued[job_id]) for job_id, count in counts.items()
            ]
            answers = self._jobs.apply_all(removals)
        except JobctlError as error:
            answers = [error] * len(counts)  # the documents are gone all the same
        return {
            job_id: answer if isinstance(answer, Applied) else _begun(job_id, answer, count)
            for (job_id, count), answer in zip(counts.items(), answers, strict=True)
        }

    def _removal(self, job_id: str, count: int, queued: Sequence[QueueEntry]) -> Mutation:
        return replace(
            self._context.record_of(job_id, self._context.policy.cutoff, self.action),
            summary=f"index entry of an expired record, {counted(count, 'object')} deleted",
            closes_approval=True,
            drop_queue_entries=queued,
            delete=True,
        )

    def _outcome(self, job_id: str, outcome: Applied | JobctlError | int, count: int) -> Operation:
        if isinstance(outcome, Applied):
            note = f"{counted(count, 'object')} deleted"
            return without_job(job_id, self.action, note, op_id=outcome.op_id, objects=count)
        error = outcome if isinstance(outcome, JobctlError) else PartlyDoneError("not pruned")
        return replace(failed_operation(job_id, self.action, error), objects=count)


def _begun(job_id: str, error: JobctlError, count: int) -> JobctlError:
    if not count:
        return error
    return PartlyDoneError(
        f"job {job_id}: its documents were deleted, but {error.message}",
        hint="remove the cause; the next run finishes it",
        job_id=job_id,
    )
