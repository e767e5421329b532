"""`status`: whole ids and unambiguous beginnings, and an error for each that is neither."""

from datetime import timedelta

import pytest

from jobctl.domain.status import JobStatus
from jobctl.errors import ExitCode, InvalidUsageError, NotFoundError
from jobctl.services.status import JobDetailsList, ShowStatus, status
from tests.services.world import World
from tests.storage.redis_under_test import AT, SCORE

UUID = "7f3c1a52-9d0e-4b7a-8a3f-0c2d4e6f8a1b"
SIBLING = "7f3c1a52-9d0e-4b7a-8a3f-0c2d4e6f8a1c"


def show(world: World, *ids: str) -> JobDetailsList:
    request = ShowStatus(ids=ids, with_errors=False, stuck_after=timedelta(hours=2))
    return status(request, jobs=world.redis.store)


def test_a_job_is_shown_with_all_that_surrounds_it(world: World) -> None:
    world.redis.write_job(status="running", total_rows="10", processed_rows="4", ttl=500)
    world.redis.raw.zadd(world.redis.keys.deadlines, {"job-1": SCORE})
    found = show(world, "job-1")
    [details] = found.items
    assert (found.missing, found.exit_code) == ((), ExitCode.DONE)
    assert details.job.status is JobStatus.PROCESSING
    assert details.progress.percentage == 40
    assert details.ttl is not None
    assert details.ttl <= timedelta(seconds=500)
    assert (details.indexed_at, details.deadline) == (AT, AT)
    seconds, _ = world.redis.raw.time()
    assert abs(details.read_at.timestamp() - seconds) < 5


def test_jobs_come_in_the_order_asked_for(world: World) -> None:
    for name in ("a", "b", "c"):
        world.redis.write_job(name)
    assert [one.job.id for one in show(world, "c", "a", "b").items] == ["c", "a", "b"]


@pytest.mark.parametrize("length", [8, 12, 35])
def test_an_unambiguous_beginning_is_enough(world: World, length: int) -> None:
    world.redis.write_job(UUID)
    world.redis.write_job("another-job")
    [details] = show(world, UUID[:length]).items
    assert details.job.id == UUID


def test_a_beginning_of_fewer_than_eight_characters_is_not_found(world: World) -> None:
    world.redis.write_job(UUID)
    [error] = show(world, UUID[:7]).missing
    assert isinstance(error, NotFoundError)
    assert error.job_id == UUID[:7]


def test_an_ambiguous_beginning_is_malformed_and_names_two(world: World) -> None:
    world.redis.write_job(UUID)
    world.redis.write_job(SIBLING)
    found = show(world, UUID[:20])
    [error] = found.missing
    assert isinstance(error, InvalidUsageError)
    assert UUID in error.message
    assert SIBLING in error.message
    assert found.exit_code == ExitCode.USAGE


def test_a_whole_id_is_never_ambiguous(world: World) -> None:
    world.redis.write_job("job-12345")
    world.redis.write_job("job-123456")
    [details] = show(world, "job-12345").items
    assert details.job.id == "job-12345"


def test_an_unknown_id_is_not_found_and_hides_no_other(world: World) -> None:
    world.redis.write_job()
    found = show(world, "nope-nope-nope", "job-1")
    assert [one.job.id for one in found.items] == ["job-1"]
    [error] = found.missing
    assert isinstance(error, NotFoundError)
    assert found.exit_code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("text", ["expired-job", "expired-"])
def test_an_expired_job_is_not_found_and_called_expired(world: World, text: str) -> None:
    world.redis.raw.zadd(world.redis.keys.index, {"expired-job": SCORE})
    [error] = show(world, text).missing
    assert isinstance(error, NotFoundError)
    assert "expired" in error.message
    assert "has expired" in error.message


def test_an_expired_whole_id_is_not_taken_for_the_beginning_of_another(world: World) -> None:
    world.redis.raw.zadd(world.redis.keys.index, {"job-12345": SCORE})
    world.redis.write_job("job-123456")
    found = show(world, "job-12345")
    assert found.items == ()
    [error] = found.missing
    assert isinstance(error, NotFoundError)
    assert "job-12345 has expired" in error.message


def test_a_job_that_is_not_indexed_is_found_by_its_whole_id_only(world: World) -> None:
    world.redis.write_job("job-12345")
    world.redis.raw.zrem(world.redis.keys.index, "job-12345")
    [details] = show(world, "job-12345").items
    assert [one.code for one in details.anomalies] == ["not_indexed"]
    assert show(world, "job-1234").items == ()


def test_a_record_that_a_late_write_brought_back_is_shown_with_its_anomalies(world: World) -> None:
    world.redis.raw.hset(world.redis.keys.job("job-1"), "processing_phase", "correction")
    [details] = show(world, "job-1").items
    codes = [one.code for one in details.anomalies]
    assert codes.count("unreadable_field") == 4
    assert codes[-2:] == ["no_ttl", "not_indexed"]
    assert details.job.shown_status == "unknown"


def test_a_foreign_record_full_of_nonsense_is_shown(world: World) -> None:
    world.redis.write_job(
        status="???",
        percentage="1e-300",
        total_rows="9" * 400,
        processed_rows="1",
        started_at="1970-01-01T00:00:00+00:00",
        estimated_duration="1e300",
        metadata="[" * 400 + "]" * 400,
        score=1e15,
    )
    [details] = show(world, "job-1").items
    assert details.job.shown_status == "???"


def test_no_ids_are_no_jobs(world: World) -> None:
    assert show(world) == JobDetailsList(items=())
