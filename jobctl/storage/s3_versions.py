"""What a bucket of S3 keeps of what is deleted from it."""

from typing import TYPE_CHECKING

from jobctl.services.object_store import Versions

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client


def kept_versions(client: "S3Client", bucket: str) -> Versions:
    """Raises botocore's errors where the bucket's versioning may not be asked for."""
    status = client.get_bucket_versioning(Bucket=bucket).get("Status")
    if status == "Enabled":
        return Versions.LOCKED if _locks(client, bucket) else Versions.ALL
    if status == "Suspended" and _has_versions(client, bucket):
        return Versions.OLDER
    return Versions.NONE


def _has_versions(client: "S3Client", bucket: str) -> bool:
    """Whether any was kept while versions were; where nobody may look, or there is much to look
    through, there may be."""
    from botocore.exceptions import ClientError

    try:
        found = client.list_object_versions(Bucket=bucket)
    except ClientError:
        return True
    kept = any(one.get("VersionId", "null") != "null" for one in found.get("Versions", ()))
    return kept or found.get("IsTruncated", False)


def _locks(client: "S3Client", bucket: str) -> bool:
    """A bucket without locks, and a server that has none, answer with an error."""
    from botocore.exceptions import ClientError

    try:
        answer = client.get_object_lock_configuration(Bucket=bucket)
    except ClientError:
        return False
    return answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"
