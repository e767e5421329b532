"""Finds the documents of many jobs in few requests, shortly before they are deleted."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jobctl.domain.job import Job
from jobctl.domain.ownership import (
    OwnedFamily,
    document_families,
    document_owners,
    result_families,
    result_owners,
)
from jobctl.errors import JobctlError
from jobctl.services.documents import Documents, Owned
from jobctl.services.parallel import in_parallel

# To ask for one job takes some four requests, sixteen jobs at a time; to list a bucket takes one
# for a thousand objects, one after another. So a listing pays while it finds a job in every two
# hundred objects. It gets an advance of a tenth of what asking would cost, but of no more than
# twenty pages: those are lost where it finds too little.
_FEW = 100
_WORTH = 200
_ADVANCE = 20
_PAGE = 1_000
_LONGEST_ADVANCE = 20 * _PAGE
# What is written behind a listing is not in it: it is no longer used then, and one that takes
# half as long would be of little use.
_SOON_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class DocumentSearch:
    """*hold* keeps the lease, *stopped* ends the search; both are called from several threads."""

    documents: Documents
    results: bool = False
    hold: Callable[[], None] = lambda: None
    stopped: Callable[[], bool] = lambda: False
    clock: Callable[[], float] = time.monotonic
    _expected: dict[str, str | None] = field(default_factory=dict, init=False)
    _listed: dict[str, Owned] = field(default_factory=dict, init=False)
    _listed_at: float = field(default=0.0, init=False)
    _pays: bool = field(default=True, init=False)

    def expect(self, claims: Mapping[str, str | None]) -> None:
        """These are going to be asked for, in several calls: they are looked for together."""
        self._expected, self._listed = dict(claims), {}

    def find(self, claims: Mapping[str, str | None]) -> Mapping[str, Owned | JobctlError | None]:
        """(bucket, key) of all that belongs to each id of *claims*, whose values are the keys
        that their records name; or why that cannot be told. None: stopped before.

        Raises where the bucket as a whole cannot be listed.
        """
        listed = self._from_listing(claims)
        rest = [Job(id=one, s3_key=key) for one, key in claims.items() if one not in listed]
        asked = zip([job.id for job in rest], in_parallel(self._ask, rest), strict=True)
        found = {**listed, **dict(asked)}
        return {job_id: found[job_id] for job_id in claims}

    def _ask(self, job: Job) -> Owned | None:
        if self.stopped():
            return None
        self.hold()
        return [*self.documents.owned(job, results=self.results)]

    def _from_listing(self, claims: Mapping[str, str | None]) -> dict[str, Owned]:
        moved = {one for one, key in claims.items() if self._expected.get(one, key) != key}
        if self.clock() - self._listed_at > _SOON_SECONDS:
            self._listed = {}
        wanted = self._expected | dict(claims)
        if not self._listed and self._pays and len(wanted) > _FEW:
            self._listed_at, moved = self.clock(), set()
            self._listed = self._list(wanted) or {}
            self._pays = bool(self._listed)
        for job_id in claims:
            self._expected.pop(job_id, None)
        return {
            one: self._listed.pop(one) for one in claims if one in self._listed and one not in moved
        }

    def _list(self, claims: Mapping[str, str | None]) -> dict[str, Owned] | None:
        """None where that takes longer than to ask for each."""
        found: dict[str, list[tuple[str, str]]] = {job_id: [] for job_id in claims}
        met = 0
        for seen, (bucket, families, key, owners) in enumerate(self._objects(), start=1):
            if seen % _PAGE == 0 and not self._goes_on(seen, met, len(claims)):
                return None
            for job_id in owners:
                if job_id in found and any(
                    family.owns(key, s3_key=claims[job_id]) for family in families(job_id)
                ):
                    met += not found[job_id]
                    found[job_id].append((bucket, key))
                    break
        return {**found}

    def _goes_on(self, seen: int, met: int, wanted: int) -> bool:
        self.hold()
        late = self.clock() - self._listed_at > _SOON_SECONDS / 2
        advance = min(_ADVANCE * wanted, _LONGEST_ADVANCE)
        return not late and not self.stopped() and seen <= advance + _WORTH * met

    def _objects(
        self,
    ) -> Iterator[tuple[str, Callable[[str], Iterable[OwnedFamily]], str, Sequence[str]]]:
        """Of each object its bucket, what its owner's families are, its key and possible owners."""
        objects, buckets = self.documents.objects, self.documents.buckets
        for one in objects.walk(buckets.documents):
            yield buckets.documents, document_families, one.key, document_owners(one.key)
        if self.results:
            for one in objects.walk(buckets.results):
                yield buckets.results, result_families, one.key, result_owners(one.key)
