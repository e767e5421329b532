"""Answers that S3 gives on a bad day: lost, partial, contradictory, for the moment only."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobctl.errors import ConflictError, NotPermittedError, UnavailableError
from jobctl.services.object_store import Deletion
from jobctl.storage import s3_delete
from tests.servers.s3_fixtures import SignIn
from tests.servers.scripted_s3 import (
    Answer,
    Request,
    Respond,
    ScriptedS3,
    deletion,
    failure,
    scripted_s3,
)
from tests.storage.bucket_under_test import BucketUnderTest, s3_store


@pytest.fixture(autouse=True)
def ready(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in("AK", "SK")
    monkeypatch.setattr(s3_delete, "_PAUSES", (0.0, 0.0, 0.0))


def listing(content: str = "") -> Answer:
    return Answer(body=f"<ListBucketResult><Name>docs</Name>{content}</ListBucketResult>")


# How HEAD and PUT are answered for an object, and HEAD and a listing where there is none.
PRESENT = Answer(headers={"Last-Modified": "Sun, 22 Nov 2026 12:00:00 GMT"})
WRITTEN = Answer(headers={"ETag": '"0"'})
ABSENT = {"HEAD": Answer(status=404), "GET": listing()}


def at(script: ScriptedS3) -> BucketUnderTest:
    return BucketUnderTest(
        store=s3_store(script.endpoint_url), name="docs", origin=Path("/nowhere")
    )


def answering(*answers: Answer | None) -> Respond:
    """Each answer once, in this order."""
    following = iter(answers)
    return lambda _: next(following)


def delete(respond: Respond, *keys: str) -> tuple[Deletion, Sequence[Request]]:
    with scripted_s3(respond) as script:
        return at(script).delete(*keys), script.requests


def failures(found: Deletion) -> dict[str, str]:
    return {failure.key: failure.code for failure in found.failed}


def test_delete_fails_a_key_that_the_answer_does_not_mention() -> None:
    found, _ = delete(answering(deletion(deleted=["temp/1"])), "temp/1", "temp/2")

    assert found.deleted == ("temp/1",)
    assert failures(found) == {"temp/2": "NoAnswer"}


def test_delete_ignores_what_the_answer_says_of_other_keys() -> None:
    answer = deletion(deleted=["temp/1", "temp/other"], errors=[("temp/9", "AccessDenied")])

    found, _ = delete(answering(answer), "temp/1")

    assert found == Deletion(deleted=("temp/1",))


def test_delete_believes_the_failure_of_a_contradictory_answer() -> None:
    answer = deletion(deleted=["temp/1"], errors=[("temp/1", "AccessDenied")])

    found, _ = delete(answering(answer), "temp/1")

    assert found.deleted == ()
    assert failures(found) == {"temp/1": "AccessDenied"}


@pytest.mark.parametrize("code", ["InternalError", "SlowDown", "ServiceUnavailable"])
def test_delete_asks_again_for_keys_that_failed_for_the_moment(code: str) -> None:
    first = deletion(deleted=["temp/1"], errors=[("temp/2", code), ("temp/3", "AccessDenied")])

    found, requests = delete(
        answering(first, deletion(deleted=["temp/2"])), "temp/1", "temp/2", "temp/3"
    )

    assert found.deleted == ("temp/1", "temp/2")
    assert failures(found) == {"temp/3": "AccessDenied"}
    assert [request.keys for request in requests] == [["temp/1", "temp/2", "temp/3"], ["temp/2"]]


def test_delete_gives_up_after_a_few_attempts() -> None:
    found, requests = delete(lambda _: deletion(errors=[("temp/1", "SlowDown")]), "temp/1")

    assert failures(found) == {"temp/1": "SlowDown"}
    assert len(requests) == 4


def test_delete_keeps_what_it_knows_when_the_second_attempt_fails() -> None:
    first = deletion(deleted=["temp/1"], errors=[("temp/2", "SlowDown")])

    found, _ = delete(answering(first, failure(403, "AccessDenied")), "temp/1", "temp/2")

    assert found.deleted == ("temp/1",)
    assert failures(found) == {"temp/2": "SlowDown"}


def test_delete_repeats_a_request_whose_answer_was_lost() -> None:
    found, requests = delete(answering(None, deletion(deleted=["temp/1"])), "temp/1")

    assert found == Deletion(deleted=("temp/1",))
    assert [request.keys for request in requests] == [["temp/1"], ["temp/1"]]


def test_delete_asks_for_each_of_many_keys_once_and_at_most_a_thousand_at_a_time() -> None:
    keys = [f"temp/{number}" for number in range(9_500)]

    found, requests = delete(lambda request: deletion(deleted=request.keys), *keys, *keys)

    assert found == Deletion(deleted=tuple(keys))
    assert Counter(key for request in requests for key in request.keys) == Counter(keys)
    assert sorted(len(request.keys) for request in requests) == [500, *[1000] * 9]


def test_delete_reports_the_keys_of_a_later_request_that_fails_as_a_whole() -> None:
    keys = [f"temp/{number}" for number in range(2_500)]

    def respond(request: Request) -> Answer:
        if "temp/1000" in request.keys:
            return failure(403, "AccessDenied")
        return deletion(deleted=request.keys)

    found, requests = delete(respond, *keys)

    lost = next(request.keys for request in requests if "temp/1000" in request.keys)
    assert "temp/0" not in lost
    assert found.deleted == tuple(key for key in keys if key not in lost)
    assert failures(found) == dict.fromkeys(lost, "not_permitted")


@pytest.mark.parametrize(
    ("count", "requests"), [(1, 1), (100, 1), (101, 2), (1_000, 8), (9_000, 9)]
)
def test_delete_keeps_all_threads_busy_and_asks_for_a_thousand_at_most(
    count: int, requests: int
) -> None:
    keys = [f"temp/{number}" for number in range(count)]

    found, asked = delete(lambda request: deletion(deleted=request.keys), *keys)

    assert found.deleted == tuple(keys)
    assert sorted(key for request in asked for key in request.keys) == sorted(keys)
    assert len(asked) == requests


def test_delete_stops_at_once_when_the_first_request_fails() -> None:
    keys = [f"temp/{number}" for number in range(2_500)]

    with scripted_s3(lambda _: failure(507, "InsufficientStorage")) as script:
        documents = at(script)
        with pytest.raises(UnavailableError, match="no room left"):
            documents.delete(*keys)

    assert {request.keys[0] for request in script.requests} == {"temp/0"}


def test_delete_of_nothing_makes_no_request() -> None:
    found, requests = delete(answering())

    assert found == Deletion()
    assert list(requests) == []


def test_delete_never_asks_for_an_invalid_key() -> None:
    found, requests = delete(answering(), "", "temp/../x")

    assert failures(found) == {"": "InvalidKey", "temp/../x": "InvalidKey"}
    assert list(requests) == []


def test_a_key_that_xml_cannot_carry_is_asked_for_alone() -> None:
    def respond(request: Request) -> Answer:
        if request.method == "DELETE":
            return Answer(status=204)
        return deletion(deleted=request.keys)

    found, requests = delete(respond, "temp/1", "temp/\x01", "temp/2")

    assert found.deleted == ("temp/1", "temp/\x01", "temp/2")
    assert [(request.method, request.path.partition("?")[0]) for request in requests] == [
        ("POST", "/docs"),
        ("DELETE", "/docs/temp/%01"),
    ]


def test_put_new_says_false_when_it_finds_its_own_write_whose_reply_was_lost() -> None:
    writes = iter([None, failure(412, "PreconditionFailed")])

    def respond(request: Request) -> Answer | None:
        return PRESENT if request.method == "HEAD" else next(writes)

    with scripted_s3(respond) as script:
        assert at(script).put("temp/1.pdf") is False

    assert [request.method for request in script.requests] == ["PUT", "PUT", "HEAD"]


@pytest.mark.parametrize(
    "refusal",
    [
        failure(409, "ConditionalRequestConflict"),
        failure(409, "OperationAborted"),
        failure(412, "PreconditionFailed"),
    ],
)
def test_put_new_writes_again_when_what_stood_in_the_way_is_gone(refusal: Answer) -> None:
    writes = iter([refusal, WRITTEN])

    def respond(request: Request) -> Answer:
        return next(writes) if request.method == "PUT" else ABSENT[request.method]

    with scripted_s3(respond) as script:
        assert at(script).put("temp/1.pdf", b"content") is True

    written = [request for request in script.requests if request.method == "PUT"]
    assert [request.body for request in written] == [b"content", b"content"]


def test_put_new_gives_up_on_a_key_that_is_neither_free_nor_there() -> None:
    answers = {**ABSENT, "PUT": failure(412, "PreconditionFailed")}

    with (
        scripted_s3(lambda request: answers[request.method]) as script,
        pytest.raises(
            ConflictError, match=r"s3://docs/temp/1\.pdf can neither be written nor read"
        ),
    ):
        at(script).put("temp/1.pdf")


def test_head_never_takes_a_refusal_for_a_missing_object() -> None:
    answers = {"HEAD": Answer(status=404), "GET": failure(403, "AccessDenied")}

    with (
        scripted_s3(lambda request: answers[request.method]) as script,
        pytest.raises(NotPermittedError),
    ):
        at(script).head("temp/1.pdf")


def test_list_raises_when_a_later_page_fails() -> None:
    entry = "<Contents><Key>temp/1</Key><Size>1</Size><LastModified>{}</LastModified></Contents>"
    first = (
        entry.format("2026-11-22T12:00:00Z") + "<NextContinuationToken>a</NextContinuationToken>"
    )
    pages = iter([listing(first + "<IsTruncated>true</IsTruncated>"), failure(403, "AccessDenied")])

    with scripted_s3(lambda _: next(pages)) as script:
        found = at(script).store.list("docs", "temp/")
        assert next(found).key == "temp/1"
        with pytest.raises(NotPermittedError):
            next(found)
