"""`create`: the document first, its record second, and neither without the other."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from jobctl.domain.status import JobStatus
from jobctl.errors import (
    ConflictError,
    JobctlError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
)
from jobctl.services.create import INITIAL_STATUSES, CreateJob, create
from jobctl.services.operations import CreatedJob
from jobctl.services.ports import JobStore
from tests.services.world import BODY, DOCUMENTS, InterruptedJobs, World
from tests.storage.redis_under_test import approval_token


def make(
    world: World, request: CreateJob, *, jobs: JobStore | None = None, pushes: bool = True
) -> CreatedJob:
    policy = world.policy(pushes_to_queue=pushes)
    return create(request, jobs=jobs or world.redis.store, objects=world.objects, policy=policy)


def test_create_uploads_the_document_and_writes_the_record(world: World) -> None:
    fields: dict[str, object] = {"document_type": "invoice", "priority": None, "max_rounds": 3}
    request = world.creation(fields=fields)
    made = make(world, request)
    assert (made.created, made.dry_run, made.op_id) == (True, False, request.op_id)
    assert made.document == str(world.root / DOCUMENTS / "temp/job-1.pdf")
    assert (world.root / DOCUMENTS / "temp/job-1.pdf").read_bytes() == BODY
    stored = world.redis.hash()
    assert stored.pop("created_at") == stored.pop("updated_at")
    assert stored == {
        "job_id": "job-1",
        "s3_key": "temp/job-1.pdf",
        "status": "queued",
        "max_rounds": "3",
        "created_by": "tester",
        "document_type": "invoice",
        "file_size": str(len(BODY)),
        "original_filename": "scan.pdf",
        "jobctl_request": request.digest,
        "jobctl_op": request.op_id,
    }
    assert made.job.s3_key == "temp/job-1.pdf"
    assert world.redis.actions() == ["create"]


@pytest.mark.parametrize("status", INITIAL_STATUSES)
def test_a_created_record_expires_and_is_indexed(world: World, status: JobStatus) -> None:
    make(world, world.creation(status=status))
    key = world.redis.keys.job("job-1")
    assert 0 <= timedelta(days=3).total_seconds() - world.redis.raw.ttl(key) <= 5
    score = world.redis.raw.zscore(world.redis.keys.index, "job-1")
    moment = datetime.fromisoformat(world.redis.hash()["updated_at"])
    assert abs(moment.timestamp() - score) < 1e-3
    assert world.redis.hash()["status"] == status.value


def test_the_time_of_a_record_is_the_servers(world: World) -> None:
    seconds, _ = world.redis.raw.time()
    make(world, world.creation())
    moment = datetime.fromisoformat(world.redis.hash()["created_at"])
    assert seconds <= moment.timestamp() <= seconds + 5


def test_awaiting_approval_issues_token_deadline_and_queue_entry(world: World) -> None:
    make(world, world.creation(status=JobStatus.AWAITING_APPROVAL))
    keys, raw, stored = world.redis.keys, world.redis.raw, world.redis.hash()
    token = stored["approval_token"]
    assert len(token) >= 43
    assert raw.get(keys.token(approval_token(token))) == "job-1"
    assert 0 <= 4 * 3600 - raw.ttl(keys.token(approval_token(token))) <= 5
    expires = datetime.fromisoformat(stored["approval_expires_at"])
    assert expires - datetime.fromisoformat(stored["created_at"]) == timedelta(hours=4)
    assert abs(raw.zscore(keys.deadlines, "job-1") - expires.timestamp()) < 1e-3
    [entry] = raw.lrange(keys.approval_queue, 0, -1)
    assert json.loads(entry) == {
        "job_id": "job-1",
        "s3_key": "temp/job-1.pdf",
        "pii_findings": [],
        "approval_token": token,
        "expires_at": stored["approval_expires_at"],
    }
    assert not raw.exists(keys.processing_queue)
    [(_, record)] = world.redis.audit()
    assert token not in json.dumps(record)


def test_each_approval_has_a_token_of_its_own(world: World) -> None:
    for name in ("job-1", "job-2"):
        make(world, world.creation(name, status=JobStatus.AWAITING_APPROVAL))
    tokens = {world.redis.hash(name)["approval_token"] for name in ("job-1", "job-2")}
    assert len(tokens) == 2


@pytest.mark.parametrize("pushes", [True, False])
def test_processing_queued_pushes_the_queue_where_that_is_the_hand_off(
    world: World, pushes: bool
) -> None:
    make(world, world.creation(status=JobStatus.PROCESSING_QUEUED), pushes=pushes)
    entries = world.redis.raw.lrange(world.redis.keys.processing_queue, 0, -1)
    assert len(entries) == int(pushes)
    for entry in entries:
        parsed = json.loads(entry)
        assert (parsed["job_id"], parsed["s3_key"]) == ("job-1", "temp/job-1.pdf")
        assert parsed["approved_at"] == world.redis.hash()["created_at"]
    assert not world.redis.raw.exists(world.redis.keys.approval_queue)


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.PII_SCANNING])
def test_other_statuses_push_nothing(world: World, status: JobStatus) -> None:
    make(world, world.creation(status=status))
    keys = world.redis.keys
    assert not world.redis.raw.exists(keys.processing_queue, keys.approval_queue, keys.deadlines)


def test_the_same_request_again_changes_nothing(world: World) -> None:
    first = world.creation(status=JobStatus.AWAITING_APPROVAL, fields={"a": "1", "b": "2"})
    make(world, first)
    before = world.redis.everything()
    again = world.creation(status=JobStatus.AWAITING_APPROVAL, fields={"b": "2", "a": "1"})
    made = make(world, again)
    assert (made.created, made.op_id) == (False, first.op_id)
    assert made.job.id == "job-1"
    assert world.redis.everything() == before


@pytest.mark.parametrize(
    "other",
    [
        {"status": JobStatus.PII_SCANNING},
        {"fields": {"document_type": "letter"}},
        {"document": "temp/other.pdf"},
    ],
)
def test_another_request_for_the_same_id_is_a_conflict(world: World, other: dict[str, Any]) -> None:
    make(world, world.creation())
    world.put(DOCUMENTS, "temp/other.pdf")
    before = world.redis.everything()
    with pytest.raises(ConflictError, match="exists already"):
        make(world, world.creation(**other))
    assert world.redis.everything() == before
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf", "temp/other.pdf"}


def test_another_document_for_the_same_id_is_a_conflict(world: World) -> None:
    make(world, world.creation())
    with pytest.raises(ConflictError, match="exists already"):
        make(world, world.creation(document=world.document(b"other", "scan.docx")))
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
    assert (world.root / DOCUMENTS / "temp/job-1.pdf").read_bytes() == BODY


def test_a_record_of_a_foreign_service_is_a_conflict(world: World) -> None:
    world.redis.write_job()
    with pytest.raises(ConflictError, match="made by another request"):
        make(world, world.creation())
    assert world.keys_in(DOCUMENTS) == set()


def test_an_object_with_other_content_is_left_as_it_is(world: World) -> None:
    world.put(DOCUMENTS, "temp/job-1.pdf", body=b"somebody else's")
    with pytest.raises(ConflictError, match="other content"):
        make(world, world.creation())
    assert (world.root / DOCUMENTS / "temp/job-1.pdf").read_bytes() == b"somebody else's"
    assert world.redis.everything() == {}


def test_an_object_with_the_same_content_is_taken_over(world: World) -> None:
    world.put(DOCUMENTS, "temp/job-1.pdf")
    assert make(world, world.creation()).created
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}


def test_an_object_that_is_there_already_is_registered_by_its_key(world: World) -> None:
    world.put(DOCUMENTS, "inbox/a.pdf")
    made = make(world, world.creation(document="inbox/a.pdf"))
    assert made.document == str(world.root / DOCUMENTS / "inbox/a.pdf")
    stored = world.redis.hash()
    assert stored["s3_key"] == "inbox/a.pdf"
    assert "file_size" not in stored
    assert world.keys_in(DOCUMENTS) == {"inbox/a.pdf"}


def test_a_key_without_an_object_is_not_found(world: World) -> None:
    with pytest.raises(NotFoundError, match=r"inbox/a\.pdf"):
        make(world, world.creation(document="inbox/a.pdf"))
    assert world.redis.everything() == {}


@pytest.mark.parametrize("status", INITIAL_STATUSES)
def test_a_dry_run_writes_nothing(world: World, status: JobStatus) -> None:
    made = make(world, world.creation(status=status, dry_run=True))
    assert (made.created, made.dry_run, made.op_id) == (False, True, None)
    assert (made.job.id, made.job.status, made.job.s3_key) == ("job-1", status, "temp/job-1.pdf")
    assert world.redis.everything() == {}
    assert world.keys_in(DOCUMENTS) == set()


@pytest.mark.parametrize(
    "failure", [UnavailableError("redis is gone"), ConflictError("held"), JobctlError("x")]
)
def test_an_upload_is_withdrawn_when_the_record_cannot_be_written(
    world: World, failure: JobctlError
) -> None:
    jobs = InterruptedJobs(world)
    jobs.failing["create"] = failure
    with pytest.raises(type(failure)) as raised:
        make(world, world.creation(), jobs=jobs)
    assert raised.value is failure
    assert world.keys_in(DOCUMENTS) == set()


def test_an_object_that_was_there_before_is_not_withdrawn(world: World) -> None:
    world.put(DOCUMENTS, "temp/job-1.pdf")
    jobs = InterruptedJobs(world)
    jobs.failing["create"] = UnavailableError("redis is gone")
    with pytest.raises(UnavailableError):
        make(world, world.creation(), jobs=jobs)
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}


def test_an_upload_stays_when_nobody_knows_whether_the_record_stands(world: World) -> None:
    jobs = InterruptedJobs(world)
    jobs.failing["create"] = OutcomeUnknownError("lost", op_id="op")
    with pytest.raises(OutcomeUnknownError):
        make(world, world.creation(), jobs=jobs)
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}


def test_a_failed_withdrawal_does_not_hide_why_the_record_could_not_be_written(
    world: World,
) -> None:
    jobs = InterruptedJobs(world)
    jobs.failing["create"] = ConflictError("the reason")
    world.objects.broken.add("delete")
    with pytest.raises(ConflictError, match="the reason"):
        make(world, world.creation(), jobs=jobs)


def test_an_upload_that_fails_leaves_no_record(world: World) -> None:
    world.objects.broken.add("put_new")
    with pytest.raises(UnavailableError):
        make(world, world.creation())
    assert world.redis.everything() == {}
