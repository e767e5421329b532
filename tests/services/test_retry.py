"""`retry`: a job begins anew, and its record remembers the attempts before."""

import json
from datetime import datetime

import pytest

from jobctl.domain.status import JobStatus
from jobctl.errors import ConflictError, ExitCode, NotFoundError, UnavailableError
from jobctl.storage.codec import decode
from tests.services.deciding import (
    ACTOR,
    STARTS,
    TTL,
    awaiting,
    contents,
    in_status,
    lives,
    neighbours,
    only,
    records,
    retried,
    snapshot,
    token_of,
)
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, World
from tests.storage.redis_under_test import assert_sound_chain

NOT_ENDED = [one for one in STARTS if one not in ("failed", "cancelled")]
OF_AN_ATTEMPT = {
    "approval_decision": json.dumps({"decision": "approved", "reviewed_by": "ada@example.edu"}),
    "approval_expires_at": "2026-03-01T14:00:00+00:00",
    "approved_at": "2026-03-01T10:00:00+00:00",
    "celery_task_id": "task-17",
    "completed_at": "2026-03-01T11:00:00+00:00",
    "confidence_score": "0.2",
    "error": "out of memory",
    "error_details": '{"page": 3}',
    "error_message": "worker died",
    "failed_rows": "1",
    "percentage": "40",
    "processed_rows": "2",
    "processing_phase": "ocr",
    "result_url": "s3://results/half.md",
    "started_at": "2026-03-01T10:30:00+00:00",
    "successful_rows": "1",
    "summary": "page 3",
}
OF_THE_JOB = {"document_name": "syllabus", "total_pages": "5", "priority": "HIGH"}


def test_retry_removes_what_the_attempt_left_and_nothing_else(world: World) -> None:
    awaiting(world, status="failed", **OF_AN_ATTEMPT, **OF_THE_JOB)
    neighbours(world)
    world.redis.raw.rpush(world.redis.keys.processing_queue, '{"job_id": "job-1", "old": true}')
    before, documents = contents(world), world.keys_in(DOCUMENTS)

    operation = only(retried(world, "job-1", reason="OCR was down"))

    after = contents(world)
    now = after["job:job-1"]["updated_at"]
    attempt = {
        "attempt": 1,
        "status": "failed",
        "error": "out of memory; worker died",
        "approved_by": "ada@example.edu",
        "started_at": "2026-03-01T10:30:00+00:00",
        "approved_at": "2026-03-01T10:00:00+00:00",
        "ended_at": "2026-03-01T11:00:00+00:00",
    }
    kept = {
        name: text
        for name, text in before["job:job-1"].items()
        if name not in {*OF_AN_ATTEMPT, "approval_token"}
    }
    expected = before | {
        "job:job-1": kept
        | {
            "status": "queued",
            "updated_at": now,
            "attempt": "2",
            "attempts": json.dumps([attempt]),
            "jobctl_op": operation.op_id,
        },
        "jobs-by-updated": before["jobs-by-updated"]
        | {"job-1": datetime.fromisoformat(now).timestamp()},
        "timeouts:approval": {"job-10": before["timeouts:approval"]["job-10"]},
        "queue:approval": [one for one in before["queue:approval"] if token_of("job-1") not in one],
        "queue:processing": before["queue:processing"][:-1],
        "audit": world.redis.audit(),
    }
    del expected[f"approval-token:{token_of('job-1')}"]
    assert after == expected
    assert world.keys_in(DOCUMENTS) == documents
    assert lives(world, TTL.lifetime(JobStatus.QUEUED))
    assert (operation.changed, operation.notes) == (True, ("attempt 2",))
    assert (operation.previous_status, operation.status) == ("failed", "queued")


def test_the_audit_record_of_a_retry_counts_the_attempt(world: World) -> None:
    in_status(world, "Timeout")
    operation = only(retried(world, "job-1", reason="OCR was down"))
    assert records(world) == [
        {
            "op_id": operation.op_id,
            "actor": ACTOR,
            "action": "retry",
            "job_id": "job-1",
            "from": "Timeout",
            "to": "queued",
            "reason": "OCR was down",
            "summary": "attempt 2",
        }
    ]
    assert_sound_chain(world.redis.audit())


@pytest.mark.parametrize("start", NOT_ENDED)
def test_retry_refuses_a_job_that_neither_failed_nor_was_cancelled(
    world: World, start: str | None
) -> None:
    in_status(world, start)
    before = snapshot(world)
    found = retried(world, "job-1")
    error = only(found).error
    assert isinstance(error, ConflictError)
    assert f"is {start or 'unknown'};" in error.message
    assert found.exit_code == ExitCode.CONFLICT
    assert snapshot(world) == before


@pytest.mark.parametrize(
    ("fields", "previous"),
    [
        ({"status": "FAILED"}, "failed"),
        ({"status": "timeout"}, "failed"),
        ({"status": "Canceled "}, "cancelled"),
        ({"status": "failed", "cancelled_at": "2026-03-01T10:00:00+00:00"}, "cancelled"),
        ({"status": "Failed", "error_message": "Job cancelled by user"}, "cancelled"),
        ({"status": "failed", "summary": "Job cancelled by user"}, "cancelled"),
    ],
)
def test_a_status_in_another_spelling_is_what_is_compared_and_set(
    world: World, fields: dict[str, str], previous: str
) -> None:
    awaiting(world, **fields)
    operation = only(retried(world, "job-1"))
    assert (operation.changed, operation.previous_status) == (True, previous)
    assert records(world)[0]["from"] == fields["status"]
    assert decode("job-1", world.redis.hash()).status is JobStatus.QUEUED


def test_an_attempt_that_is_queued_is_not_queued_again(world: World) -> None:
    in_status(world, "failed")
    assert only(retried(world, "job-1")).changed
    before = snapshot(world)
    operation = only(retried(world, "job-1"))
    assert (operation.changed, operation.error) == (False, None)
    assert operation.notes == ("attempt 2 is queued already",)
    assert snapshot(world) == before


def test_two_retries_at_once_make_one_attempt(world: World) -> None:
    in_status(world, "failed")
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, lambda: only(retried(world, "job-1")))
    operation = only(retried(world, "job-1", jobs=jobs))
    assert world.redis.actions() == ["retry"]
    assert (operation.changed, operation.error) == (False, None)
    assert world.redis.hash()["attempt"] == "2"
    assert len(json.loads(world.redis.hash()["attempts"])) == 1


def test_a_job_without_its_document_is_not_retried(world: World) -> None:
    in_status(world, "failed")
    world.objects.delete(DOCUMENTS, ["temp/job-1.pdf"])
    before = snapshot(world)
    error = only(retried(world, "job-1")).error
    assert isinstance(error, NotFoundError)
    assert "temp/job-1.pdf" in error.message
    assert snapshot(world) == before
    assert only(retried(world, "job-1", verify=False)).changed


def test_a_job_that_names_no_document_is_not_retried(world: World) -> None:
    in_status(world, "failed", s3_key=None)
    before = snapshot(world)
    assert isinstance(only(retried(world, "job-1")).error, ConflictError)
    assert snapshot(world) == before
    assert only(retried(world, "job-1", verify=False)).changed


def test_documents_that_cannot_be_asked_for_change_nothing(world: World) -> None:
    in_status(world, "failed")
    world.objects.broken.add("head")
    before = snapshot(world)
    with pytest.raises(UnavailableError):
        only(retried(world, "job-1"))
    assert snapshot(world) == before


def test_a_dry_run_of_a_retry_changes_nothing(world: World) -> None:
    in_status(world, "failed")
    before = snapshot(world)
    operation = only(retried(world, "job-1", bulk={"dry_run": True}))
    assert (operation.changed, operation.op_id, operation.status) == (False, None, "queued")
    assert snapshot(world) == before


def test_an_unknown_job_is_not_found(world: World) -> None:
    assert isinstance(only(retried(world, "nope")).error, NotFoundError)
    assert contents(world) == {}


@pytest.mark.parametrize("state", ["pending", "deleting"])
def test_retry_refuses_a_job_whose_documents_are_being_deleted(world: World, state: str) -> None:
    awaiting(world, status="failed", cleanup_state=state)
    before = snapshot(world)
    found = retried(world, "job-1")
    error = only(found).error
    assert isinstance(error, ConflictError)
    assert "are being deleted" in error.message
    assert snapshot(world) == before
