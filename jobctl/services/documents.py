"""A job's objects: finding exactly its own, and deleting them with every key accounted for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from jobctl.domain.job import Job
from jobctl.domain.ownership import (
    OwnedFamily,
    document_families,
    is_own_document,
    result_families,
    shown_key,
)
from jobctl.errors import ConflictError, JobctlError, NotFoundError, PartlyDoneError
from jobctl.services.deletion_guard import DeletionGuard
from jobctl.services.object_store import ObjectStore, UndeletedObject, Versions
from jobctl.services.operations import counted

Owned = Sequence[tuple[str, str]]
"""(bucket, key) of each document of a job."""


_VERSIONS = {
    Versions.ALL: "bucket {} keeps their data as versions",
    Versions.OLDER: "bucket {}: versioning is suspended: older versions stay",
    Versions.LOCKED: "bucket {} keeps their data as versions, locked ones until their "
    "retention ends",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    documents: str
    results: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """What jobs own in the object store."""

    objects: ObjectStore
    buckets: Buckets

    def owned(self, job: Job, *, results: bool = False) -> Iterator[tuple[str, str]]:
        """(bucket, key) of everything that goes with the job."""
        places: list[tuple[str, Iterable[OwnedFamily]]] = [
            (self.buckets.documents, document_families(job.id))
        ]
        if results:
            places.append((self.buckets.results, result_families(job.id)))
        for bucket, families in places:
            for family in families:
                for found in self.objects.list(bucket, family.prefix):
                    if family.owns(found.key, s3_key=job.s3_key):
                        yield bucket, found.key

    def require(self, job: Job) -> None:
        """Raise unless the document is where the record says."""
        if job.s3_key is None:
            raise ConflictError(
                f"job {job.id} names no document",
                hint="--no-verify passes over it",
                job_id=job.id,
                refusal="it names no document",
            )
        if self.objects.head(self.buckets.documents, job.s3_key) is None:
            key = shown_key(job.s3_key, job.id)
            place = self.objects.locate(self.buckets.documents, key)
            raise NotFoundError(
                f"job {job.id} has lost its document: there is no {place}",
                hint="--no-verify passes over it",
                job_id=job.id,
                refusal="its document is lost",
            )

    def delete_found(
        self, found: Mapping[str, Owned | JobctlError], guard: DeletionGuard | None = None
    ) -> Mapping[str, int | JobctlError]:
        """How many documents of each id were deleted of those
        that were found, or why some are left. *guard* is asked before each request."""
        owners = {
            one: job_id
            for job_id, owned in found.items()
            if not isinstance(owned, JobctlError)
            for one in owned
        }
        failures = self._delete(owners, guard)
        outcomes: dict[str, int | JobctlError] = {}
        for job_id, owned in found.items():
            if isinstance(owned, JobctlError):
                outcomes[job_id] = owned
                continue
            left = [(one, failures[one]) for one in owned if one in failures]
            outcomes[job_id] = self._left(job_id, left, len(owned)) if left else len(owned)
        return outcomes

    def _delete(
        self, owners: Mapping[tuple[str, str], str], guard: DeletionGuard | None
    ) -> Mapping[tuple[str, str], UndeletedObject | JobctlError]:
        """Those of the keys, each with its bucket, that are still there, and why."""
        failures: dict[tuple[str, str], UndeletedObject | JobctlError] = {}
        for bucket in dict.fromkeys(bucket for bucket, _ in owners):
            own = {key: job_id for (where, key), job_id in owners.items() if where == bucket}
            against = _Against(own, guard)
            try:
                failed = self.objects.delete(bucket, own, objections=against).failed
            except JobctlError as error:
                failures |= {(bucket, key): error for key in own}
            else:
                failures |= {(bucket, one.key): against.why.get(one.key, one) for one in failed}
        return failures

    def _left(
        self,
        job_id: str,
        left: Sequence[tuple[tuple[str, str], UndeletedObject | JobctlError]],
        total: int,
    ) -> JobctlError:
        (bucket, key), why = left[0]
        if isinstance(why, JobctlError):
            return _partly(job_id, total - len(left), total, why)
        return PartlyDoneError(
            f"job {job_id}: {len(left)} of {counted(total, 'object')} could not be deleted, the "
            f"first is {self.objects.locate(bucket, shown_key(key, job_id))} ({why.code})",
            hint="remove the cause, then run the same command again",
            job_id=job_id,
        )

    def left_behind(self, job: Job) -> tuple[str, ...]:
        """A note where the document was registered by its key: it is not the job's to delete."""
        if job.s3_key is None or is_own_document(job.id, job.s3_key):
            return ()
        key = shown_key(job.s3_key, job.id)
        place = self.objects.locate(self.buckets.documents, key)
        return (f"{place} was registered, not uploaded: it stays",)

    def keeping_versions(self, buckets: Iterable[str]) -> Mapping[str, Versions]:
        """What those of *buckets* keep that keep anything of what was deleted; one that cannot be
        asked is passed over: its documents are gone, which is what was asked for."""
        kept = {}
        for bucket in buckets:
            with suppress(JobctlError):
                if versions := self.objects.keeps_versions(bucket):
                    kept[bucket] = versions
        return kept

    def notes_on_versions(self, buckets: Iterable[str]) -> tuple[str, ...]:
        return notes_on_versions(self.keeping_versions(buckets))


def notes_on_versions(kept: Mapping[str, Versions]) -> tuple[str, ...]:
    return tuple(_VERSIONS[versions].format(bucket) for bucket, versions in kept.items())


class _Against:
    """What *guard* has against deleting keys, whose owners are *owners*; `why` collects it."""

    def __init__(self, owners: Mapping[str, str], guard: DeletionGuard | None) -> None:
        self._owners = owners
        self._guard = guard
        self.why: dict[str, JobctlError] = {}

    def __call__(self, keys: Sequence[str]) -> Mapping[str, UndeletedObject]:
        if self._guard is None:
            return {}
        found = self._guard.objections([*dict.fromkeys(self._owners[key] for key in keys)])
        against = {key: found[self._owners[key]] for key in keys if self._owners[key] in found}
        self.why |= against
        return {
            key: UndeletedObject(key=key, code=error.code, message=error.message)
            for key, error in against.items()
        }


def _partly(job_id: str, gone: int, total: int, why: JobctlError) -> JobctlError:
    """*why* itself where nothing was deleted."""
    if not gone:
        return why
    message = why.message.removeprefix(f"job {job_id}: ").removesuffix("; nothing was changed")
    return PartlyDoneError(
        f"job {job_id}: {gone:,} of {counted(total, 'object')} were deleted, then it was stopped: "
        f"{message}",
        hint=why.hint,
        job_id=job_id,
    )
