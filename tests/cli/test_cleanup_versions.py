"""`cleanup` tells what a bucket keeps of documents that were deleted."""

import time
from typing import Literal

import pytest

from tests.cli.world import World, new_id

LONG_AGO = 60 * 86_400


@pytest.mark.parametrize(
    ("status", "kept", "note"),
    [
        ("Enabled", "versions", "bucket {} keeps their data as versions"),
        ("Suspended", "older-versions", "bucket {}: versioning is suspended: older versions stay"),
    ],
)
def test_a_bucket_that_keeps_versions_is_told_of(
    strict_world: World, status: Literal["Enabled", "Suspended"], kept: str, note: str
) -> None:
    world, bucket = strict_world, new_id()
    world.bucket.create_bucket(Bucket=bucket)
    for one in ("Enabled", status):
        world.bucket.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": one})
        if one == "Enabled":
            job_id = world.seed("completed", job_id=new_id(), at=time.time() - LONG_AGO)
            world.bucket.put_object(Bucket=bucket, Key=f"temp/{job_id}.pdf", Body=b"x")
    _assert_told(world, bucket, kept, note)


def test_a_bucket_with_locks_is_told_of(strict_world: World) -> None:
    world, bucket = strict_world, new_id()
    world.bucket.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    job_id = world.seed("completed", job_id=new_id(), at=time.time() - LONG_AGO)
    world.bucket.put_object(Bucket=bucket, Key=f"temp/{job_id}.pdf", Body=b"x")
    note = "bucket {} keeps their data as versions, locked ones until their retention ends"
    _assert_told(world, bucket, "locked-versions", note)


def _assert_told(world: World, bucket: str, kept: str, note: str) -> None:
    keys = ("versioned_buckets", "versions_kept")
    outcome = world.run("cleanup", "--yes", "-q", "-o", "json", JOBCTL_DOCUMENTS_BUCKET=bucket)
    assert outcome.exit_code == 0
    assert [outcome.json["summary"][key] for key in keys] == [[bucket], {bucket: kept}]
    job_id = world.seed("completed", job_id=new_id(), at=time.time() - LONG_AGO)
    world.bucket.put_object(Bucket=bucket, Key=f"temp/{job_id}.pdf", Body=b"x")
    outcome = world.run("cleanup", "--yes", JOBCTL_DOCUMENTS_BUCKET=bucket)
    assert note.format(bucket) in outcome.stderr
