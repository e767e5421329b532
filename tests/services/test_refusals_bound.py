"""A flood of refused attempts: bounded, counted, cheap; and what happens where none can be
recorded."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from jobctl.domain.limits import REFUSALS_A_MINUTE
from jobctl.errors import (
    ConflictError,
    JobctlError,
    NotFoundError,
    NotPermittedError,
    OutcomeUnknownError,
    UnavailableError,
)
from jobctl.services.ports import Admission, Applied, Mutation
from tests.services.deciding import approved, awaiting, denied, in_status, records
from tests.services.observed import ObservedJobs
from tests.services.refusing import attempt, of_refusals, refusals
from tests.services.world import World
from tests.storage.redis_under_test import assert_sound_chain, open_store

NOBODY = [f"nobody-{number}" for number in range(1_000)]


class Counted(ObservedJobs):
    """It counts the questions about the bound too, and some records fail."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.refusing: dict[int, JobctlError] = {}

    def admit_refusals(self, wanted: int, *, at_most: int) -> Admission:
        self._meet("admit_refusals")
        admission: Admission = self._store.admit_refusals(wanted, at_most=at_most)
        return admission

    def apply_all(self, mutations: Any) -> Any:
        self._meet("apply_all")
        return [self.refusing.get(place) or self._one(one) for place, one in enumerate(mutations)]

    def _one(self, mutation: Mutation) -> Applied:
        applied: Applied = self._store.apply(mutation)
        return applied


def next_minute(world: World) -> None:
    """As when the key expires."""
    assert world.redis.raw.delete(world.redis.keys.refusals) == 1


@pytest.mark.parametrize("verb", ["approve", "delete"])
def test_a_flood_leaves_no_more_records_than_the_bound(verb: str, world: World) -> None:
    jobs = Counted(world)
    found = attempt(verb, world, *NOBODY, jobs=jobs, refusals=refusals(world, jobs=jobs))
    assert len(found) == len(NOBODY)
    assert all(isinstance(one, NotFoundError) for one in found)
    recorded = of_refusals(world, ("job_id",))
    assert recorded == [(one,) for one in NOBODY[:REFUSALS_A_MINUTE]]
    assert jobs.calls["admit_refusals"] == len(NOBODY) / 100
    assert jobs.calls["apply_all"] == 1
    left_out = world.redis.raw.get(world.redis.keys.refusals_left_out)
    assert int(left_out) == len(NOBODY) - REFUSALS_A_MINUTE
    assert_sound_chain(world.redis.audit())


def test_the_next_record_says_once_how_many_were_left_out(world: World) -> None:
    attempt("cancel", world, *NOBODY)
    next_minute(world)
    attempt("deny", world, "job-1", "job-2")
    *_, first, second = of_refusals(world, ("action", "summary"))
    assert first == (
        "deny-refused",
        "not_found: no such job; 940 refused before it were left out",
    )
    assert second == ("deny-refused", "not_found: no such job")


def test_deletions_are_recorded_before_the_last_one_is_told(world: World) -> None:
    in_status(world, "failed")
    assert attempt("delete", world, "nobody", "job-1") != [None, None]
    actions = [one["action"] for one in records(world)]
    assert sorted(actions) == ["delete", "delete-intent", "delete-refused"]


def test_where_all_is_well_nobody_asks_about_the_bound(world: World) -> None:
    awaiting(world)
    jobs = Counted(world)
    assert attempt("approve", world, "job-1", jobs=jobs, refusals=refusals(world, jobs=jobs))
    assert jobs.calls == {"read": 1, "queue_entries": 1, "apply_all": 1}


Failure = Callable[[Counted, JobctlError], None]


def _of_the_question(jobs: Counted, error: JobctlError) -> None:
    jobs.fail("admit_refusals", 1, error)


def _of_all_records(jobs: Counted, error: JobctlError) -> None:
    jobs.fail("apply_all", 1, error)


def _of_each_record(jobs: Counted, error: JobctlError) -> None:
    jobs.refusing = dict.fromkeys(range(100), error)


@pytest.mark.parametrize("failure", [_of_the_question, _of_all_records, _of_each_record])
@pytest.mark.parametrize("kind", [UnavailableError, NotPermittedError, ConflictError])
@pytest.mark.parametrize("verb", ["deny", "delete"])
def test_a_refusal_stands_where_it_cannot_be_recorded(
    verb: str, kind: type[JobctlError], failure: Failure, world: World,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    in_status(world, "processing")
    jobs = Counted(world)
    failure(jobs, kind("Redis is gone"))
    caplog.set_level("INFO", "jobctl")
    (error,) = attempt(verb, world, "job-1", jobs=jobs, refusals=refusals(world, jobs=jobs))
    assert isinstance(error, ConflictError)
    assert error.message.startswith("job job-1 is processing")
    assert world.redis.audit() == []
    assert [one.getMessage() for one in caplog.records if "refused" in one.getMessage()] == [
        "no record of 1 refused attempt: Redis is gone"
    ]


def test_what_could_not_be_recorded_is_counted_for_the_next_one(world: World) -> None:
    attempt("deny", world, *NOBODY[:70])
    next_minute(world)
    jobs = Counted(world)
    jobs.refusing = {0: ConflictError("x"), 2: UnavailableError("x"), 3: NotPermittedError("x")}
    attempt("deny", world, *"abcde", jobs=jobs, refusals=refusals(world, jobs=jobs))
    attempt("deny", world, "last")
    assert of_refusals(world, ("job_id", "summary"))[REFUSALS_A_MINUTE:] == [
        ("b", "not_found: no such job"),
        ("e", "not_found: no such job"),
        ("last", "not_found: no such job; 13 refused before it were left out"),
    ]


def test_one_whose_outcome_is_unknown_is_not_counted_as_left_out(world: World) -> None:
    jobs = Counted(world)
    jobs.refusing = {0: OutcomeUnknownError("lost", op_id="x")}
    attempt("deny", world, "nobody", jobs=jobs, refusals=refusals(world, jobs=jobs))
    assert not world.redis.raw.exists(world.redis.keys.refusals_left_out)


def test_several_at_once_share_the_bound_and_decide_each_job_once(world: World) -> None:
    """The losers of every race are refused, whichever of the verbs was faster."""
    ids = [f"job-{number}" for number in range(20)]
    for job_id in ids:
        awaiting(world, job_id)
    verbs = [approved, denied] * 3
    barrier = Barrier(len(verbs), timeout=60)

    def process(number: int) -> int:
        store = open_store(world.redis.url, world.redis.keys)
        barrier.wait()
        order = ids if number % 3 else ids[::-1]
        try:
            found = verbs[number](world, *order, jobs=store, refusals=refusals(world, jobs=store))
            return sum(one.error is not None for one in found)
        finally:
            store.close()

    with ThreadPoolExecutor(len(verbs)) as pool:
        refused = sum(pool.map(process, range(len(verbs))))
    assert refused == len(ids) * 3
    counted = Counter(one["action"] for one in records(world))
    assert counted["approve"] + counted["deny"] == len(ids)
    assert counted["approve-refused"] + counted["deny-refused"] == REFUSALS_A_MINUTE
    left_out = world.redis.raw.get(world.redis.keys.refusals_left_out) or 0
    assert int(left_out) == refused - REFUSALS_A_MINUTE
    assert_sound_chain(world.redis.audit())
