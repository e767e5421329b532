"""Writes an object only where there is none, with constant memory, whatever its size."""

from contextlib import suppress
from dataclasses import dataclass
from os import SEEK_END
from typing import TYPE_CHECKING, BinaryIO

from jobctl.storage.s3_errors import error_code, require_s3_answer, s3_errors

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

# The most that S3 takes in one request. Not less, although parts could be retried one by one:
# a conditional PUT has one winner on every server, a conditional multipart upload only on some
# (SeaweedFS 4 checks the condition and completes without a lock between the two).
LARGEST_PUT = 5 * 1024**3
PART_SIZE = 32 * 1024**2
_MOST_PARTS = 10_000

# The key is taken, somebody is writing or deleting it now, or (NoSuchUpload) a completion whose
# reply was lost has been sent again.
_CONTENDED = frozenset(
    {"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted", "NoSuchUpload"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Upload:
    client: "S3Client"
    endpoint: str
    bucket: str
    key: str
    sha256: str
    content_type: str

    def write_absent(self, body: BinaryIO) -> bool:
        """Write *body* under If-None-Match; False when the condition did not hold."""
        from botocore.exceptions import ClientError

        size = body.seek(0, SEEK_END)
        body.seek(0)
        with s3_errors(self.bucket, self.endpoint):
            try:
                if size <= LARGEST_PUT:
                    self._put(body, size)
                else:
                    self._put_in_parts(body, size)
            except ClientError as error:
                if error_code(error) in _CONTENDED:
                    return False
                raise
        return True

    def _put(self, body: BinaryIO, size: int) -> None:
        answer = self.client.put_object(
            Bucket=self.bucket,
            Key=self.key,
            Body=body,
            ContentLength=size,
            ContentType=self.content_type,
            Metadata={"sha256": self.sha256},
            IfNoneMatch="*",
        )
        require_s3_answer(answer, "ETag", self.bucket, self.endpoint)

    def _put_in_parts(self, body: BinaryIO, size: int) -> None:
        """Begin, send and complete an upload; whatever stops it also discards the parts."""
        from botocore.exceptions import BotoCoreError, ClientError

        begun = self.client.create_multipart_upload(
            Bucket=self.bucket,
            Key=self.key,
            ContentType=self.content_type,
            Metadata={"sha256": self.sha256},
        )
        require_s3_answer(begun, "UploadId", self.bucket, self.endpoint)
        upload_id = begun["UploadId"]
        try:
            answer = self.client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=upload_id,
                MultipartUpload={"Parts": self._parts(body, size, upload_id)},
                IfNoneMatch="*",
            )
            require_s3_answer(answer, "ETag", self.bucket, self.endpoint)
        except BaseException:
            with suppress(ClientError, BotoCoreError):
                self.client.abort_multipart_upload(
                    Bucket=self.bucket, Key=self.key, UploadId=upload_id
                )
            raise

    def _parts(self, body: BinaryIO, size: int, upload_id: str) -> "list[CompletedPartTypeDef]":
        part_size = max(PART_SIZE, -(-size // _MOST_PARTS))
        parts: list[CompletedPartTypeDef] = []
        while part := body.read(part_size):
            sent = self.client.upload_part(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=upload_id,
                PartNumber=len(parts) + 1,
                Body=part,
            )
            parts.append({"PartNumber": len(parts) + 1, "ETag": sent["ETag"]})
            # S3 wants the checksums back that botocore added to the parts; not every server
            # returns them.
            if checksum := sent.get("ChecksumCRC32"):
                parts[-1]["ChecksumCRC32"] = checksum
        return parts
