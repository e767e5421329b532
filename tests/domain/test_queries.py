"""The filters: every condition alone, all of them together, and what they must never match."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jobctl.domain.job import Job, PiiFindings, Secret
from jobctl.domain.queries import JobFilter
from jobctl.domain.status import JobStatus

JOB = Job(
    id="job-1",
    status=JobStatus.PROCESSING,
    raw_status="running",
    document_name="Quarterly Report.PDF",
    document_type="Invoice",
    priority="HIGH",
    user_id="Ann",
    organization_id="Org-7",
    review_mode="human",
    max_rounds=3,
    pii_skipped=True,
    ocr_languages=("eng", "deu"),
    updated_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
    approval_token=Secret("the-token"),
    pii=PiiFindings(count=1, entity_types={"PERSON": 1}),
    error="it broke",
    metadata={"a": 1},
    extra={"team": "blue"},
)


def only(**conditions: Any) -> JobFilter:
    return JobFilter(**conditions)


@pytest.mark.parametrize(
    ("conditions", "admitted"),
    [
        ({}, True),
        ({"statuses": frozenset({JobStatus.PROCESSING, JobStatus.FAILED})}, True),
        ({"statuses": frozenset({JobStatus.FAILED})}, False),
        ({"unknown_statuses": frozenset({"running"})}, False),
        ({"types": frozenset({"invoice", "letter"})}, True),
        ({"types": frozenset({"letter"})}, False),
        ({"priorities": frozenset({"high"})}, True),
        ({"priorities": frozenset({"low"})}, False),
        ({"users": frozenset({"ann"})}, True),
        ({"users": frozenset({"an"})}, False),
        ({"organizations": frozenset({"org-7"})}, True),
        ({"organizations": frozenset({"org"})}, False),
        ({"name": "*.pdf"}, True),
        ({"name": "QUARTERLY*"}, True),
        ({"name": "*.doc"}, False),
        ({"name": "report"}, False),
        ({"name": "quarterly[ ]report.pd?"}, True),
    ],
)
def test_each_condition_decides_on_its_own(conditions: dict[str, Any], admitted: bool) -> None:
    assert only(**conditions).admits(JOB) is admitted


def test_all_conditions_must_hold() -> None:
    conditions: dict[str, Any] = {"users": frozenset({"ann"}), "priorities": frozenset({"high"})}
    assert only(**conditions).admits(JOB)
    assert not only(**conditions, name="*.doc").admits(JOB)


@pytest.mark.parametrize("condition", ["types", "priorities", "users", "organizations"])
def test_a_job_without_the_value_is_not_admitted(condition: str) -> None:
    assert not only(**{condition: frozenset({""})}).admits(Job(id="j"))
    assert not only(**{condition: frozenset({"none"})}).admits(Job(id="j"))


def test_an_unknown_status_is_found_by_its_stored_text() -> None:
    job = Job(id="j", status=None, raw_status="Paused")
    assert only(unknown_statuses=frozenset({"paused"})).admits(job)
    assert not only(unknown_statuses=frozenset({"other"})).admits(job)
    assert not only(statuses=frozenset(JobStatus)).admits(job)
    assert only().admits(job)


def test_a_failure_that_means_cancelled_is_found_as_cancelled() -> None:
    job = Job(id="j", status=JobStatus.CANCELLED, raw_status="failed")
    assert only(statuses=frozenset({JobStatus.CANCELLED})).admits(job)
    assert not only(statuses=frozenset({JobStatus.FAILED})).admits(job)


@pytest.mark.parametrize(
    ("name", "value", "admitted"),
    [
        ("review_mode", "human", True),
        ("review_mode", "Human", False),
        ("max_rounds", "3", True),
        ("pii_skipped", "true", True),
        ("debug_bundle_requested", "false", True),
        ("ocr_languages", "eng,deu", True),
        ("status", "processing", True),
        ("job_id", "job-1", True),
        ("team", "blue", True),
        ("team", "red", False),
        ("nothing", "", False),
        ("nothing", "None", False),
        ("total_pages", "None", False),
        ("approval_token", "the-token", False),
        ("approval_token", "Secret(***)", False),
        ("error", "it broke", False),
        ("metadata", "{'a': 1}", False),
        ("pii", "1", False),
        ("__class__", "Job", False),
        ("is_terminal", "False", False),
    ],
)
def test_a_stored_field_is_compared_exactly_and_secrets_never(
    name: str, value: str, admitted: bool
) -> None:
    assert only(fields={name: value}).admits(JOB) is admitted


@pytest.mark.parametrize(
    ("conditions", "inside"),
    [
        ({}, False),
        ({"since": datetime(2026, 1, 1, tzinfo=UTC)}, False),
        ({"until": datetime(2026, 1, 1, tzinfo=UTC)}, False),
        ({"statuses": frozenset({JobStatus.FAILED})}, True),
        ({"unknown_statuses": frozenset({"x"})}, True),
        ({"types": frozenset({"x"})}, True),
        ({"priorities": frozenset({"x"})}, True),
        ({"users": frozenset({"x"})}, True),
        ({"organizations": frozenset({"x"})}, True),
        ({"name": "*"}, True),
        ({"fields": {"a": "b"}}, True),
    ],
)
def test_only_the_times_can_be_decided_without_the_record(
    conditions: dict[str, Any], inside: bool
) -> None:
    assert only(**conditions).looks_inside is inside
