"""The job itself: what it hides, and what two of them have in common."""

from dataclasses import replace

import pytest

from jobctl.domain.job import Job, Secret
from jobctl.domain.priority import Priority
from jobctl.domain.queries import JobFilter
from jobctl.domain.redaction import redactor_for

MASKING = redactor_for([{"entity_type": "PERSON", "text": "Ada Lovelace"}], ["the-token"])


@pytest.mark.parametrize("show", [repr, str, lambda job: f"{job}", lambda job: f"{job!r}"])
def test_a_job_shows_neither_what_it_masks_nor_its_token(show: object) -> None:
    assert callable(show)
    shown = show(Job(id="j", redactor=MASKING, approval_token=Secret("the-token")))
    assert "Lovelace" not in shown
    assert "the-token" not in shown
    assert "Redactor" not in shown


def test_jobs_are_equal_whatever_masks_them() -> None:
    assert Job(id="j", redactor=MASKING) == Job(id="j")
    assert Job(id="j", attempt=2) != Job(id="j")


def test_a_job_masks_its_findings_in_what_others_write_about_it() -> None:
    assert Job(id="j", redactor=MASKING).redactor.text("by ada lovelace") == "by [PERSON]"
    assert Job(id="j").redactor.text("by ada lovelace") == "by ada lovelace"


def test_secrets_are_equal_by_their_value_and_never_to_a_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


@pytest.mark.parametrize("name", ["attempts", "redactor", "approval_token"])
def test_no_filter_looks_into_what_is_hidden_or_is_a_list_of_records(name: str) -> None:
    job = Job(id="j", attempts=("a",), redactor=MASKING, approval_token=Secret("the-token"))
    for value in (str(getattr(job, name)), "the-token", "a"):
        assert not JobFilter(fields={name: value}).admits(job)
        assert not JobFilter(fields={name: value}).admits(replace(job, attempts=()))


def test_the_number_of_the_attempt_can_be_filtered_by() -> None:
    assert JobFilter(fields={"attempt": "2"}).admits(Job(id="j", attempt=2))
    assert not JobFilter(fields={"attempt": "2"}).admits(Job(id="j"))


def test_priorities_go_from_low_to_urgent() -> None:
    assert [*Priority] == ["LOW", "NORMAL", "HIGH", "URGENT"]
