"""Records as the services write them, decoded; values as the services read them, encoded."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from jobctl.domain.job import Decision, Job, PiiFindings, Secret
from jobctl.domain.status import JobStatus
from jobctl.storage.codec import KNOWN_FIELDS, decode, encode, encode_field

AT = datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)
ISO = "2026-01-31T12:00:00.123456+00:00"
SOUND = {"job_id": "j", "status": "queued", "created_at": ISO, "updated_at": ISO}

# What the job service's create_job, update_job_status, add_pii_findings and
# add_processing_result leave in a hash.
SERVICE_RECORD = {
    "job_id": "7f3c1a52-9d0e-4b7a-8a3f-0c2d4e6f8a1b",
    "s3_key": "temp/7f3c1a52-9d0e-4b7a-8a3f-0c2d4e6f8a1b.pdf",
    "status": "completed",
    "created_at": ISO,
    "updated_at": ISO,
    "max_rounds": "3",
    "original_filename": "scan.pdf",
    "pii_skipped": "true",
    "pii_skip_reason": "trusted source",
    "debug_bundle_requested": "true",
    "review_mode": "human",
    "ocr_languages": "eng,deu",
    "pii_findings": '[{"entity_type": "PERSON", "start": 0, "end": 3, "score": 0.85, '
    '"text": "Ada"}, {"entity_type": "PERSON", "text": "Bob"}, '
    '{"entity_type": "EMAIL", "text": "a@b.c"}]',
    "approval_token": "token-token-token",
    "approval_expires_at": ISO,
    "approved_at": ISO,
    "approval_decision": '{"decision": "approved", "justification": "it is fine", '
    '"reviewed_by": "ops", "reviewed_at": "2026-01-31T12:00:00.123456+00:00"}',
    "processing_phase": "correction",
    "result_url": "s3://results/x.md",
    "confidence_score": "0.925",
    "completed_at": ISO,
    "total_pages": "12",
    "correction_results": '[{"page": 1, "ok": true}]',
    "page_image_keys": '["a/1.png"]',
    "verification_summary": '{"passed": 3}',
}


def test_a_record_of_the_job_service_is_read_in_full() -> None:
    job_id = SERVICE_RECORD["job_id"]
    assert decode(job_id, SERVICE_RECORD) == Job(
        id=job_id,
        status=JobStatus.COMPLETED,
        raw_status="completed",
        s3_key=f"temp/{job_id}.pdf",
        created_at=AT,
        updated_at=AT,
        stamp=ISO,
        max_rounds=3,
        original_filename="scan.pdf",
        pii_skipped=True,
        pii_skip_reason="trusted source",
        debug_bundle_requested=True,
        review_mode="human",
        ocr_languages=("eng", "deu"),
        pii=PiiFindings(count=3, entity_types={"EMAIL": 1, "PERSON": 2}),
        approval_token=Secret("token-token-token"),
        approval_expires_at=AT,
        approved_at=AT,
        approval_decision=Decision(
            decision="approved", justification="it is fine", reviewed_by="ops", reviewed_at=AT
        ),
        processing_phase="correction",
        result_url="s3://results/x.md",
        confidence_score=0.925,
        completed_at=AT,
        total_pages=12,
        correction_results=[{"page": 1, "ok": True}],
        page_image_keys=["a/1.png"],
        verification_summary={"passed": 3},
    )


def test_a_record_of_the_tracking_services_is_read_in_full() -> None:
    stored = SOUND | {
        "status": "RUNNING",
        "document_name": "Report",
        "job_type": "invoice",
        "priority": "high",
        "percentage": "42.5",
        "summary": "halfway",
        "user_id": "u1",
        "organization_id": "o1",
        "created_by": "ann",
        "file_size": "1024",
        "total_rows": "100",
        "processed_rows": "40",
        "successful_rows": "39",
        "failed_rows": "1",
        "error_details": '{"rows": [7]}',
        "celery_task_id": "c1",
        "started_at": ISO,
        "estimated_duration": "90",
        "metadata": '{"a": {"b": 1}}',
        "cancel_reason": "why",
        "cleanup_state": "deleting",
        "jobctl_op": "op1",
        "jobctl_request": "digest",
        "denied_at": ISO,
        "cancelled_at": ISO,
        "denial_decision": '{"decision": "denied"}',
    }
    job = decode("j", stored)
    assert job == Job(
        id="j",
        status=JobStatus.PROCESSING,
        raw_status="RUNNING",
        created_at=AT,
        updated_at=AT,
        stamp=ISO,
        document_name="Report",
        document_type="invoice",
        priority="HIGH",
        percentage=42.5,
        summary="halfway",
        user_id="u1",
        organization_id="o1",
        created_by="ann",
        file_size=1024,
        total_rows=100,
        processed_rows=40,
        successful_rows=39,
        failed_rows=1,
        error_details={"rows": [7]},
        celery_task_id="c1",
        started_at=AT,
        estimated_duration=90,
        metadata={"a": {"b": 1}},
        cancel_reason="why",
        cleanup_state="deleting",
        last_op="op1",
        request_digest="digest",
        denied_at=AT,
        cancelled_at=AT,
        denial_decision=Decision(
            decision="denied", justification=None, reviewed_by=None, reviewed_at=None
        ),
    )
    assert job.name == "Report"


def as_the_service_reads(stored: Mapping[str, str]) -> dict[str, Any]:
    """The job service's get_job: the hash, with four of its fields parsed."""
    job: dict[str, Any] = dict(stored)
    for name in ("pii_findings", "correction_results", "page_image_keys", "verification_summary"):
        if job.get(name):
            job[name] = json.loads(job[name])
    return job


def test_what_jobctl_writes_is_what_the_service_reads() -> None:
    findings = [{"entity_type": "PERSON", "start": 0, "end": 3, "score": 0.5, "text": "Ådá"}]
    read = as_the_service_reads(
        encode(
            {
                "job_id": "j",
                "status": JobStatus.AWAITING_APPROVAL,
                "created_at": AT,
                "max_rounds": 1,
                "pii_skipped": True,
                "pii_findings": findings,
                "page_image_keys": ("a", "b"),
                "verification_summary": {"passed": 3},
                "confidence_score": 0.9,
                "original_filename": "scän.pdf",
            }
        )
    )
    assert read == {
        "job_id": "j",
        "status": "awaiting_approval",
        "created_at": ISO,
        "max_rounds": "1",
        "pii_skipped": "true",
        "pii_findings": findings,
        "page_image_keys": ["a", "b"],
        "verification_summary": {"passed": 3},
        "confidence_score": "0.9",
        "original_filename": "scän.pdf",
    }
    assert datetime.fromisoformat(read["created_at"]) == AT


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (1.5, "1.5"),
        ("", ""),
        ("None", "None"),
        ([], "[]"),
        ({}, "{}"),
        (("a", 1), '["a", 1]'),
        (JobStatus.FAILED, "failed"),
        (
            datetime(2026, 1, 31, 14, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-31T12:00:00+00:00",
        ),
    ],
)
def test_a_value_is_stored_as_the_services_store_it(value: object, stored: str) -> None:
    assert encode_field("f", value) == stored


def test_nothing_is_never_stored_as_the_text_none() -> None:
    with pytest.raises(ValueError, match="f has no value"):
        encode_field("f", None)
    with pytest.raises(ValueError, match="b has no value"):
        encode({"a": "x", "b": None})


def test_unknown_fields_are_kept_and_secrets_among_them_hidden() -> None:
    stored = SOUND | {"team": "blue", "x": "", "stream_token": "abc", "db_password": "pw"}
    assert decode("j", stored).extra == {
        "team": "blue",
        "x": "",
        "stream_token": "[redacted]",
        "db_password": "[redacted]",
    }


def test_every_known_field_has_a_place_and_is_not_extra() -> None:
    stored = dict.fromkeys(KNOWN_FIELDS, "1")
    assert decode("j", stored).extra == {}


@pytest.mark.parametrize("alias", ["pending", "Running", "FINISHED", "canceled", "timeout"])
def test_an_alias_is_read_and_the_stored_text_is_kept(alias: str) -> None:
    job = decode("j", SOUND | {"status": alias})
    assert job.status is not None
    assert job.raw_status == alias
    assert job.problems == ()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"cancelled_at": ISO}, JobStatus.CANCELLED),
        ({"error_message": "Job cancelled by user"}, JobStatus.CANCELLED),
        ({"error": "Job cancelled by user"}, JobStatus.CANCELLED),
        ({"error": "Job cancelled by user, maybe"}, JobStatus.FAILED),
        ({"cancelled_at": ""}, JobStatus.FAILED),
        ({}, JobStatus.FAILED),
    ],
)
def test_a_failure_that_means_cancelled_is_read_as_cancelled(
    fields: dict[str, str], status: JobStatus
) -> None:
    job = decode("j", SOUND | {"status": "failed"} | fields)
    assert job.status is status
    assert job.raw_status == "failed"
    assert job.is_terminal


def test_a_completed_job_is_not_made_cancelled_by_an_old_mark() -> None:
    job = decode("j", SOUND | {"status": "completed", "cancelled_at": ISO})
    assert job.status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"error": "a"}, "a"),
        ({"error_message": "b"}, "b"),
        ({"error": "a", "error_message": "a"}, "a"),
        ({"error": "a", "error_message": "b"}, "a; b"),
        ({"error": "", "error_message": "b"}, "b"),
        ({"error": ""}, None),
        ({}, None),
    ],
)
def test_error_and_error_message_are_one_thing(fields: dict[str, str], error: str | None) -> None:
    assert decode("j", SOUND | fields).error == error
