"""The sweep `orphans`: documents that belong to no job, and have not for some time.

An object is an orphan when no job whose document it could be exists, none is in the index, no
record names it, and it is older than the grace period. Only objects below UUIDs are looked at:
what has another name may be anybody's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from math import inf
from typing import ClassVar

from jobctl.domain.identifiers import is_uuid
from jobctl.domain.moments import format_duration
from jobctl.domain.ownership import document_owners, is_own_document, result_owners, shown_key
from jobctl.domain.retention import Due, RetentionPolicy, Sweep
from jobctl.errors import ConflictError, JobctlError, PartlyDoneError
from jobctl.services.deletion_guard import DeletionGuard
from jobctl.services.documents import Documents
from jobctl.services.object_store import StoredObject
from jobctl.services.operations import Operation, counted, failed_operation, without_job
from jobctl.services.parallel import in_parallel
from jobctl.services.ports import JobStore
from jobctl.services.sweeps import SweepContext, record_all

_PAGE = 1_000
_CLOSER_LOOK = 100
_Found = tuple[str, StoredObject, tuple[str, ...]]


def find_orphans(
    policy: RetentionPolicy, *, jobs: JobStore, documents: Documents, results: bool
) -> Iterator[Due]:
    """One pass over the listing, joined with Redis in bulk. Raises where either does not answer:
    what cannot be told is never an orphan."""
    claimed = _claimed(jobs)
    candidates = _candidates(policy, documents, results=results)
    while page := list(islice(candidates, _PAGE)):
        owners = dict.fromkeys(owner for _, _, several in page for owner in several)
        unknown = _unknown(jobs, [*owners])
        for bucket, found, several in page:
            if found.key not in claimed and unknown.issuperset(several):
                yield _due(policy, bucket, found, several[0])


def _unknown(jobs: JobStore, ids: Sequence[str]) -> set[str]:
    """Those of *ids* that have neither a place in the index nor a record, be it unreadable."""
    suspects = iter([one.job_id for one in jobs.peek(ids) if one.is_expired and one.score == -inf])
    unknown: set[str] = set()
    while several := list(islice(suspects, _CLOSER_LOOK)):
        records = jobs.read(several).records
        unknown |= {one for one, record in zip(several, records, strict=True) if record is None}
    return unknown


def _claimed(jobs: JobStore) -> frozenset[str]:
    """The keys that records name although they are not below the job's own: there are few."""
    return frozenset(
        key
        for page in jobs.document_keys()
        for job_id, key in page
        if not is_own_document(job_id, key)
    )


def _candidates(
    policy: RetentionPolicy, documents: Documents, *, results: bool
) -> Iterator[_Found]:
    places = [(documents.buckets.documents, document_owners)]
    if results:
        places.append((documents.buckets.results, result_owners))
    for bucket, owners in places:
        for found in documents.objects.walk(bucket):
            several = owners(found.key)
            old = policy.cutoff - found.modified_at > policy.grace
            if old and several and all(map(is_uuid, several)):
                yield bucket, found, several


def _due(policy: RetentionPolicy, bucket: str, found: StoredObject, owner: str) -> Due:
    age = format_duration(policy.cutoff - found.modified_at)
    return Due(
        job_id=owner,
        sweep=Sweep.ORPHANS,
        status="",
        stamp="",
        last_activity=found.modified_at,
        reason=f"{shown_key(found.key, owner)}: there is no such job (written {age} ago)",
        bucket=bucket,
        key=found.key,
    )


class Orphans:
    action: ClassVar = "delete-orphan"

    def __init__(self, context: SweepContext, jobs: JobStore, documents: Documents) -> None:
        self._context = context
        self._jobs = jobs
        self._documents = documents

    def delete(self, orphans: Sequence[Due]) -> Iterator[Operation]:
        """An operation for each that is not put off; behind a record of the intent, a job id one.

        Each is judged again: a plan may be days old.
        """
        self._context.lease.renew()
        spared = self._spared(orphans)
        owned: dict[str, list[tuple[str, str]]] = {}
        for one in orphans:
            if _place(one) not in spared:
                owned.setdefault(one.job_id, []).append(_place(one))
        unkept = self._context.keep(owned, Sweep.ORPHANS)
        ready = {one: places for one, places in owned.items() if one not in unkept}
        intents = self._record(sorted(ready), "orphan-intent", "documents of no job")
        guard = DeletionGuard(self._owned_again, self._context.lease)
        removed = self._documents.delete_found(
            {one: places for one, places in ready.items() if intents[one] is None}, guard
        )
        outcomes = {**unkept, **intents, **self._record_done(removed)}
        for one in orphans:
            spared_for = spared.get(_place(one))
            if spared_for is not None:
                yield _left(one, spared_for)
            elif (outcome := outcomes[one.job_id]) is not None:
                yield _outcome(one, outcome, is_gone=isinstance(removed.get(one.job_id), int))
        if guard.failure is not None:
            raise guard.failure

    def _spared(self, orphans: Sequence[Due]) -> Mapping[tuple[str, str], str | JobctlError]:
        """Those that are no orphans any more, or not this run's, and why."""
        owners = {_place(one): self._owners(one) for one in orphans}
        unknown = _unknown(self._jobs, [*dict.fromkeys(chain(*owners.values()))])
        found: dict[tuple[str, str], str | JobctlError] = {}
        for place, several in owners.items():
            if not several:
                found[place] = "it is not for this run: results are deleted only with --results"
            elif place[1] in self._claimed or not unknown.issuperset(several):
                found[place] = "it belongs to a job now"
        asked = [place for place in owners if place not in found]
        answers = zip(asked, in_parallel(self._young, asked), strict=True)
        return found | {place: why for place, why in answers if why is not None}

    def _owners(self, one: Due) -> Sequence[str]:
        buckets = self._documents.buckets
        places = {buckets.documents: document_owners}
        if self._context.results:
            places[buckets.results] = result_owners
        several = places[one.bucket](one.key) if one.bucket in places else ()
        return several if all(map(is_uuid, several)) else ()

    def _young(self, place: tuple[str, str]) -> str | None:
        self._context.lease.hold()
        bucket, key = place
        policy = self._context.policy
        # A listing says when it was written, and no store reads the object for it.
        for found in self._documents.objects.list(bucket, key):
            if found.key == key:
                is_old = policy.cutoff - found.modified_at > policy.grace
                return None if is_old else "it was written again since"
        return "it is gone already"

    def _owned_again(self, ids: Sequence[str]) -> Mapping[str, JobctlError]:
        unknown = _unknown(self._jobs, ids)
        return {
            one: ConflictError(f"there is a job {one} now: its documents stay", job_id=one)
            for one in ids
            if one not in unknown
        }

    @cached_property
    def _claimed(self) -> frozenset[str]:
        """Once more, when the work begins: since the plan was made documents may have been
        registered."""
        return _claimed(self._jobs)

    def _record_done(
        self, removed: Mapping[str, int | JobctlError]
    ) -> Mapping[str, int | JobctlError]:
        """*removed*, with a failure for each whose deletion could not be recorded."""
        outcomes = dict(removed)
        for count in sorted({one for one in removed.values() if isinstance(one, int)}):
            ids = [job_id for job_id, one in removed.items() if one == count]
            try:
                answers = self._record(ids, self.action, f"{counted(count, 'object')} deleted")
            except JobctlError as error:
                answers = dict.fromkeys(ids, error)
            outcomes |= {
                job_id: PartlyDoneError(
                    f"{counted(count, 'object')} of no job deleted, but {failure.message}",
                    hint="the record of the intent covers it",
                    job_id=job_id,
                )
                for job_id, failure in answers.items()
                if failure is not None
            }
        return outcomes

    def _record(
        self, ids: Sequence[str], action: str, summary: str
    ) -> Mapping[str, JobctlError | None]:
        return record_all(self._context, ids, action, summary, jobs=self._jobs)


def _place(due: Due) -> tuple[str, str]:
    return due.bucket, due.key


def _left(due: Due, why: str | JobctlError) -> Operation:
    if isinstance(why, JobctlError):
        return failed_operation(due.job_id, Orphans.action, why)
    return without_job(due.job_id, Orphans.action, why)


def _outcome(due: Due, outcome: int | JobctlError, *, is_gone: bool) -> Operation:
    if isinstance(outcome, JobctlError):
        failed = failed_operation(due.job_id, Orphans.action, outcome)
        return replace(failed, objects=int(is_gone))
    return replace(without_job(due.job_id, Orphans.action, due.reason, objects=1), changed=True)
