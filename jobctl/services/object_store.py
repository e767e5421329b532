"""What the services need of the documents' store, as a Protocol; see `jobctl.storage`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object's metadata; `sha256` (hex) only where its writer recorded it."""

    key: str
    size: int
    modified_at: datetime
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeletedObject:
    key: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What became of a set of keys: each requested key is in exactly one of the two."""

    deleted: tuple[str, ...] = ()
    failed: tuple[UndeletedObject, ...] = ()


class Versions(StrEnum):
    """What a bucket keeps of what is deleted."""

    NONE = ""
    ALL = "versions"
    OLDER = "older-versions"
    LOCKED = "locked-versions"


Objections = Callable[[Sequence[str]], Mapping[str, UndeletedObject]]
"""What speaks against the deletion of some of these keys at this moment."""


def no_objections(keys: Sequence[str]) -> Mapping[str, UndeletedObject]:  # noqa: ARG001 - as above
    return {}


class ObjectStore(Protocol):
    """Documents. Failures are JobctlErrors that name the bucket and the remedy."""

    def put_new(
        self, bucket: str, key: str, body: BinaryIO, *, sha256: str, content_type: str
    ) -> bool:
        """Write *body* (seekable, read from its start) unless *key* exists; False then.

        Atomic: of several writers one gets True, and no reader sees half an object.
        """

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """The object's metadata, or None when there is no such key."""

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Every object below *prefix*, in any order, streamed; refuses a prefix under 5 chars."""

    def open(self, bucket: str, key: str) -> BinaryIO:
        """The object's contents, to be closed; NotFoundError where there is no such key."""

    def walk(self, bucket: str) -> Iterator[StoredObject]:
        """Every object of the bucket, in any order, streamed."""

    def delete(
        self, bucket: str, keys: Iterable[str], *, objections: Objections = no_objections
    ) -> Deletion:
        """Delete exactly *keys*; a missing key counts as deleted, every answer is checked.

        *objections* are asked for right before each request is sent, also before one that is
        sent again, and from several threads; what they name is left alone and counts as failed.
        """

    def check_bucket(self, bucket: str) -> None:
        """Raise unless the bucket exists and may be listed."""

    def keeps_versions(self, bucket: str) -> Versions | None:
        """What of a deleted object's data stays behind; None where nobody may ask."""

    def locate(self, bucket: str, key: str) -> str:
        """How a person names the object: `s3://bucket/key` or a file path."""
