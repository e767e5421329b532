"""What speaks against a deletion is asked right before each request, also before a repeated one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from jobctl.services.object_store import Objections, UndeletedObject
from tests.servers.s3_fixtures import SignIn
from tests.servers.scripted_s3 import Answer, Request, deletion, failure, scripted_s3
from tests.storage.bucket_under_test import BucketUnderTest, s3_store

BUCKETS = ["directory_documents", "moto_documents"]


@pytest.fixture
def documents(request: pytest.FixtureRequest) -> BucketUnderTest:
    found: BucketUnderTest = request.getfixturevalue(request.param)
    return found


def against(*spared: str) -> Objections:
    return lambda keys: {
        key: UndeletedObject(key=key, code="conflict", message="it is back")
        for key in keys
        if key in spared
    }


@pytest.mark.parametrize("documents", BUCKETS, indirect=True)
def test_what_is_objected_to_stays_and_counts_as_failed(documents: BucketUnderTest) -> None:
    keys = [f"temp/{number}.pdf" for number in range(3)]
    for key in keys:
        documents.put(key)
    found = documents.delete(*keys, objections=against(keys[1]))
    assert documents.keys() == [keys[1]]
    assert found.deleted == (keys[0], keys[2])
    assert [(one.key, one.code) for one in found.failed] == [(keys[1], "conflict")]


@pytest.mark.parametrize("documents", BUCKETS, indirect=True)
def test_later_requests_are_not_sent_either(documents: BucketUnderTest) -> None:
    keys = [f"temp/{number:03}.pdf" for number in range(250)]
    for key in keys:
        documents.put(key)
    asked: set[str] = set()

    def late(several: Sequence[str]) -> Mapping[str, UndeletedObject]:
        asked.update(several)
        return against(*keys)(several) if len(asked) > 100 else {}

    found = documents.delete(*keys, objections=late)
    assert len(found.deleted) == 100
    assert len(documents.keys()) == len(found.failed) == 150


@pytest.mark.parametrize("key", ["temp/1.pdf", "temp/\x01.pdf"])
def test_a_request_is_not_sent_again_against_an_objection(sign_in: SignIn, key: str) -> None:
    """botocore repeats it by itself: it must be asked first, and what is free goes all the same."""
    sign_in("AK", "SK")
    spared: list[str] = []

    def objections(several: Sequence[str]) -> Mapping[str, UndeletedObject]:
        return against(*spared)(several)

    def respond(request: Request) -> Answer:
        if len(script.requests) == 1:
            spared.append(key)
            return failure(503, "SlowDown")
        return deletion(deleted=request.keys)

    with scripted_s3(respond) as script:
        bucket = BucketUnderTest(
            store=s3_store(script.endpoint_url), name="docs", origin=Path("/nowhere")
        )
        keys = [key, "temp/2.pdf"] if key.isprintable() else [key]
        found = bucket.delete(*keys, objections=objections)
        assert [request.keys for request in script.requests[1:]] == [["temp/2.pdf"]] * (
            len(keys) - 1
        )
    assert [one.key for one in found.failed] == [key]
