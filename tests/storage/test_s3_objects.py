"""S3 on real servers: large bodies, many keys, refusals of single keys, locked buckets."""

import json
import subprocess
import sys
import tracemalloc
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from tempfile import TemporaryFile
from threading import Barrier

import pytest

from jobctl.errors import ConflictError
from jobctl.services.object_store import Deletion
from jobctl.storage import s3_upload
from tests.servers.s3 import LIMITED, LIMITED_BUCKET, S3Server
from tests.servers.s3_fixtures import SignIn
from tests.storage.bucket_under_test import BucketUnderTest, s3_store

MEBIBYTE = 1024**2


def elsewhere(documents: BucketUnderTest, *, name: str = "") -> BucketUnderTest:
    """The same server seen with the credentials that hold now, and perhaps another bucket."""
    assert isinstance(documents.origin, S3Server)
    return BucketUnderTest(
        store=s3_store(documents.origin.endpoint_url),
        name=name or documents.name,
        origin=documents.origin,
    )


def uploads_begun(documents: BucketUnderTest) -> int:
    assert isinstance(documents.origin, S3Server)
    return len(
        documents.origin.client().list_multipart_uploads(Bucket=documents.name).get("Uploads", [])
    )


def test_neither_importing_nor_building_a_store_loads_boto3() -> None:
    script = (
        "import sys\n"
        "from jobctl.storage.s3_objects import S3ObjectStore\n"
        "S3ObjectStore(endpoint_url=None, region=None, addressing_style='auto')\n"
        "print(sorted({'boto3', 'botocore', 's3transfer'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout == "[]\n"


def test_put_new_records_the_content_type(
    seaweed_documents: BucketUnderTest, seaweed: S3Server
) -> None:
    seaweed_documents.put("temp/1.pdf")

    found = seaweed.client().head_object(Bucket=seaweed_documents.name, Key="temp/1.pdf")
    assert found["ContentType"] == "application/pdf"


def test_put_new_streams_a_large_body(seaweed_documents: BucketUnderTest) -> None:
    size = 64 * MEBIBYTE
    with TemporaryFile() as body:
        body.truncate(size)
        seaweed_documents.head("temp/1.pdf")  # loads what botocore keeps for good
        tracemalloc.start()
        try:
            written = seaweed_documents.store.put_new(
                seaweed_documents.name, "temp/1.pdf", body, sha256="0" * 64, content_type="a/b"
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    found = seaweed_documents.head("temp/1.pdf")
    assert (written, found and found.size) == (True, size)
    assert peak < size / 4


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 8 MiB were more than S3 takes in one request."""
    monkeypatch.setattr(s3_upload, "LARGEST_PUT", 8 * MEBIBYTE)
    monkeypatch.setattr(s3_upload, "PART_SIZE", 8 * MEBIBYTE)


@pytest.mark.parametrize("server", ["seaweed", "moto"])
@pytest.mark.usefixtures("in_parts")
def test_put_new_writes_a_body_in_parts(request: pytest.FixtureRequest, server: str) -> None:
    documents: BucketUnderTest = request.getfixturevalue(f"{server}_documents")
    content = bytes(range(256)) * (20 * MEBIBYTE // 256) + b"end"

    assert documents.put("temp/1.pdf", content) is True
    assert documents.put("temp/1.pdf", content[:-1]) is False

    assert documents.read("temp/1.pdf") == content
    found = documents.head("temp/1.pdf")
    assert found is not None
    assert found.sha256 is not None
    assert uploads_begun(documents) == 0


@pytest.mark.usefixtures("in_parts")
def test_put_new_discards_the_parts_when_the_body_cannot_be_read(
    moto_documents: BucketUnderTest,
) -> None:
    class Torn(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 0:
                raise OSError("the disk went away")
            return super().read(size)

    with pytest.raises(OSError, match="the disk went away"):
        moto_documents.store.put_new(
            moto_documents.name,
            "temp/1.pdf",
            Torn(bytes(9 * MEBIBYTE)),
            sha256="0" * 64,
            content_type="application/pdf",
        )

    assert uploads_begun(moto_documents) == 0
    assert moto_documents.head("temp/1.pdf") is None


def test_one_of_twelve_writers_of_a_chunked_object_wins(seaweed_documents: BucketUnderTest) -> None:
    start = Barrier(12)

    def write(number: int) -> bool:
        content = bytes([number]) * (5 * MEBIBYTE)  # SeaweedFS cuts objects at 4 MiB
        start.wait()
        return seaweed_documents.put("temp/1.pdf", content)

    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(write, range(12)))

    assert won.count(True) == 1
    assert set(seaweed_documents.read("temp/1.pdf")) == {won.index(True)}


def test_put_new_names_a_key_that_the_server_takes_for_a_folder(
    seaweed_documents: BucketUnderTest,
) -> None:
    seaweed_documents.put("temp/1/page.png")

    with pytest.raises(ConflictError, match="temp/1 can neither be written nor read"):
        seaweed_documents.put("temp/1")


def test_more_than_a_thousand_keys_are_listed_and_deleted(
    seaweed: S3Server, seaweed_documents: BucketUnderTest
) -> None:
    documents, client = seaweed_documents, seaweed.client()
    keys = [f"temp/{number:04}.pdf" for number in range(1500)]
    with ThreadPoolExecutor(4) as pool:
        for key in (*keys, "temp-other"):
            pool.submit(client.put_object, Bucket=documents.name, Key=key, Body=b"x")

    assert documents.keys() == keys
    assert documents.delete(*keys, *keys[:10]) == Deletion(deleted=tuple(keys))
    assert documents.keys() == []
    assert documents.head("temp-other") is not None


def test_delete_reports_each_key_that_s3_refuses(
    seaweed: S3Server, seaweed_documents: BucketUnderTest, limited_bucket: str, sign_in: SignIn
) -> None:
    mine, denied, denied_alone = "temp/mine/1.pdf", "temp/theirs/1.pdf", "temp/theirs/\x01.pdf"
    admin = elsewhere(seaweed_documents, name=limited_bucket)
    for key in (mine, denied, denied_alone):
        admin.put(key)
    sign_in(*LIMITED)
    limited = elsewhere(seaweed_documents, name=limited_bucket)

    deletion = limited.delete(mine, denied, denied_alone, "temp/mine/none")

    assert deletion.deleted == (mine, "temp/mine/none")
    assert [(failure.key, failure.code) for failure in deletion.failed] == [
        (denied, "AccessDenied"),
        (denied_alone, "AccessDenied"),
    ]
    assert admin.keys() == sorted([denied, denied_alone])


@pytest.fixture
def limited_bucket(seaweed: S3Server) -> Iterator[str]:
    client = seaweed.client()
    client.create_bucket(Bucket=LIMITED_BUCKET)
    yield LIMITED_BUCKET
    client.delete_bucket(Bucket=LIMITED_BUCKET)


def test_delete_reports_each_key_that_a_bucket_policy_denies(
    moto: S3Server, moto_documents: BucketUnderTest
) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject",
        "Resource": f"arn:aws:s3:::{moto_documents.name}/temp/kept*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for key in ("temp/kept.pdf", "temp/kept\x01.pdf", "temp/1.pdf"):
        moto_documents.put(key)
    moto.client().put_bucket_policy(Bucket=moto_documents.name, Policy=policy)
    try:
        deletion = moto_documents.delete("temp/1.pdf", "temp/kept.pdf", "temp/kept\x01.pdf")
    finally:
        moto.client().delete_bucket_policy(Bucket=moto_documents.name)

    assert deletion.deleted == ("temp/1.pdf",)
    assert [(failure.key, failure.code) for failure in deletion.failed] == [
        ("temp/kept.pdf", "AccessDenied"),
        ("temp/kept\x01.pdf", "AccessDenied"),
    ]


def test_delete_in_a_locked_bucket_hides_the_object_and_leaves_its_versions(
    seaweed: S3Server, seaweed_documents: BucketUnderTest, locked_bucket: str
) -> None:
    locked = elsewhere(seaweed_documents, name=locked_bucket)
    locked.put("temp/1.pdf")
    seaweed.client().put_object_legal_hold(
        Bucket=locked_bucket, Key="temp/1.pdf", LegalHold={"Status": "ON"}
    )

    assert locked.delete("temp/1.pdf") == Deletion(deleted=("temp/1.pdf",))

    assert locked.head("temp/1.pdf") is None
    versions = seaweed.client().list_object_versions(Bucket=locked_bucket)["Versions"]
    assert [version["Key"] for version in versions] == ["temp/1.pdf"]


@pytest.fixture
def locked_bucket(seaweed: S3Server) -> str:
    """A new one each time: nothing can empty it before the server goes."""
    name = f"locked-{uuid.uuid4().hex[:12]}"
    seaweed.client().create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name
