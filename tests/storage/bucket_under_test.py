"""A bucket of any object store, with the few words that the tests need."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from jobctl.services.object_store import (
    Deletion,
    Objections,
    ObjectStore,
    StoredObject,
    no_objections,
)
from jobctl.storage.s3_objects import S3ObjectStore
from tests.servers.s3 import S3Server


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketUnderTest:
    """`origin` is what holds the bytes, so that they can be read around the store."""

    store: ObjectStore
    name: str
    origin: S3Server | Path

    def put(self, key: str, content: bytes = b"content") -> bool:
        return self.store.put_new(
            self.name,
            key,
            BytesIO(content),
            sha256=sha256(content).hexdigest(),
            content_type="application/pdf",
        )

    def head(self, key: str) -> StoredObject | None:
        return self.store.head(self.name, key)

    def keys(self, prefix: str = "temp/") -> Sequence[str]:
        return sorted(found.key for found in self.store.list(self.name, prefix))

    def delete(self, *keys: str, objections: Objections = no_objections) -> Deletion:
        return self.store.delete(self.name, keys, objections=objections)

    def read(self, key: str) -> bytes:
        if isinstance(self.origin, Path):
            return (self.origin / self.name / key).read_bytes()
        return self.origin.client().get_object(Bucket=self.name, Key=key)["Body"].read()


def s3_store(endpoint_url: str) -> S3ObjectStore:
    return S3ObjectStore(endpoint_url=endpoint_url, region="us-east-1", addressing_style="path")


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def files_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
