"""The sweep `index`: index entries whose records have expired, and the documents they have left."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from jobctl.errors import JobctlError, LockedError, PartlyDoneError
from jobctl.services.documents import Documents
from jobctl.services.operations import Operation, counted, failed_operation
from jobctl.services.parallel import CONCERNS_ALL
from jobctl.services.ports import Applied, JobStore, Mutation, QueueEntry
from jobctl.services.sweeps import SweepContext

_ACTION = "prune"


class ExpiredEntries:
    """Documents go first, behind a record of the intent; the entry goes with the record of it."""

    def __init__(self, context: SweepContext, jobs: JobStore, documents: Documents) -> None:
        self._context = context
        self._jobs = jobs
        self._documents = documents

    def prune(self, ids: Sequence[str]) -> Iterator[Operation]:
        self._context.lease.renew()
        absent = [one.job_id for one in self._jobs.peek(ids) if one.is_expired and one.score > -inf]
        found = self._documents.find(dict.fromkeys(absent), results=self._context.results)
        with_objects = [
            job_id
            for job_id, owned in found.items()
            if not isinstance(owned, JobctlError) and owned
        ]
        refused = self._record_intents(with_objects)
        removed = self._documents.delete_found(
            {job_id: owned for job_id, owned in found.items() if job_id not in refused}
        )
        counts = {job_id: one for job_id, one in removed.items() if isinstance(one, int)}
        applied = self._remove_entries(counts)
        for job_id in ids:
            if job_id not in found:
                yield _operation(job_id, changed=False, note="there is no such entry any more")
                continue
            outcome = refused.get(job_id) or applied.get(job_id) or removed[job_id]
            yield _outcome(job_id, outcome, counts.get(job_id, 0))

    def _record_intents(self, ids: Sequence[str]) -> dict[str, JobctlError]:
        """Why nothing may be deleted for some of *ids*."""
        intents = [
            Mutation(
                job_id=job_id,
                action="prune-intent",
                op_id=self._context.new_op_id(),
                actor=self._context.actor,
                at=self._context.policy.cutoff,
                expected_status=None,
                lease=self._context.lease.claim,
                summary="documents of an expired record",
                only_recorded=True,
            )
            for job_id in ids
        ]
        return {
            job_id: answer
            for job_id, answer in self._apply(intents).items()
            if isinstance(answer, JobctlError)
        }

    def _remove_entries(self, counts: Mapping[str, int]) -> dict[str, Applied | JobctlError]:
        if not counts:
            return {}
        try:
            queued = self._jobs.queue_entries([*counts])
            return self._apply(
                [self._removal(job_id, count, queued[job_id]) for job_id, count in counts.items()]
            )
        except CONCERNS_ALL as error:
            # The documents are gone all the same.
            return {job_id: _begun(job_id, error) for job_id in counts}

    def _removal(self, job_id: str, count: int, queued: Sequence[QueueEntry]) -> Mutation:
        return Mutation(
            job_id=job_id,
            action=_ACTION,
            op_id=self._context.new_op_id(),
            actor=self._context.actor,
            at=self._context.policy.cutoff,
            expected_status=None,
            lease=self._context.lease.claim,
            summary=f"index entry of an expired record, {counted(count, 'object')} deleted",
            closes_approval=True,
            drop_queue_entries=queued,
            delete=True,
        )

    def _apply(self, mutations: Sequence[Mutation]) -> dict[str, Applied | JobctlError]:
        answers = self._jobs.apply_all(mutations) if mutations else ()
        for answer in answers:
            if isinstance(answer, LockedError):
                raise answer
        return {one.job_id: answer for one, answer in zip(mutations, answers, strict=True)}


def _begun(job_id: str, error: JobctlError) -> PartlyDoneError:
    return PartlyDoneError(
        f"job {job_id}: its documents were deleted, but {error.message}",
        hint="remove the cause; the next run finishes it",
        job_id=job_id,
    )


def _outcome(job_id: str, outcome: Applied | JobctlError | int, count: int) -> Operation:
    if isinstance(outcome, Applied):
        note = f"{counted(count, 'object')} deleted"
        return _operation(job_id, changed=True, note=note, op_id=outcome.op_id, objects=count)
    error = outcome if isinstance(outcome, JobctlError) else PartlyDoneError("not pruned")
    return failed_operation(job_id, _ACTION, error)


def _operation(
    job_id: str, *, changed: bool, note: str, op_id: str | None = None, objects: int = 0
) -> Operation:
    return Operation(
        id=job_id,
        action=_ACTION,
        changed=changed,
        previous_status=None,
        status=None,
        op_id=op_id,
        notes=(note,),
        objects=objects,
    )
