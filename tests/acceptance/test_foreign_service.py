"""jobctl and the job service share the keys: what one writes, the other reads in full."""

import json
from typing import Any

import pytest

from tests.cli.foreign import ACTIVE_TTL, TTLS, ForeignJobService
from tests.cli.world import World, findings, new_id

APPROVAL = {
    "decision": "approve",
    "justification": "no personal data that matters",
    "reviewed_by": "reviewer@example.org",
    "reviewed_at": "2026-01-31T12:00:00+00:00",
}


def _written_by_the_service(world: World) -> str:
    """Through the whole life of a job, with every field that the service knows."""
    service, job_id = world.foreign, new_id()
    service.create_job(
        job_id,
        f"temp/{job_id}.pdf",
        original_filename="Fall syllabus.pdf",
        pii_skipped="true",
        pii_skip_reason="synthetic data",
        debug_bundle_requested="true",
        review_mode="human",
        max_rounds="3",
        ocr_languages="eng,deu",
    )
    service.add_pii_findings(job_id, findings("Ada Lovelace", "Grace Hopper"))
    service.update_job_status(
        job_id,
        "awaiting_approval",
        approval_token="t" * 43,
        approval_expires_at="2026-01-31T16:00:00+00:00",
    )
    service.update_job_status(
        job_id,
        "processing",
        approval_decision=APPROVAL,
        approved_at="2026-01-31T12:00:00+00:00",
        processing_phase="correcting",
        total_pages=12,
        page_image_keys=[f"{job_id}/pages/1.png"],
        correction_results=[{"page": 1, "rounds": 2}],
        verification_summary={"passed": True},
    )
    service.add_processing_result(job_id, f"s3://results/{job_id}.md", 0.93)
    service.update_job_status(job_id, "completed")
    return job_id


def _check(job: dict[str, Any], job_id: str) -> None:
    assert job["id"] == job_id
    assert job["status"] == job["stored_status"] == "completed"
    assert job["name"] == job["document"]["filename"] == "Fall syllabus.pdf"
    assert job["document"]["key"] == f"temp/{job_id}.pdf"
    assert job["document"]["pages"] == 12
    assert job["options"] == {
        "review_mode": "human",
        "max_rounds": 3,
        "ocr_languages": ["eng", "deu"],
        "debug_bundle": True,
    }
    assert job["pii"] == {
        "scanned": True,
        "readable": True,
        "count": 2,
        "entity_types": {"PERSON": 2},
        "skipped": True,
        "skip_reason": "synthetic data",
    }
    assert job["approval"]["has_token"] is True
    assert job["approval"]["expires_at"] == "2026-01-31T16:00:00Z"
    assert job["approval"]["approved"] == {
        "decision": "approve",
        "reason": APPROVAL["justification"],
        "reviewed_by": "reviewer@example.org",
        "reviewed_at": "2026-01-31T12:00:00Z",
    }
    assert job["timestamps"]["approved_at"] == "2026-01-31T12:00:00Z"
    assert job["progress"]["phase"] == "correcting"
    assert job["result"] == {"url": f"s3://results/{job_id}.md", "confidence": 0.93}
    assert job["unreadable"] == []


@pytest.mark.parametrize("command", ["status", "list"])
def test_a_job_of_the_service_reads_back_in_full(command: str, any_world: World) -> None:
    world = any_world
    job_id = _written_by_the_service(world)
    stored = world.job(job_id)
    if command == "status":
        job = world.run("status", job_id, "-o", "json").json
        assert job["anomalies"] == []
        assert job["record"]["ttl_seconds"] > 30 * 86_400 - 60
        assert job["record"]["indexed_at"].endswith("Z")
    else:
        (job,) = world.run("list", "-o", "json").json["items"]
    _check(job, job_id)
    for name in ("created_at", "updated_at", "completed_at"):
        assert job["timestamps"][name] == stored[name].replace("+00:00", "Z")


@pytest.mark.parametrize("field", ["correction_results", "page_image_keys", "verification_summary"])
def test_no_field_of_the_service_is_lost(field: str, world: World) -> None:
    job_id = _written_by_the_service(world)
    shown = json.dumps(world.run("status", job_id, "-o", "json").json)
    assert json.dumps(json.loads(world.job(job_id)[field])) in shown


@pytest.mark.parametrize("status", ["queued", "pii_scanning", "awaiting_approval"])
def test_a_job_of_jobctl_is_one_that_the_service_reads(status: str, any_world: World) -> None:
    world = any_world
    options = ["--review-mode", "human", "--max-rounds", "2", "--ocr-language", "eng,deu"]
    job_id = world.create("--status", status, "--debug-bundle", "--skip-pii", "why not", *options)
    job = world.foreign.get_job(job_id)
    assert job is not None
    expected = {
        "job_id": job_id,
        "s3_key": f"temp/{job_id}.pdf",
        "status": status,
        "max_rounds": "2",
        "original_filename": "report.pdf",
        "pii_skipped": "true",
        "pii_skip_reason": "why not",
        "debug_bundle_requested": "true",
        "review_mode": "human",
        "ocr_languages": "eng,deu",
    }
    assert {name: job.get(name) for name in expected} == expected
    assert all(isinstance(value, str) for value in job.values())
    assert "None" not in job.values()
    assert world.redis.type(world.key("job", job_id)) == "hash"
    assert ACTIVE_TTL - 10 <= world.redis.ttl(world.key("job", job_id)) <= ACTIVE_TTL
    assert world.redis.zscore(world.foreign.index_key, job_id) is not None


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_what_jobctl_updates_is_what_the_service_reads(status: str, world: World) -> None:
    service, job_id = world.foreign, world.seed("processing")
    options = ["--confidence", "0.5", "--result-url", "s3://r/1.md", "--status", status]
    assert world.run("update", job_id, *options).exit_code == 0
    job = service.get_job(job_id)
    assert job is not None
    assert (job["status"], job["confidence_score"], job["result_url"]) == (
        status,
        "0.5",
        "s3://r/1.md",
    )
    assert TTLS[status] - 10 <= world.redis.ttl(world.key("job", job_id)) <= TTLS[status]


def test_both_may_write_the_same_job_in_turn(world: World) -> None:
    service, job_id = world.foreign, world.create()
    service.update_job_status(job_id, "pii_scanning")
    assert world.run("update", job_id, "--status", "processing").exit_code == 0
    service.update_job_status(job_id, "completed", confidence_score=0.9)
    job = world.run("status", job_id, "-o", "json").json
    assert (job["status"], job["result"]["confidence"]) == ("completed", 0.9)
    assert job["anomalies"] == []


def test_a_service_that_names_its_index_differently(world: World) -> None:
    index = world.key("by-time")
    service = ForeignJobService(world.redis, world.namespace, index_key=index)
    service.create_job("theirs", "temp/theirs.pdf")
    ours = world.create(JOBCTL_INDEX_KEY=index)
    listed = world.run("list", "-o", "id", JOBCTL_INDEX_KEY=index)
    assert listed.stdout.split() == [ours, "theirs"]
    document = world.run("status", "theirs", "-o", "json", JOBCTL_INDEX_KEY=index).json
    assert document["anomalies"] == []


def test_ids_that_contain_the_key_prefix_are_not_mangled(world: World) -> None:
    job_id = f"{world.namespace}:job:x"
    world.seed(job_id=job_id)
    assert world.run("list", "-o", "id").stdout == f"{job_id}\n"
    assert world.run("status", job_id, "-o", "json").json["anomalies"] == []
