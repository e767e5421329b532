"""Whatever stands in a hash, decoding gives a job and names what it could not read."""

import json
from typing import Any

import pytest

from jobctl.domain.job import Job
from jobctl.storage.codec import KNOWN_FIELDS, decode

ISO = "2026-01-31T12:00:00+00:00"
SOUND = {"job_id": "j", "status": "queued", "created_at": ISO, "updated_at": ISO}
MOMENTS = (
    "created_at",
    "updated_at",
    "started_at",
    "completed_at",
    "approved_at",
    "denied_at",
    "cancelled_at",
    "approval_expires_at",
)
INTEGERS = (
    "max_rounds",
    "file_size",
    "total_pages",
    "total_rows",
    "processed_rows",
    "successful_rows",
    "failed_rows",
)
NUMBERS = ("percentage", "estimated_duration", "confidence_score")
JSON = (
    "error_details",
    "metadata",
    "correction_results",
    "page_image_keys",
    "verification_summary",
    "approval_decision",
    "denial_decision",
)


def unreadable(name: str, raw: str) -> Job:
    job = decode("j", SOUND | {name: raw})
    assert getattr(job, name) is None
    [problem] = job.problems
    assert name in problem
    assert raw not in problem
    return job


@pytest.mark.parametrize("name", MOMENTS)
@pytest.mark.parametrize(
    "raw",
    ["2026-01-31T12:00:00", "2026-01-31", "1700000000", "None", "null", "yesterday", "\udcff"],
)
def test_a_moment_that_cannot_be_read_is_named(name: str, raw: str) -> None:
    unreadable(name, raw)


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("raw", ["1.5", "None", "many", "0x10", "1e3", "9" * 5_000, "\udcff"])
def test_a_whole_number_that_cannot_be_read_is_named(name: str, raw: str) -> None:
    unreadable(name, raw)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "raw", ["nan", "NaN", "inf", "-Infinity", "1e999", "None", "half", "\udcff"]
)
def test_a_number_that_cannot_be_read_is_named(name: str, raw: str) -> None:
    unreadable(name, raw)


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize(
    "raw",
    ["{", "not json", "{'a': 1}", "None", '{"a": 1} x', "[" * 100_000, "9" * 5_000, "\udcff"],
)
def test_json_that_cannot_be_read_is_named(name: str, raw: str) -> None:
    unreadable(name, raw)


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize("depth", [100, 300, 500, 700, 900])
def test_deeply_nested_json_breaks_nothing(name: str, depth: int) -> None:
    raw = '[{"a":' * depth + "1" + "}]" * depth
    decode("j", SOUND | {name: raw})


@pytest.mark.parametrize("raw", ["1", '"text"', "[]", "null", "true", "[1, 2]", '{"decision": 5}'])
@pytest.mark.parametrize("name", ["approval_decision", "denial_decision"])
def test_a_decision_of_another_shape_has_no_parts(name: str, raw: str) -> None:
    decision = getattr(decode("j", SOUND | {name: raw}), name)
    assert (decision.decision, decision.justification, decision.reviewed_by) == (None, None, None)
    assert decision.reviewed_at is None


@pytest.mark.parametrize("at", ["2026-01-31T12:00:00", 5, None, ["x"]])
def test_a_decision_with_a_naive_time_has_none(at: Any) -> None:
    raw = json.dumps({"decision": "approved", "reviewed_at": at})
    decision = decode("j", SOUND | {"approval_decision": raw}).approval_decision
    assert decision is not None
    assert decision.reviewed_at is None
    assert decision.decision == "approved"


@pytest.mark.parametrize("name", sorted(KNOWN_FIELDS - {"job_id", "status"}))
@pytest.mark.parametrize(
    "raw", ["", " ", "None", "\x00", "\udcff\udcfe", "\x1b[31m", "[[[", "-1", "x" * 10_000]
)
def test_no_value_of_any_field_breaks_decoding(name: str, raw: str) -> None:
    assert decode("j", SOUND | {name: raw}).id == "j"


@pytest.mark.parametrize("status", ["", "paused", "None", "\udcff"])
def test_an_unknown_status_is_kept_counts_as_active_and_is_named(status: str) -> None:
    job = decode("j", SOUND | {"status": status})
    assert job.status is None
    assert job.raw_status == status
    assert not job.is_terminal
    assert len(job.problems) == 1


def test_an_unknown_status_is_not_repeated_in_the_problem() -> None:
    [problem] = decode("j", SOUND | {"status": "Ada Lovelace"}).problems
    assert "Ada" not in problem


def test_a_record_that_a_late_write_brought_back_names_all_that_is_missing() -> None:
    job = decode("j", {"processing_phase": "correction"})
    assert job.status is None
    assert job.raw_status is None
    assert job.shown_status == "unknown"
    assert set(job.problems) == {
        "status is missing",
        "job_id is missing",
        "created_at is missing",
        "updated_at is missing",
    }


def test_a_record_under_the_key_of_another_job_is_named() -> None:
    job = decode("j", SOUND | {"job_id": "other"})
    assert job.id == "j"
    assert job.problems == ("job_id is not the one in the key",)


def test_bytes_that_are_not_utf_8_are_kept_as_they_are() -> None:
    stored = SOUND | {
        "s3_key": "temp/\udcff.pdf",
        "original_filename": "\udcfe.pdf",
        "team": "\udcfd",
        "status": "\udcfc",
    }
    job = decode("j", stored)
    assert (job.s3_key, job.original_filename) == ("temp/\udcff.pdf", "\udcfe.pdf")
    assert (job.extra["team"], job.raw_status) == ("\udcfd", "\udcfc")


def test_surrounding_blanks_of_a_number_are_no_problem() -> None:
    assert decode("j", SOUND | {"max_rounds": " 3 "}).max_rounds == 3


@pytest.mark.parametrize(
    ("raw", "flag"), [("true", True), ("True", True), ("1", True), ("false", False), ("", False)]
)
def test_a_flag_is_read_in_the_usual_spellings(raw: str, flag: bool) -> None:
    assert decode("j", SOUND | {"pii_skipped": raw}).pii_skipped is flag
