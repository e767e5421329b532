"""Reading whole objects and whole buckets: a directory, SeaweedFS and moto."""

import hashlib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobctl.errors import JobctlError, NotFoundError, UnavailableError
from jobctl.storage.directory_objects import DirectoryObjectStore
from tests.storage.bucket_under_test import BucketUnderTest, s3_store

AROUND_NOW = timedelta(minutes=2)
KEYS = ("temp/a.pdf", "temp/a/1.png", "debug/b/x", "c/pages/1.png", "results/d/e.md", "top.md")


@pytest.fixture(params=["directory", "seaweed", "moto"])
def documents(request: pytest.FixtureRequest) -> BucketUnderTest:
    found: BucketUnderTest = request.getfixturevalue(f"{request.param}_documents")
    return found


def walked(documents: BucketUnderTest) -> list[str]:
    return sorted(one.key for one in documents.store.walk(documents.name))


def test_walk_sees_every_object_of_the_bucket(documents: BucketUnderTest) -> None:
    for key in KEYS:
        documents.put(key, key.encode())
    found = {one.key: one for one in documents.store.walk(documents.name)}
    assert sorted(found) == sorted(KEYS)
    assert all(found[key].size == len(key) for key in KEYS)
    assert all(one.modified_at.tzinfo is UTC for one in found.values())
    assert all(abs(datetime.now(UTC) - one.modified_at) < AROUND_NOW for one in found.values())


def test_walk_of_an_empty_bucket_is_empty(documents: BucketUnderTest) -> None:
    assert walked(documents) == []


def test_walk_goes_on_behind_the_first_thousand(moto_documents: BucketUnderTest) -> None:
    assert not isinstance(moto_documents.origin, Path)
    client = moto_documents.origin.client()
    keys = [f"temp/{number:04}/page.png" for number in range(1_005)]
    for key in keys:
        client.put_object(Bucket=moto_documents.name, Key=key, Body=b"x")
    assert walked(moto_documents) == keys


def test_walk_sees_odd_names_as_they_are(documents: BucketUnderTest) -> None:
    odd = ["temp/a+b%20c%2F.pdf", "temp/with space.pdf", "temp/ümlaut-日本-😀.pdf"]
    for key in odd:
        documents.put(key)
    assert walked(documents) == sorted(odd)


def test_open_reads_what_was_written(documents: BucketUnderTest) -> None:
    content = bytes(range(256)) * 12_000  # more than one chunk
    documents.put("temp/a.pdf", content)
    digest = hashlib.sha256()
    with closing(documents.store.open(documents.name, "temp/a.pdf")) as body:
        while chunk := body.read(1 << 20):
            digest.update(chunk)
    assert digest.digest() == hashlib.sha256(content).digest()


def test_open_reads_an_empty_object(documents: BucketUnderTest) -> None:
    documents.put("temp/empty", b"")
    with closing(documents.store.open(documents.name, "temp/empty")) as body:
        assert body.read(10) == b""


def test_open_of_no_object_is_not_found(documents: BucketUnderTest) -> None:
    documents.put("temp/a/1.png")
    for key in ("temp/b.pdf", "temp/a"):
        with pytest.raises(NotFoundError):
            documents.store.open(documents.name, key)


@pytest.mark.parametrize("kind", ["seaweed", "moto"])
def test_a_bucket_that_does_not_exist_is_no_empty_bucket(
    kind: str, request: pytest.FixtureRequest
) -> None:
    documents: BucketUnderTest = request.getfixturevalue(f"{kind}_documents")
    missing = f"{documents.name}-missing"
    with pytest.raises(JobctlError, match=missing):
        list(documents.store.walk(missing))
    with pytest.raises(JobctlError, match=missing):
        documents.store.open(missing, "temp/a.pdf")


def test_a_store_that_nobody_reaches_is_unavailable(moto_documents: BucketUnderTest) -> None:
    store = s3_store("http://127.0.0.1:9")
    with pytest.raises(UnavailableError):
        list(store.walk(moto_documents.name))
    with pytest.raises(UnavailableError):
        store.open(moto_documents.name, "temp/a.pdf")


def test_a_directory_without_buckets_walks_as_empty(tmp_path: Path) -> None:
    assert list(DirectoryObjectStore(tmp_path / "nothing").walk("documents")) == []


def test_walk_of_a_directory_follows_no_links(directory_documents: BucketUnderTest) -> None:
    assert isinstance(directory_documents.origin, Path)
    directory_documents.put("temp/a.pdf")
    outside = directory_documents.origin.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"not ours")
    bucket = directory_documents.origin / directory_documents.name
    (bucket / "temp" / "link").symlink_to(outside)
    (bucket / "temp" / "file").symlink_to(outside / "secret")
    assert walked(directory_documents) == ["temp/a.pdf"]
    for key in ("temp/link/secret", "temp/file"):
        with pytest.raises(JobctlError):
            directory_documents.store.open(directory_documents.name, key)
