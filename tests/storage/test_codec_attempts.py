"""The attempts before the last retry: kept in the record, masked, and never a reason to fail."""

import json
from typing import Any

import pytest

from jobctl.domain.job import Job
from jobctl.domain.redaction import WITHHELD
from jobctl.storage.codec import decode, encode, unreadable

ISO = "2026-01-31T12:00:00+00:00"
SOUND = {"job_id": "j", "status": "queued", "created_at": ISO, "updated_at": ISO}
ATTEMPT = {
    "attempt": 1,
    "status": "failed",
    "error": "worker lost",
    "approved_by": "dean@example.edu",
    "ended_at": ISO,
}
FINDINGS = json.dumps([{"entity_type": "PERSON", "text": "Ada Lovelace"}])


def job_with(**fields: str) -> Job:
    return decode("j", SOUND | fields)


def test_a_record_that_says_nothing_is_of_a_first_attempt() -> None:
    job = job_with()
    assert (job.attempt, job.attempts, job.problems) == (1, (), ())


def test_what_a_retry_stores_is_read_back() -> None:
    second = {"attempt": 2, "status": "cancelled", "cancel_reason": "too slow"}
    stored = encode({"attempt": 3, "attempts": [ATTEMPT, second]})
    job = job_with(**stored)
    assert (job.attempt, job.attempts) == (3, (ATTEMPT, second))
    assert (job.problems, job.extra) == ((), {})


@pytest.mark.parametrize(("raw", "attempt"), [("2", 2), (" 7 ", 7), ("0", 1), ("-5", 1), ("", 1)])
def test_attempts_are_counted_from_one(raw: str, attempt: int) -> None:
    job = job_with(attempt=raw)
    assert (job.attempt, job.problems) == (attempt, ())


@pytest.mark.parametrize("raw", ["two", "1.5", "None", "[]", "9" * 5_000, "\udcff"])
def test_a_number_of_attempts_that_cannot_be_read_is_named(raw: str) -> None:
    job = job_with(attempt=raw)
    assert (job.attempt, job.problems) == (1, ("attempt is not a whole number",))


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("{", "attempts is not JSON"),
        ("None", "attempts is not JSON"),
        ("\udcff", "attempts is not JSON"),
        ("[" * 100_000, "attempts is not JSON"),
        ("[" * 100 + "]" * 100, "attempts is nested too deeply"),
        ("{}", "attempts is not a list of attempts"),
        ("null", "attempts is not a list of attempts"),
        ('"Ada Lovelace"', "attempts is not a list of attempts"),
        ("3", "attempts is not a list of attempts"),
    ],
)
def test_attempts_that_cannot_be_read_are_named_and_not_shown(raw: str, problem: str) -> None:
    job = job_with(attempts=raw, attempt="4")
    assert (job.attempt, job.attempts, job.problems) == (4, (), (problem,))
    assert job.extra == {}


def test_what_others_put_among_the_attempts_is_kept() -> None:
    strange: list[Any] = ["text", 5, None, [], {"status": ["failed"]}]
    assert job_with(attempts=json.dumps(strange)).attempts == tuple(strange)


def test_nothing_stored_is_no_attempt_and_no_problem() -> None:
    job = job_with(attempts="")
    assert (job.attempts, job.problems) == ((), ())


@pytest.mark.parametrize(
    "attempt",
    [
        {"error": "no page for Ada Lovelace"},
        {"error": "NO PAGE FOR ADA LOVELACE"},
        {"Ada Lovelace": {"deep": ["ada lovelace"]}},
        "Ada Lovelace",
        ["Ada Lovelace"],
    ],
)
def test_findings_are_masked_in_earlier_attempts(attempt: object) -> None:
    job = job_with(attempts=json.dumps([attempt]), pii_findings=FINDINGS)
    assert "lovelace" not in repr(job.attempts).lower()
    assert "[PERSON]" in repr(job.attempts)


def test_the_token_is_masked_in_earlier_attempts() -> None:
    attempts = json.dumps([{"error": "sent the-secret-token away"}])
    job = job_with(attempts=attempts, approval_token="the-secret-token")
    assert job.attempts == ({"error": "sent [token] away"},)


def test_a_credential_in_an_earlier_attempt_is_hidden_by_its_name() -> None:
    job = job_with(attempts=json.dumps([{"api_key": "k", "approval_token": "t"}]))
    assert job.attempts == ({"api_key": "[redacted]", "approval_token": "[redacted]"},)


def test_texts_of_earlier_attempts_are_withheld_where_findings_cannot_be_read() -> None:
    attempts = json.dumps([{"error": "Ada Lovelace"}])
    job = job_with(attempts=attempts, pii_findings="{")
    assert job.attempts == ({"error": WITHHELD},)


def test_what_an_attempt_was_is_told_though_findings_read_like_it() -> None:
    """Every retry writes the history anew: what were masked now would be lost for good."""
    texts = ["failed", "2026", "12", "dean@example.edu"]
    findings = json.dumps([{"entity_type": "X", "text": text} for text in texts])
    attempt = {**ATTEMPT, "attempt": 12, "started_at": ISO, "approved_at": ISO, "error": "none"}
    for stored in (findings, "{"):
        job = job_with(attempts=json.dumps([attempt]), pii_findings=stored)
        (kept,) = job.attempts
        assert {**kept, "error": "none"} == attempt


@pytest.mark.parametrize("findings", [FINDINGS, "{"])
def test_a_history_that_is_stored_again_and_again_stays_as_it_is(findings: str) -> None:
    first = {**ATTEMPT, "error": "by Ada Lovelace", "colour": "red"}
    job = job_with(attempts=json.dumps([first]), pii_findings=findings)
    for _ in range(3):
        again = job_with(**encode({"attempts": job.attempts}), pii_findings=findings)
        assert again.attempts == job.attempts
        assert "Lovelace" not in repr(again.attempts)


@pytest.mark.parametrize("name", sorted(ATTEMPT.keys() - {"attempt", "approved_by"}))
@pytest.mark.parametrize("value", ["Ada Lovelace", ["Ada Lovelace"], {"x": "Ada Lovelace"}])
def test_a_part_of_an_attempt_that_is_not_what_its_name_says_is_masked(
    name: str, value: object
) -> None:
    job = job_with(attempts=json.dumps([{name: value}]), pii_findings=FINDINGS)
    assert "Lovelace" not in repr(job.attempts)
    assert "[PERSON]" in repr(job.attempts)


def test_what_could_not_be_read_back_is_told_before_it_is_stored() -> None:
    assert unreadable({"attempt": 2, "attempts": [ATTEMPT]}) == ()
    assert unreadable({"attempts": {"a": 1}, "attempt": "x"}) == (
        "attempts is not a list of attempts",
        "attempt is not a whole number",
    )
