"""What every object store must do: a directory, SeaweedFS and moto."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from threading import Barrier

import pytest

from jobctl.errors import RefusedError
from jobctl.services.object_store import Deletion
from tests.storage.bucket_under_test import BucketUnderTest

WRITERS = 12
# Allowance for clocks and for stores that keep whole seconds.
AROUND_NOW = timedelta(minutes=2)
ODD_KEYS = (
    "temp/with space.pdf",
    "temp/ leading and trailing ",
    "temp/a+b%20c%2F.pdf",
    "temp/ümlaut-日本-😀.pdf",
    "temp/e\u0301.pdf",
    "temp/quotes'\"&<>.pdf",
    "temp/question?mark=1#hash.pdf",
    "temp/\x01\x1b[31m.pdf",
    "temp/tab\tand\rreturn",
    "temp/\x7f\x85\u2028",
    "temp/\ufffe",
)
KEYS_THAT_LEAD_ELSEWHERE = ("../docs/x", "temp/../other", "temp/..", "./temp/x", "temp/./x", "")


@pytest.fixture(params=["directory", "seaweed", "moto"])
def documents(request: pytest.FixtureRequest) -> BucketUnderTest:
    found: BucketUnderTest = request.getfixturevalue(f"{request.param}_documents")
    return found


def test_put_new_writes_what_head_reports(documents: BucketUnderTest) -> None:
    assert documents.put("temp/1.pdf", b"content") is True

    found = documents.head("temp/1.pdf")
    assert found is not None
    assert (found.key, found.size) == ("temp/1.pdf", 7)
    assert found.sha256 == sha256(b"content").hexdigest()
    assert found.modified_at.tzinfo is UTC
    assert abs(datetime.now(UTC) - found.modified_at) < AROUND_NOW
    assert documents.read("temp/1.pdf") == b"content"


def test_put_new_leaves_an_existing_object_as_it_is(documents: BucketUnderTest) -> None:
    assert documents.put("temp/1.pdf", b"first") is True

    assert documents.put("temp/1.pdf", b"second") is False
    assert documents.read("temp/1.pdf") == b"first"


def test_put_new_reads_the_body_from_its_start(documents: BucketUnderTest) -> None:
    body = BytesIO(b"content")
    body.seek(0, 2)

    assert documents.store.put_new(
        documents.name, "temp/1.pdf", body, sha256="0" * 64, content_type="text/plain"
    )
    assert documents.read("temp/1.pdf") == b"content"


def test_put_new_writes_an_empty_object(documents: BucketUnderTest) -> None:
    assert documents.put("temp/empty.pdf", b"") is True

    found = documents.head("temp/empty.pdf")
    assert found is not None
    assert found.size == 0
    assert documents.keys() == ["temp/empty.pdf"]


def test_one_of_twelve_writers_wins(documents: BucketUnderTest) -> None:
    start = Barrier(WRITERS)

    def write(number: int) -> bool:
        start.wait()
        return documents.put("temp/1.pdf", f"writer {number}".encode())

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(write, range(WRITERS)))

    assert won.count(True) == 1
    assert documents.read("temp/1.pdf") == f"writer {won.index(True)}".encode()


def test_an_object_can_be_written_again_after_its_deletion(documents: BucketUnderTest) -> None:
    documents.put("temp/1.pdf", b"first")
    documents.delete("temp/1.pdf")

    assert documents.put("temp/1.pdf", b"second") is True
    assert documents.read("temp/1.pdf") == b"second"


def test_head_knows_no_missing_object(documents: BucketUnderTest) -> None:
    documents.put("temp/1/page.png")

    assert documents.head("temp/2.pdf") is None
    assert documents.head("temp/1") is None
    assert documents.head("temp/1/page.png/below") is None


def test_list_takes_the_prefix_as_text_and_nothing_else(documents: BucketUnderTest) -> None:
    inside = ["temp/7.pdf", "temp/7/a/1.png", "temp/7/b.png", "temp/70.pdf"]
    for key in (*inside, "temp/8.pdf", "debug/7/x", "temporary/7"):
        documents.put(key, b"12345")

    assert documents.keys("temp/7") == sorted(inside)
    assert documents.keys("temp/7/") == ["temp/7/a/1.png", "temp/7/b.png"]
    assert documents.keys("temp/7.pdf") == ["temp/7.pdf"]
    assert documents.keys("temp/9") == []
    assert documents.keys("absent/9") == []
    assert {found.size for found in documents.store.list(documents.name, "temp/")} == {5}


@pytest.mark.parametrize("prefix", ["", "t", "temp", "/"])
def test_list_refuses_a_short_prefix_before_anything_is_read(
    documents: BucketUnderTest, prefix: str
) -> None:
    with pytest.raises(RefusedError, match="too short"):
        documents.store.list(documents.name, prefix)


def test_delete_removes_exactly_the_keys(documents: BucketUnderTest) -> None:
    for key in ("temp/7.pdf", "temp/7-other.pdf", "temp/7/1.png", "temp/7/2.png"):
        documents.put(key)

    removed = ("temp/7/1.png", "temp/7.pdf", "temp/7", "temp")
    assert documents.delete(*removed) == Deletion(deleted=removed)
    assert documents.keys() == ["temp/7-other.pdf", "temp/7/2.png"]


def test_delete_counts_a_missing_key_as_deleted(documents: BucketUnderTest) -> None:
    documents.put("temp/1.pdf")

    assert documents.delete("temp/2.pdf", "nowhere/at/all") == Deletion(
        deleted=("temp/2.pdf", "nowhere/at/all")
    )
    assert documents.keys() == ["temp/1.pdf"]


def test_delete_names_a_repeated_key_once(documents: BucketUnderTest) -> None:
    documents.put("temp/1.pdf")

    assert documents.delete("temp/1.pdf", "temp/1.pdf") == Deletion(deleted=("temp/1.pdf",))


def test_delete_of_nothing_deletes_nothing(documents: BucketUnderTest) -> None:
    documents.put("temp/1.pdf")

    assert documents.store.delete(documents.name, iter(())) == Deletion()
    assert documents.keys() == ["temp/1.pdf"]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_an_odd_key_is_written_listed_and_deleted(documents: BucketUnderTest, key: str) -> None:
    documents.put("temp/plain.pdf")
    assert documents.put(key) is True

    assert documents.head(key) is not None
    assert documents.keys() == sorted([key, "temp/plain.pdf"])
    assert documents.delete(key, "temp/plain.pdf") == Deletion(deleted=(key, "temp/plain.pdf"))
    assert documents.keys() == []


@pytest.mark.parametrize("key", KEYS_THAT_LEAD_ELSEWHERE)
def test_a_key_that_leads_elsewhere_is_refused(documents: BucketUnderTest, key: str) -> None:
    documents.put("temp/1.pdf")

    with pytest.raises(RefusedError):
        documents.put(key)
    with pytest.raises(RefusedError):
        documents.head(key)
    deletion = documents.delete("temp/1.pdf", key)
    assert deletion.deleted == ("temp/1.pdf",)
    assert [(failure.key, failure.code) for failure in deletion.failed] == [(key, "InvalidKey")]


def test_a_key_that_is_not_utf8_is_refused(documents: BucketUnderTest) -> None:
    with pytest.raises(RefusedError, match=r"'temp/\\udcff' is not UTF-8"):
        documents.put("temp/\udcff")


def test_a_key_above_1024_bytes_is_refused(documents: BucketUnderTest) -> None:
    with pytest.raises(RefusedError, match="1025 bytes"):
        documents.put("temp/" + "é" * 510)


def test_objects_can_be_deleted_while_they_are_listed(documents: BucketUnderTest) -> None:
    keys = [f"temp/{number % 3}/{number}.png" for number in range(30)]
    for key in keys:
        documents.put(key)

    deleted = [
        documents.delete(found.key).deleted
        for found in documents.store.list(documents.name, "temp/")
    ]

    assert sorted(key for (key,) in deleted) == sorted(keys)
    assert documents.keys() == []


def test_check_bucket_accepts_a_bucket_that_can_be_used(documents: BucketUnderTest) -> None:
    documents.store.check_bucket(documents.name)
    assert documents.put("temp/1.pdf") is True
    documents.store.check_bucket(documents.name)
