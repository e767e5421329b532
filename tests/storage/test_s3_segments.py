"""Segments in a real bucket: written once, locked where that is possible, every version seen."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from jobctl.errors import NotFoundError, NotPermittedError
from jobctl.services.audit_segments import SegmentVersion
from jobctl.storage.s3_segments import S3SegmentStore
from tests.servers.s3 import READ_ONLY, S3Server
from tests.servers.s3_fixtures import SignIn


def store(server: S3Server, bucket: str, **options: Any) -> S3SegmentStore:
    values: dict[str, Any] = {"namespace": "n", "prefix": "", "retention": None, **options}
    return S3SegmentStore(
        bucket=bucket,
        endpoint_url=server.endpoint_url,
        region="us-east-1",
        addressing_style="path",
        **values,
    )


@pytest.fixture
def signed_in(seaweed: S3Server, sign_in: SignIn) -> S3Server:
    sign_in(seaweed.access_key, seaweed.secret_key)
    return seaweed


@pytest.fixture
def locking(signed_in: S3Server) -> str:
    """A bucket with Object Lock; it cannot be emptied, and goes with its server."""
    bucket = f"locked-{uuid.uuid4().hex[:12]}"
    signed_in.client().create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    return bucket


def test_what_is_written_is_read_and_listed(signed_in: S3Server, s3_bucket: str) -> None:
    segments = store(signed_in, s3_bucket, prefix="prod/")
    assert segments.versions() == {}
    for number in (1, 2, 12):
        assert segments.write(number, b"segment %d" % number)
    assert set(segments.versions()) == {1, 2, 12}
    assert segments.read(12, None) == b"segment 12"
    assert segments.locate(2) == f"s3://{s3_bucket}/prod/audit/n/00000002.jsonl.gz"


def test_what_is_there_is_not_overwritten(signed_in: S3Server, s3_bucket: str) -> None:
    segments = store(signed_in, s3_bucket)
    assert segments.write(1, b"mine") == SegmentVersion(version=None)
    assert segments.write(1, b"another") is None
    assert segments.read(1, None) == b"mine"


def test_a_write_whose_reply_was_lost_is_found_again(signed_in: S3Server, s3_bucket: str) -> None:
    segments = store(signed_in, s3_bucket)
    assert segments.write(1, b"mine")
    assert segments.write(1, b"mine") == SegmentVersion(version=None)


def test_of_several_writers_one_gets_through(signed_in: S3Server, s3_bucket: str) -> None:
    segments = store(signed_in, s3_bucket)
    bodies = [b"writer %d" % number for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        written = [*pool.map(lambda body: segments.write(1, body), bodies)]
    (winner,) = [body for body, one in zip(bodies, written, strict=True) if one is not None]
    assert segments.read(1, None) == winner


def test_other_namespaces_and_other_objects_are_left_out(
    signed_in: S3Server, s3_bucket: str
) -> None:
    assert store(signed_in, s3_bucket, namespace="n2").write(1, b"x")
    client = signed_in.client()
    for key in ("audit/n/readme.txt", "audit/n/old/00000001.jsonl.gz", "audit/n/1.jsonl.gz"):
        client.put_object(Bucket=s3_bucket, Key=key, Body=b"x")
    assert store(signed_in, s3_bucket).versions() == {}


def test_versions_and_delete_markers_are_told_oldest_first(
    signed_in: S3Server, s3_bucket: str
) -> None:
    client = signed_in.client()
    client.put_bucket_versioning(Bucket=s3_bucket, VersioningConfiguration={"Status": "Enabled"})
    segments = store(signed_in, s3_bucket)
    first = segments.write(1, b"first")
    assert first is not None
    assert first.version
    key = segments.locate(1).removeprefix(f"s3://{s3_bucket}/")
    client.put_object(Bucket=s3_bucket, Key=key, Body=b"second")
    client.delete_object(Bucket=s3_bucket, Key=key)
    (versions,) = segments.versions().values()
    assert [one.is_marker for one in versions if one == first] == [False]
    assert versions[0] == first
    assert sorted(one.is_marker for one in versions) == [False, False, True]
    assert segments.read(1, first.version) == b"first"
    with pytest.raises(NotFoundError):
        segments.read(2, None)


def test_a_segment_is_locked_where_the_bucket_can(signed_in: S3Server, locking: str) -> None:
    segments = store(signed_in, locking, retention=timedelta(days=1))
    written = segments.write(1, b"locked")
    assert written is not None
    client, key = signed_in.client(), "audit/n/00000001.jsonl.gz"
    answer = client.get_object_retention(Bucket=locking, Key=key)
    assert answer["Retention"]["Mode"] == "COMPLIANCE"
    assert answer["Retention"]["RetainUntilDate"] > datetime.now(UTC) + timedelta(hours=23)
    with pytest.raises(ClientError):
        client.delete_object(Bucket=locking, Key=key, VersionId=str(written.version))
    assert segments.read(1, written.version) == b"locked"


def test_a_bucket_without_locks_takes_segments_all_the_same(
    signed_in: S3Server, s3_bucket: str
) -> None:
    segments = store(signed_in, s3_bucket, retention=timedelta(days=1))
    assert not segments.is_locking
    assert segments.write(1, b"unlocked")


def test_whoever_may_not_write_is_told(seaweed: S3Server, s3_bucket: str, sign_in: SignIn) -> None:
    sign_in(*READ_ONLY)
    with pytest.raises(NotPermittedError):
        store(seaweed, s3_bucket).write(1, b"x")


def test_a_missing_bucket_is_told(signed_in: S3Server) -> None:
    with pytest.raises(NotFoundError, match="nosuchbucket"):
        store(signed_in, "nosuchbucket").versions()
