"""Looking for the documents of many jobs: in few requests, soon before they are deleted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

import pytest

from jobctl.services.document_search import DocumentSearch
from jobctl.services.documents import Buckets, Documents
from jobctl.services.object_store import StoredObject
from tests.services.world import DOCUMENTS, RESULTS, World

AT = datetime(2026, 1, 1, tzinfo=UTC)


class _Bucket:
    """A bucket of so many objects of others, and the documents of jobs among them."""

    def __init__(self, own: int, others: int, *, own_come: str = "evenly") -> None:
        self.walked = self.listed = 0
        self.clock = 0.0
        self.per_object = 0.0
        every = max(1, others // max(1, own)) if own_come == "evenly" else others
        self._keys = []
        mine = iter(range(own))
        for number in range(others):
            self._keys.append(f"temp/other-{number}.pdf")
            if number % every == every - 1:
                self._keys += [f"temp/{_id(one)}.pdf" for one in islice(mine, 1)]
        self._keys += [f"temp/{_id(one)}.pdf" for one in mine]

    def walk(self, bucket: str) -> Iterator[StoredObject]:  # noqa: ARG002 - a Protocol's
        for key in self._keys:
            self.walked += 1
            self.clock += self.per_object
            yield StoredObject(key=key, size=1, modified_at=AT)

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:  # noqa: ARG002 - likewise
        self.listed += 1
        found = f"{prefix}pdf"
        if prefix.startswith("temp/job-") and prefix.endswith("."):
            yield StoredObject(key=found, size=1, modified_at=AT)

    def search(self, **options: object) -> DocumentSearch:
        documents = Documents(
            objects=self,  # type: ignore[arg-type] # as far as it is asked
            buckets=Buckets(documents=DOCUMENTS, results=RESULTS),
        )
        return DocumentSearch(documents=documents, clock=lambda: self.clock, **options)  # type: ignore[arg-type]


def _id(number: int) -> str:
    return f"job-{number:06}"


def _claims(count: int) -> dict[str, str | None]:
    return {_id(number): f"temp/{_id(number)}.pdf" for number in range(count)}


def _found(count: int) -> dict[str, list[tuple[str, str]]]:
    return {_id(one): [(DOCUMENTS, f"temp/{_id(one)}.pdf")] for one in range(count)}


@pytest.mark.parametrize("others", [0, 1_000, 50_000])
def test_many_jobs_are_found_in_one_listing(others: int) -> None:
    bucket = _Bucket(1_000, others)
    assert bucket.search().find(_claims(1_000)) == _found(1_000)
    assert bucket.walked == others + 1_000
    assert bucket.listed == 0


@pytest.mark.parametrize("own_come", ["evenly", "last"])
def test_a_listing_that_finds_little_is_given_up_early(own_come: str) -> None:
    bucket = _Bucket(1_000, 2_000_000 if own_come == "evenly" else 400_000, own_come=own_come)
    assert bucket.search().find(_claims(1_000)) == _found(1_000)
    assert bucket.walked <= 25_000
    assert bucket.listed == 4 * 1_000


def test_a_listing_that_was_given_up_is_not_tried_for_the_next_batch() -> None:
    bucket = _Bucket(0, 100_000)
    search = bucket.search()
    search.find(_claims(500))
    walked = bucket.walked
    search.find(_claims(500))
    assert bucket.walked == walked


def test_a_listing_that_takes_long_is_given_up() -> None:
    bucket = _Bucket(10_000, 10_000)
    bucket.per_object = 0.01
    assert bucket.search().find(_claims(10_000)) == _found(10_000)
    assert bucket.walked <= 4_000


def test_what_was_listed_a_while_ago_is_looked_for_again() -> None:
    bucket = _Bucket(1_000, 0)
    search = bucket.search()
    search.expect(_claims(1_000))
    first, later = dict([*_claims(1_000).items()][:500]), dict([*_claims(1_000).items()][500:])
    assert search.find(first) == dict([*_found(1_000).items()][:500])
    bucket.clock += 61
    assert search.find(later) == dict([*_found(1_000).items()][500:])
    assert (bucket.walked, bucket.listed) == (2_000, 0)


def test_few_jobs_are_asked_for_right_before(world: World) -> None:
    search = DocumentSearch(
        documents=Documents(
            objects=world.objects, buckets=Buckets(documents=DOCUMENTS, results=RESULTS)
        )
    )
    search.expect({"job-1": None, "job-2": None})
    world.put(DOCUMENTS, "temp/job-1.pdf")
    assert search.find({"job-1": None}) == {"job-1": [(DOCUMENTS, "temp/job-1.pdf")]}
    world.put(DOCUMENTS, "debug/job-2/trace.json")
    assert search.find({"job-2": None}) == {"job-2": [(DOCUMENTS, "debug/job-2/trace.json")]}


@pytest.mark.parametrize("jobs", [50, 1_000])
def test_a_search_stops_between_pages_and_jobs(jobs: int) -> None:
    bucket = _Bucket(jobs, 100_000)
    found = bucket.search(stopped=lambda: bucket.walked + bucket.listed >= 40).find(_claims(jobs))
    assert [*found] == [*_claims(jobs)]
    assert None in found.values()
    assert bucket.walked <= 1_000
    assert bucket.listed <= 40 + 16 * 4


@pytest.mark.parametrize("jobs", [50, 1_000])
def test_a_search_keeps_the_lease(jobs: int) -> None:
    bucket = _Bucket(jobs, 20_000)
    held: list[int] = []
    bucket.search(hold=lambda: held.append(1)).find(_claims(jobs))
    assert len(held) >= 20
