"""Many writers at once: the chain stays whole, and no change is lost or made twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from jobctl.domain.status import JobStatus
from jobctl.errors import ChangedMeanwhileError, ConflictError, JobctlError
from jobctl.services.ports import Applied
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    RedisUnderTest,
    assert_sound_chain,
    change,
    creation,
    open_store,
    redis_under_test,
    removal,
)

WRITERS = 8


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


def test_eight_writers_with_jobs_of_their_own_lose_nothing(under_test: RedisUnderTest) -> None:
    each = 25

    def write(writer: int) -> list[str]:
        store = open_store(under_test.url, under_test.keys)
        name = f"job-{writer}"
        first = creation(name)
        mutations = [first] + [change(name, fields={f"f{n}": "x"}) for n in range(each - 1)]
        applied = [store.apply(mutation) for mutation in mutations]
        store.close()
        assert not any(one.replayed for one in applied)
        return [one.op_id for one in applied]

    with ThreadPoolExecutor(WRITERS) as pool:
        made = [op_id for ops in pool.map(write, range(WRITERS)) for op_id in ops]

    trail = under_test.audit()
    assert len(trail) == WRITERS * each
    assert_sound_chain(trail)
    assert sorted(fields["op_id"] for _, fields in trail) == sorted(made)
    for writer in range(WRITERS):
        assert {f"f{n}" for n in range(each - 1)} <= set(under_test.hash(f"job-{writer}"))


def test_of_eight_decisions_on_one_job_one_is_made(under_test: RedisUnderTest) -> None:
    under_test.write_job(status="awaiting_approval")

    def decide(number: int) -> bool:
        store = open_store(under_test.url, under_test.keys)
        status = JobStatus.PROCESSING_QUEUED if number % 2 else JobStatus.DENIED
        try:
            store.apply(
                change(
                    expected_status="awaiting_approval",
                    to_status=status,
                    fields={"status": status.value},
                    push_processing="entry" if number % 2 else None,
                )
            )
        except ConflictError:
            return False
        finally:
            store.close()
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(decide, range(WRITERS))) == 1
    [(_, fields)] = under_test.audit()
    assert under_test.hash()["status"] == fields["to"]
    queued = under_test.raw.llen(under_test.keys.processing_queue)
    assert queued == (fields["to"] == "processing_queued")


def test_of_eight_creators_of_one_id_one_succeeds(under_test: RedisUnderTest) -> None:
    def create(_: int) -> bool:
        store = open_store(under_test.url, under_test.keys)
        try:
            store.apply(creation())
        except ConflictError:
            return False
        finally:
            store.close()
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        assert sum(pool.map(create, range(WRITERS))) == 1
    assert under_test.actions() == ["create"]


def test_a_batch_is_chained_and_a_refused_one_stops_no_other(under_test: RedisUnderTest) -> None:
    for number in range(6):
        under_test.write_job(f"job-{number}", status="failed" if number == 3 else "queued")
    outcomes = under_test.store.apply_all([change(f"job-{number}") for number in range(6)])
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Applied, Applied, Applied, ChangedMeanwhileError, Applied, Applied]
    jobs = [fields["job_id"] for _, fields in under_test.audit()]
    assert sorted(jobs) == ["job-0", "job-1", "job-2", "job-4", "job-5"]
    assert_sound_chain(under_test.audit())


def test_batches_of_several_writers_lose_nothing(under_test: RedisUnderTest) -> None:
    def write(writer: int) -> int:
        store = open_store(under_test.url, under_test.keys)
        outcomes = store.apply_all([creation(f"job-{writer}-{number}") for number in range(40)])
        store.close()
        return sum(isinstance(outcome, Applied) for outcome in outcomes)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(4))) == [40] * 4
    assert len(under_test.audit()) == 160
    assert_sound_chain(under_test.audit())


def test_a_batch_that_was_chained_to_an_outdated_head_does_not_break_the_chain(
    under_test: RedisUnderTest,
) -> None:
    """Its second record expects an entry number that somebody else's record has meanwhile."""
    under_test.store.apply(creation("job-0"))
    open_store(under_test.url, under_test.keys).apply(creation("job-1"))
    under_test.store.apply_all([creation(f"job-{number}") for number in (2, 3, 4)])
    assert len(under_test.audit()) == 5
    assert_sound_chain(under_test.audit())


def test_a_batch_with_the_same_job_twice_makes_what_still_fits(under_test: RedisUnderTest) -> None:
    under_test.write_job(status="failed")
    outcomes = under_test.store.apply_all([removal(), removal()])
    assert isinstance(outcomes[0], Applied)
    assert isinstance(outcomes[1], ChangedMeanwhileError)


def test_an_empty_batch_is_nothing(under_test: RedisUnderTest) -> None:
    assert list(under_test.store.apply_all([])) == []
    assert under_test.everything() == {}


def test_what_a_batch_has_changed_is_told_even_if_the_rest_cannot_be(
    under_test: RedisUnderTest,
) -> None:
    """One record in the batch is of a wrong type: it alone is the problem."""
    for number in range(3):
        under_test.write_job(f"job-{number}")
    key = under_test.keys.job("job-1")
    under_test.raw.delete(key)
    under_test.raw.set(key, "not a record")
    outcomes = under_test.store.apply_all([change(f"job-{number}") for number in range(3)])
    assert isinstance(outcomes[0], Applied)
    assert isinstance(outcomes[1], JobctlError)
    assert isinstance(outcomes[2], Applied)
    assert [fields["job_id"] for _, fields in under_test.audit()] == ["job-0", "job-2"]
