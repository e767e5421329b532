"""The sweeps `approvals`, `stuck` and `index`."""

import json
from datetime import timedelta

import pytest

from jobctl.domain.status import JobStatus
from tests.services.cleaning import (
    DAY,
    STUCK_AFTER,
    actions_on,
    done,
    job_of_the_past,
    planned,
    revive,
    swept,
)
from tests.services.deciding import (
    TTL,
    awaiting,
    contents,
    denied,
    lives,
    neighbours,
    only,
    server_time,
    token_key,
    token_of,
)
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, RESULTS, World


def _late(world: World, job_id: str = "job-1") -> None:
    awaiting(world, job_id, approval_expires_at=(server_time(world) - DAY).isoformat())


def test_an_approval_that_has_expired_fails_and_leaves_no_trace_of_the_question(
    world: World,
) -> None:
    _late(world)
    neighbours(world)
    world.put(DOCUMENTS, "temp/job-1/a.png", "job-1/pages/1.png")
    before = contents(world)
    report, [operation] = swept(world)
    after = contents(world)
    assert (operation.id, operation.status, operation.objects) == ("job-1", "failed", 3)
    assert report.exit_code == 0
    record = after["job:job-1"]
    assert (record["status"], record["error_message"]) == ("failed", "Approval timed out")
    assert not {"approval_token", "cleanup_state"} & record.keys()
    assert record["of_another_service"] == "kept"
    assert record["completed_at"] == record["updated_at"]
    assert lives(world, TTL.lifetime(JobStatus.FAILED))
    assert not world.redis.raw.exists(token_key(world, token_of("job-1")))
    assert after["timeouts:approval"].keys() == {"job-10"}
    gone = [text for text in before["queue:approval"] if text not in after["queue:approval"]]
    assert [json.loads(text)["job_id"] for text in gone] == ["job-1"]
    assert after["queue:processing"] == before["queue:processing"]
    assert world.keys_in(DOCUMENTS) == {"temp/job-1-other.pdf", "temp/job-10.pdf"}
    assert actions_on(world, "job-1") == ["time-out", "time-out-cleanup"]
    assert after["job:job-10"] == before["job:job-10"]


def test_an_approval_without_a_date_of_its_own_goes_by_its_deadline(world: World) -> None:
    awaiting(world, "job-1", approval_expires_at=None)
    world.redis.raw.zadd(world.redis.keys.deadlines, {"job-1": 1.0})
    assert done(swept(world)[1]) == [("job-1", "time-out")]


def test_a_decision_that_comes_first_stands(world: World) -> None:
    _late(world)
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, lambda: revive(world, "job-1", "processing_queued"))
    _, [operation] = swept(world, jobs=jobs)
    assert not operation.changed
    assert world.redis.hash()["status"] == "processing_queued"
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}


@pytest.mark.parametrize("job", ["denied", "timed out"])
def test_documents_that_an_ending_has_left_are_deleted_by_the_next_run(
    world: World, job: str
) -> None:
    world.objects.broken.add("delete")
    if job == "denied":
        awaiting(world)
        assert only(denied(world, "job-1")).error
    else:
        _late(world)
        report, [operation] = swept(world)
        assert report.exit_code == 3
        assert operation.changed
    assert world.redis.hash()["cleanup_state"] == "pending"
    world.objects.broken.clear()
    report, operations = swept(world)
    assert done(operations) == [("job-1", "time-out")]
    assert report.exit_code == 0
    assert world.keys_in(DOCUMENTS) == set()
    assert "cleanup_state" not in world.redis.hash()
    first = "deny" if job == "denied" else "time-out"
    assert actions_on(world, "job-1") == [first, f"{first}-cleanup"]


@pytest.mark.parametrize("status", ["pii_scanning", "processing", "processing_queued"])
def test_a_stuck_job_fails_and_keeps_its_documents(world: World, status: str) -> None:
    job_of_the_past(world, "job-1", status, age=STUCK_AFTER + timedelta(minutes=1))
    queue = world.redis.keys.processing_queue
    world.redis.raw.lpush(queue, '{"job_id": "job-1"}', '{"job_id": "job-2"}')
    report, [operation] = swept(world)
    assert (operation.action, operation.previous_status) == ("fail-stuck", status)
    assert report.exit_code == 0
    record = world.redis.hash()
    assert record["status"] == "failed"
    assert record["error_message"].startswith("Stuck: ")
    assert lives(world, TTL.lifetime(JobStatus.FAILED))
    assert world.redis.raw.lrange(queue, 0, -1) == ['{"job_id": "job-2"}']
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
    assert actions_on(world, "job-1") == ["fail-stuck"]
    assert swept(world)[1] == []


def test_a_worker_that_reports_in_the_last_moment_is_not_stuck(world: World) -> None:
    job_of_the_past(world, "job-1", "processing", age=DAY)
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, lambda: revive(world, "job-1"))
    _, [operation] = swept(world, jobs=jobs)
    assert (operation.changed, operation.error) == (False, None)
    assert world.redis.hash()["status"] == "processing"


def _ghost(world: World, job_id: str = "job-1") -> None:
    job_of_the_past(world, job_id)
    world.redis.raw.delete(world.redis.keys.job(job_id))


def test_a_record_that_has_expired_leaves_neither_its_entry_nor_its_documents(
    world: World,
) -> None:
    keys, raw = world.redis.keys, world.redis.raw
    _ghost(world)
    world.put(DOCUMENTS, "temp/job-1/a.png", "temp/job-1-other.pdf")
    world.put(RESULTS, "results/job-1/out.md")
    raw.zadd(keys.deadlines, {"job-1": 1.0})
    for queue in (keys.approval_queue, keys.processing_queue):
        raw.lpush(queue, '{"job_id": "job-1"}', '{"job_id": "job-2"}')
    report, [operation] = swept(world)
    assert (operation.changed, operation.objects, report.exit_code) == (True, 2, 0)
    assert raw.zrange(keys.index, 0, -1) == raw.zrange(keys.deadlines, 0, -1) == []
    for queue in (keys.approval_queue, keys.processing_queue):
        assert raw.lrange(queue, 0, -1) == ['{"job_id": "job-2"}']
    assert world.keys_in(DOCUMENTS) == {"temp/job-1-other.pdf"}
    assert world.keys_in(RESULTS) == {"results/job-1/out.md"}
    assert actions_on(world, "job-1") == ["prune-intent", "prune"]


def test_an_entry_without_documents_needs_no_intent(world: World) -> None:
    _ghost(world)
    world.objects.delete(DOCUMENTS, ["temp/job-1.pdf"])
    assert done(swept(world)[1]) == [("job-1", "prune")]
    assert actions_on(world, "job-1") == ["prune"]


def test_a_record_that_comes_back_while_its_documents_are_looked_for_keeps_them(
    world: World,
) -> None:
    _ghost(world)
    world.objects.before["list"] = lambda: revive(world, "job-1")
    report, [operation] = swept(world)
    assert operation.error is not None
    assert report.exit_code == 5
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
    assert world.redis.hash()["status"] == "processing"
    assert actions_on(world, "job-1") == []


def test_a_record_that_came_back_before_is_no_failure(world: World) -> None:
    _ghost(world)
    plan = planned(world)
    revive(world, "job-1")
    report, [operation] = swept(world, plan)
    assert (operation.changed, report.exit_code) == (False, 0)
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}


def test_an_entry_stays_while_its_documents_cannot_be_deleted(world: World) -> None:
    _ghost(world)
    world.objects.stuck.add("temp/job-1.pdf")
    report, [operation] = swept(world)
    assert operation.error is not None
    assert report.exit_code == 3
    assert world.redis.raw.zscore(world.redis.keys.index, "job-1") is not None
    world.objects.stuck.clear()
    assert done(swept(world)[1]) == [("job-1", "prune")]
    assert world.keys_in(DOCUMENTS) == set()


def test_a_job_whose_key_is_no_hash_is_no_expired_record(world: World) -> None:
    _ghost(world)
    world.redis.raw.set(world.redis.keys.job("job-1"), "something else")
    assert swept(world)[1] == []
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
