"""`update`: exactly one change or none, based on the status that was read."""

import json
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest

from jobctl.domain.status import TERMINAL, JobStatus, TtlPolicy, worker_moves_from
from jobctl.errors import ConflictError, ExitCode, InvalidUsageError, NotFoundError
from jobctl.services.operations import Operation
from jobctl.services.ports import JobStore
from jobctl.services.update import PROTECTED_FIELDS, UpdateJob, UpdatePolicy, update
from tests.services.world import InterruptedJobs, World
from tests.storage.redis_under_test import approval_token

POLICY = UpdatePolicy(
    ttl=TtlPolicy(
        completed=timedelta(days=11),
        failed=timedelta(days=12),
        active=timedelta(days=5),
    ),
    approval_timeout=timedelta(hours=4),
)
TOKEN = "the-approval-token"


def run(
    world: World, job_id: str = "job-1", *, jobs: JobStore | None = None, **options: Any
) -> Operation:
    request = UpdateJob(job_id=job_id, actor="tester", op_id=world.op_id(), **options)
    found = update(request, jobs=jobs or world.redis.store, policy=POLICY)
    [operation] = found
    return operation


def ttl_of(world: World) -> timedelta:
    return timedelta(seconds=world.redis.raw.ttl(world.redis.keys.job("job-1")))


def near(actual: timedelta, wanted: timedelta) -> bool:
    return timedelta(0) <= wanted - actual <= timedelta(seconds=5)


def test_update_writes_fields_time_index_and_audit(world: World) -> None:
    world.redis.write_job(status="processing", started_at="2026-03-01T12:00:00+00:00")
    operation = run(world, fields={"percentage": 40, "summary": "Ada Lovelace"})
    assert (operation.changed, operation.error) == (True, None)
    assert (operation.previous_status, operation.status) == ("processing", "processing")
    stored = world.redis.hash()
    assert (stored["percentage"], stored["summary"]) == ("40", "Ada Lovelace")
    assert stored["status"] == "processing"
    moment = datetime.fromisoformat(stored["updated_at"]).timestamp()
    assert abs(world.redis.raw.zscore(world.redis.keys.index, "job-1") - moment) < 1e-3
    [(_, record)] = world.redis.audit()
    assert record["op_id"] == operation.op_id
    assert "percentage" in record["summary"]
    assert "Ada" not in json.dumps(record)


@pytest.mark.parametrize(("old", "new"), list(product(JobStatus, JobStatus)))
def test_update_makes_the_moves_of_the_table_and_no_other(
    world: World, old: JobStatus, new: JobStatus
) -> None:
    world.redis.write_job(status=old.value)
    before = world.redis.everything()
    operation = run(world, status=new)
    if new is old or new in worker_moves_from(old):
        assert operation.changed
        assert world.redis.hash()["status"] == new.value
    else:
        assert isinstance(operation.error, ConflictError)
        assert old.value in operation.error.message
        assert world.redis.everything() == before


def test_nothing_leaves_an_unknown_status(world: World) -> None:
    world.redis.write_job(status="paused")
    before = world.redis.everything()
    assert isinstance(run(world, status=JobStatus.FAILED).error, ConflictError)
    assert world.redis.everything() == before
    assert run(world, fields={"summary": "x"}).changed
    assert world.redis.hash()["status"] == "paused"


def test_an_alias_moves_as_what_it_means(world: World) -> None:
    world.redis.write_job(status="RUNNING")
    operation = run(world, status=JobStatus.COMPLETED)
    assert (operation.changed, operation.previous_status) == (True, "processing")
    assert world.redis.hash()["status"] == "completed"
    assert world.redis.audit()[0][1]["from"] == "RUNNING"


def test_expect_status_must_be_the_status(world: World) -> None:
    world.redis.write_job(status="running")
    before = world.redis.everything()
    wrong = run(world, status=JobStatus.COMPLETED, expect_status=JobStatus.QUEUED)
    assert isinstance(wrong.error, ConflictError)
    assert world.redis.everything() == before
    right = run(world, status=JobStatus.COMPLETED, expect_status=JobStatus.PROCESSING)
    assert right.changed


def test_a_status_that_changes_between_reading_and_writing_is_a_conflict(world: World) -> None:
    world.redis.write_job(status="processing")
    jobs = InterruptedJobs(world)
    key = world.redis.keys.job("job-1")
    jobs.before["update"] = lambda: world.redis.raw.hset(key, "status", "cancelled")
    operation = run(world, jobs=jobs, status=JobStatus.COMPLETED)
    assert isinstance(operation.error, ConflictError)
    assert world.redis.hash()["status"] == "cancelled"
    assert world.redis.audit() == []


def test_a_job_that_expires_between_reading_and_writing_is_not_brought_back(world: World) -> None:
    world.redis.write_job()
    jobs = InterruptedJobs(world)
    jobs.before["update"] = lambda: world.redis.raw.delete(world.redis.keys.job("job-1"))
    assert isinstance(run(world, jobs=jobs, fields={"summary": "x"}).error, ConflictError)
    assert world.redis.hash() == {}


@pytest.mark.parametrize("name", sorted(PROTECTED_FIELDS))
def test_update_refuses_a_protected_field(world: World, name: str) -> None:
    world.redis.write_job()
    before = world.redis.everything()
    with pytest.raises(InvalidUsageError, match=name):
        run(world, fields={"summary": "x", name: "y"})
    assert world.redis.everything() == before


@pytest.mark.parametrize(
    "name", ["status", "job_id", "approval_token", "jobctl_op", "cleanup_state", "s3_key"]
)
def test_identity_decisions_and_the_document_are_protected(name: str) -> None:
    """`s3_key` decides which dotted document a deletion takes along."""
    assert name in PROTECTED_FIELDS


def test_nothing_to_update_is_refused(world: World) -> None:
    with pytest.raises(InvalidUsageError, match="nothing to update"):
        run(world)


def test_an_unknown_job_is_not_found(world: World) -> None:
    operation = run(world, "nope", fields={"summary": "x"})
    assert isinstance(operation.error, NotFoundError)
    assert operation.error.exit_code == ExitCode.NOT_FOUND
    assert world.redis.everything() == {}


def test_a_dry_run_changes_nothing_and_checks_everything(world: World) -> None:
    world.redis.write_job(status="processing")
    before = world.redis.everything()
    operation = run(world, status=JobStatus.COMPLETED, dry_run=True)
    assert (operation.changed, operation.op_id) == (False, None)
    assert (operation.previous_status, operation.status) == ("processing", "completed")
    assert isinstance(run(world, status=JobStatus.QUEUED, dry_run=True).error, ConflictError)
    assert world.redis.everything() == before


def test_a_started_job_gets_the_time_of_its_start_once(world: World) -> None:
    world.redis.write_job(status="queued")
    run(world, status=JobStatus.PROCESSING)
    started = world.redis.hash()["started_at"]
    assert started == world.redis.hash()["updated_at"]
    run(world, status=JobStatus.PROCESSING, fields={"percentage": 1})
    assert world.redis.hash()["started_at"] == started


@pytest.mark.parametrize("end", [JobStatus.COMPLETED, JobStatus.FAILED])
def test_an_ended_job_gets_the_time_of_its_end_and_the_lifetime_of_its_status(
    world: World, end: JobStatus
) -> None:
    world.redis.write_job(status="processing")
    run(world, status=end)
    stored = world.redis.hash()
    assert stored["completed_at"] == stored["updated_at"]
    assert near(ttl_of(world), POLICY.ttl.lifetime(end))


def test_a_given_lifetime_wins(world: World) -> None:
    world.redis.write_job(status="processing")
    run(world, status=JobStatus.COMPLETED, ttl=timedelta(hours=1))
    assert near(ttl_of(world), timedelta(hours=1))


def test_a_change_of_fields_alone_keeps_the_lifetime(world: World) -> None:
    world.redis.write_job(ttl=1000)
    run(world, fields={"summary": "x"})
    assert near(ttl_of(world), timedelta(seconds=1000))


def test_a_record_without_a_lifetime_gets_one(world: World) -> None:
    world.redis.write_job()
    world.redis.raw.persist(world.redis.keys.job("job-1"))
    run(world, fields={"summary": "x"})
    assert near(ttl_of(world), timedelta(days=5))


def test_asking_for_approval_issues_token_deadline_and_queue_entry(world: World) -> None:
    world.redis.write_job(status="pii_scanning", s3_key="temp/job-1.pdf")
    run(world, status=JobStatus.AWAITING_APPROVAL)
    keys, raw, stored = world.redis.keys, world.redis.raw, world.redis.hash()
    token = stored["approval_token"]
    assert raw.get(keys.token(approval_token(token))) == "job-1"
    expires = datetime.fromisoformat(stored["approval_expires_at"])
    assert expires - datetime.fromisoformat(stored["updated_at"]) == timedelta(hours=4)
    assert abs(raw.zscore(keys.deadlines, "job-1") - expires.timestamp()) < 1e-3
    [entry] = raw.lrange(keys.approval_queue, 0, -1)
    assert json.loads(entry)["approval_token"] == token


def test_leaving_approval_takes_token_deadline_and_queue_entry_away(world: World) -> None:
    keys, raw = world.redis.keys, world.redis.raw
    world.redis.write_job(status="awaiting_approval", approval_token=TOKEN)
    raw.set(keys.token(approval_token(TOKEN)), "job-1")
    raw.zadd(keys.deadlines, {"job-1": 1})
    raw.lpush(keys.approval_queue, '{"job_id": "job-1"}', '{"job_id": "job-2"}')
    assert run(world, status=JobStatus.FAILED).changed
    assert not raw.exists(keys.token(approval_token(TOKEN)), keys.deadlines)
    assert raw.lrange(keys.approval_queue, 0, -1) == ['{"job_id": "job-2"}']
    assert "approval_token" not in world.redis.hash()


def test_staying_in_approval_keeps_all_that_belongs_to_it(world: World) -> None:
    keys, raw = world.redis.keys, world.redis.raw
    world.redis.write_job(status="awaiting_approval", approval_token=TOKEN)
    raw.set(keys.token(approval_token(TOKEN)), "job-1")
    raw.zadd(keys.deadlines, {"job-1": 1})
    assert run(world, status=JobStatus.AWAITING_APPROVAL, fields={"summary": "x"}).changed
    assert raw.get(keys.token(approval_token(TOKEN))) == "job-1"
    assert raw.zscore(keys.deadlines, "job-1") == 1
    assert world.redis.hash()["approval_token"] == TOKEN


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_fields_of_an_ended_job_can_still_be_corrected(world: World, status: JobStatus) -> None:
    world.redis.write_job(status=status.value)
    assert run(world, fields={"summary": "x"}).changed
    assert world.redis.hash()["status"] == status.value


def test_a_cancelled_job_that_is_stored_as_failed_keeps_its_encoding(world: World) -> None:
    cancelled: dict[str, Any] = {"status": "failed", "error_message": "Job cancelled by user"}
    world.redis.write_job(**cancelled)
    operation = run(world, fields={"metadata": {"a": 1}})
    assert (operation.changed, operation.previous_status) == (True, "cancelled")
    assert world.redis.hash()["status"] == "failed"


def test_a_job_that_is_being_deleted_is_not_changed(world: World) -> None:
    world.redis.write_job(status="failed", cleanup_state="deleting")
    before = world.redis.everything()
    assert isinstance(run(world, fields={"summary": "x"}).error, ConflictError)
    assert world.redis.everything() == before
