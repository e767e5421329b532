"""Documents in S3, or in a server that speaks its protocol."""

from collections.abc import Iterable, Iterator
from datetime import UTC
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO

from jobctl.errors import ConflictError, NotFoundError, NotPermittedError
from jobctl.services.object_store import Deletion, Objections, StoredObject, Versions, no_objections
from jobctl.storage.object_keys import check_key, check_prefix
from jobctl.storage.s3_client import connect_s3
from jobctl.storage.s3_delete import S3Deleter, ask_before_each_attempt
from jobctl.storage.s3_errors import (
    error_code,
    http_status,
    public_endpoint,
    require_s3_answer,
    s3_errors,
)
from jobctl.storage.s3_upload import S3Upload
from jobctl.storage.s3_versions import kept_versions

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_WRITE_ATTEMPTS = 3
# Answers to HEAD have no body, so these say neither which of bucket and key is meant nor why.
_UNEXPLAINED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


class S3ObjectStore:
    """An `ObjectStore`; boto3 is loaded and the client built at the first request.

    Safe to share between threads.
    """

    def __init__(
        self, *, endpoint_url: str | None, region: str | None, addressing_style: str
    ) -> None:
        self._endpoint_url = endpoint_url
        self._region = region
        self._addressing_style = addressing_style
        self._endpoint = public_endpoint(endpoint_url) if endpoint_url else "AWS S3"
        self._connected: S3Client | None = None
        self._connecting = Lock()

    def put_new(
        self, bucket: str, key: str, body: BinaryIO, *, sha256: str, content_type: str
    ) -> bool:
        """Write *body* unless *key* exists, with `sha256` in the object's metadata.

        False can also follow a write of our own: when its reply was lost, the request that
        botocore sends again finds the object there. Nothing in S3 tells that from another
        writer's object, so compare the digest of `head`: an equal one means it is uploaded.
        UnavailableError leaves open whether the object was written; to ask again is safe.
        Above 5 GB, whether one of several writers wins is up to the server (AWS: yes).
        """
        check_key(key)
        upload = S3Upload(
            client=self._client(bucket),
            endpoint=self._endpoint,
            bucket=bucket,
            key=key,
            sha256=sha256,
            content_type=content_type,
        )
        for _ in range(_WRITE_ATTEMPTS):
            if upload.write_absent(body):
                return True
            if self.head(bucket, key) is not None:
                return False
        raise ConflictError(
            f"{self.locate(bucket, key)} can neither be written nor read",
            hint="others create and delete it at this moment, or keys below it exist on a server "
            "that takes it for a folder; use another key",
        )

    def head(self, bucket: str, key: str) -> StoredObject | None:
        from botocore.exceptions import ClientError

        check_key(key)
        client = self._client(bucket)
        with s3_errors(bucket, self._endpoint):
            try:
                answer = client.head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if http_status(error) in _UNEXPLAINED:
                    self.check_bucket(bucket)
                if http_status(error) == HTTPStatus.NOT_FOUND:
                    return None
                raise
        require_s3_answer(answer, "LastModified", bucket, self._endpoint)
        return StoredObject(
            key=key,
            size=answer["ContentLength"],
            modified_at=answer["LastModified"].astimezone(UTC),
            sha256=answer["Metadata"].get("sha256"),
        )

    def open(self, bucket: str, key: str) -> BinaryIO:
        from botocore.exceptions import ClientError

        check_key(key)
        client = self._client(bucket)
        with s3_errors(bucket, self._endpoint):
            try:
                answer = client.get_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if http_status(error) == HTTPStatus.NOT_FOUND and error_code(error) == "NoSuchKey":
                    raise NotFoundError(f"no object {self.locate(bucket, key)}") from error
                raise
        return answer["Body"]  # type: ignore[return-value] # reads and closes like a file

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        check_prefix(prefix)
        return self._pages(bucket, prefix)

    def walk(self, bucket: str) -> Iterator[StoredObject]:
        return self._pages(bucket, "")

    def _pages(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        paginator = self._client(bucket).get_paginator("list_objects_v2")
        pages = iter(paginator.paginate(Bucket=bucket, Prefix=prefix))
        while True:
            with s3_errors(bucket, self._endpoint):
                page = next(pages, None)
            if page is None:
                return
            require_s3_answer(page, "Name", bucket, self._endpoint)
            for item in page.get("Contents", ()):
                yield StoredObject(
                    key=item["Key"],
                    size=item["Size"],
                    modified_at=item["LastModified"].astimezone(UTC),
                )

    def delete(
        self, bucket: str, keys: Iterable[str], *, objections: Objections = no_objections
    ) -> Deletion:
        """Raises only when the first request of 1,000 keys fails; later failures are results."""
        requested = tuple(keys)
        if not requested:
            return Deletion()
        return S3Deleter(
            client=self._client(bucket),
            bucket=bucket,
            endpoint=self._endpoint,
            objections=objections,
        ).delete(requested)

    def check_bucket(self, bucket: str) -> None:
        # One listing answers all that HEAD does, and unlike HEAD it says why it is refused.
        client = self._client(bucket)
        with s3_errors(bucket, self._endpoint):
            answer = client.list_objects_v2(Bucket=bucket, MaxKeys=1)
        require_s3_answer(answer, "Name", bucket, self._endpoint)

    def keeps_versions(self, bucket: str) -> Versions | None:
        client = self._client(bucket)
        try:
            with s3_errors(bucket, self._endpoint):
                return kept_versions(client, bucket)
        except NotPermittedError:
            return None

    def locate(self, bucket: str, key: str) -> str:
        return f"s3://{bucket}/{key}"

    def _client(self, bucket: str) -> "S3Client":
        with self._connecting:
            if self._connected is None:
                with s3_errors(bucket, self._endpoint):
                    self._connected = connect_s3(
                        endpoint_url=self._endpoint_url,
                        region=self._region,
                        addressing_style=self._addressing_style,
                    )
                ask_before_each_attempt(self._connected)
                # It can also come from AWS_ENDPOINT_URL or the AWS profile.
                self._endpoint = public_endpoint(self._connected.meta.endpoint_url)
            return self._connected
