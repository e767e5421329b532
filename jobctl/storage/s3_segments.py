"""Segments of the audit trail as objects of a bucket, locked where it has Object Lock."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jobctl.errors import NotFoundError
from jobctl.services.audit_segments import SegmentVersion
from jobctl.storage.s3_client import connect_s3
from jobctl.storage.s3_errors import error_code, http_status, public_endpoint, s3_errors
from jobctl.storage.segment_names import number_of, segment_folder, segment_name

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

# What S3 calls the version of an object that was written before the bucket kept versions.
_UNVERSIONED = "null"


@dataclass(frozen=True, kw_only=True)
class S3SegmentStore:
    """A `SegmentStore`. *retention* is how long nobody may delete or overwrite a segment, where
    the bucket has Object Lock; without it the bucket's own rule holds."""

    bucket: str
    prefix: str
    namespace: str
    retention: timedelta | None
    endpoint_url: str | None
    region: str | None
    addressing_style: str

    def versions(self) -> Mapping[int, Sequence[SegmentVersion]]:
        found: dict[int, list[tuple[datetime, SegmentVersion]]] = {}
        for item, is_marker in self._listed():
            number = number_of(item["Key"], self._folder)
            if number is not None:
                version = _version(item.get("VersionId"), is_marker=is_marker)
                found.setdefault(number, []).append((item["LastModified"], version))
        return {
            number: [version for _, version in sorted(ones, key=lambda one: one[0])]
            for number, ones in found.items()
        }

    def _listed(self) -> Iterator[tuple[Mapping[str, Any], bool]]:
        paginator = self._client.get_paginator("list_object_versions")
        pages = iter(paginator.paginate(Bucket=self.bucket, Prefix=self._folder))
        while True:
            with s3_errors(self.bucket, self._endpoint):
                page = next(pages, None)
            if page is None:
                return
            # Newest first among equal times, as S3 lists them.
            yield from ((one, False) for one in reversed(page.get("Versions", ())))
            yield from ((one, True) for one in reversed(page.get("DeleteMarkers", ())))

    def read(self, number: int, version: str | None) -> bytes:
        from botocore.exceptions import ClientError

        which: dict[str, Any] = {"VersionId": version} if version else {}
        with s3_errors(self.bucket, self._endpoint):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=self._key(number), **which)
                return answer["Body"].read()
            except ClientError as error:
                if error_code(error) in ("NoSuchKey", "NoSuchVersion"):
                    raise NotFoundError(f"no object {self.locate(number)}") from error
                raise

    def write(self, number: int, body: bytes) -> SegmentVersion | None:
        """Also where the reply to a write of our own was lost: it is found by its contents."""
        from botocore.exceptions import ClientError

        with s3_errors(self.bucket, self._endpoint):
            try:
                answer = self._client.put_object(
                    Bucket=self.bucket,
                    Key=self._key(number),
                    Body=body,
                    ContentType="application/gzip",
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    **self._lock,
                )
            except ClientError as error:
                if http_status(error) not in (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT):
                    raise
                return self._ours(number, body)
        return _version(answer.get("VersionId"))

    def _ours(self, number: int, body: bytes) -> SegmentVersion | None:
        first, *_ = self.versions().get(number, (None,))
        if first is None or first.is_marker or self.read(number, first.version) != body:
            return None
        return first

    @cached_property
    def _lock(self) -> dict[str, Any]:
        if self.retention is None or not self.is_locking:
            return {}
        return {
            "ObjectLockMode": "COMPLIANCE",
            "ObjectLockRetainUntilDate": datetime.now(UTC) + self.retention,
        }

    @cached_property
    def is_locking(self) -> bool:
        """Whether the bucket has Object Lock."""
        from botocore.exceptions import ClientError

        with s3_errors(self.bucket, self._endpoint):
            try:
                answer = self._client.get_object_lock_configuration(Bucket=self.bucket)
            except ClientError as error:
                if http_status(error) in (HTTPStatus.NOT_FOUND, HTTPStatus.NOT_IMPLEMENTED):
                    return False
                raise
        return answer["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"

    def locate(self, number: int) -> str:
        return f"s3://{self.bucket}/{self._key(number)}"

    def _key(self, number: int) -> str:
        return segment_name(self._folder, number)

    @cached_property
    def _folder(self) -> str:
        return f"{self.prefix}audit/{segment_folder(self.namespace)}"

    @cached_property
    def _client(self) -> "S3Client":
        with s3_errors(self.bucket, self.endpoint_url or "AWS S3"):
            return connect_s3(
                endpoint_url=self.endpoint_url,
                region=self.region,
                addressing_style=self.addressing_style,
            )

    @cached_property
    def _endpoint(self) -> str:
        return public_endpoint(self._client.meta.endpoint_url)


def _version(text: str | None, *, is_marker: bool = False) -> SegmentVersion:
    return SegmentVersion(version=None if text == _UNVERSIONED else text, is_marker=is_marker)
