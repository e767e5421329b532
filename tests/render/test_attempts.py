"""The attempts before the last retry, for people and for programs."""

import io
from datetime import timedelta
from typing import Any

import pytest

from jobctl.domain.job import Job
from jobctl.domain.progress import progress_of
from jobctl.render.columns import Moments
from jobctl.render.details import write_details
from jobctl.render.job_documents import job_document
from jobctl.services.status import JobDetails
from tests.render.hostile import HOSTILE, unsafe
from tests.render.presented import NOW

FAILED = {"attempt": 1, "status": "failed", "error": "worker lost"}
CANCELLED = {"attempt": 2, "status": "cancelled", "cancel_reason": "too slow"}


def shown(*attempts: Any, attempt: int = 3, with_errors: bool = False) -> str:
    out = io.StringIO()
    job = Job(id="job-1", attempt=attempt, attempts=attempts)
    details = JobDetails(
        job=job,
        ttl=timedelta(days=1),
        indexed_at=NOW,
        deadline=None,
        read_at=NOW,
        progress=progress_of(job, now=NOW),
        anomalies=(),
        with_errors=with_errors,
    )
    moments = Moments(now=NOW, relative=False)
    write_details(out, details, moments=moments, width=None, color=False)
    return out.getvalue()


def test_a_person_sees_how_the_attempts_before_have_ended() -> None:
    (line,) = [line for line in shown(FAILED, CANCELLED).splitlines() if "Attempt" in line]
    assert line.split(maxsplit=1) == ["Attempt", "3 (before: failed, cancelled)"]


def test_a_first_attempt_is_nothing_to_speak_of() -> None:
    assert "Attempt" not in shown(attempt=1)


@pytest.mark.parametrize("strange", ["text", 5, None, [], ["failed"]])
def test_what_is_no_attempt_is_called_unreadable(strange: object) -> None:
    assert "(before: unreadable, failed)" in shown(strange, FAILED)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_an_attempt_acts_upon_no_terminal(text: str) -> None:
    assert unsafe(shown({"status": text}).replace("\n", "")) == []


def test_a_program_gets_every_attempt_and_always_the_keys() -> None:
    document = job_document(Job(id="job-1", attempt=3, attempts=(FAILED, CANCELLED)))
    assert document["attempt"] == 3
    assert [one["status"] for one in document["attempts"]] == ["failed", "cancelled"]
    bare = job_document(Job(id="job-1"))
    assert (bare["attempt"], bare["attempts"]) == (1, [])


def test_errors_of_earlier_attempts_are_shown_only_on_request() -> None:
    job = Job(id="job-1", attempts=(FAILED, CANCELLED))
    assert job_document(job)["attempts"] == [{**FAILED, "error": None}, CANCELLED]
    assert job_document(job, with_errors=True)["attempts"] == [FAILED, CANCELLED]
