"""What the services need from the outside, as Protocols; adapters live in `jobctl.storage`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from jobctl.domain.job import Job, Secret
from jobctl.domain.status import JobStatus
from jobctl.errors import JobctlError


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

    def delete(self, bucket: str, keys: Iterable[str]) -> Deletion:
        """Delete exactly *keys*; a missing key counts as deleted, every answer is checked."""

    def check_bucket(self, bucket: str) -> None:
        """Raise unless the bucket exists and may be listed."""

    def keeps_versions(self, bucket: str) -> bool | None:
        """Whether a deleted object's data stays behind as a version; None where nobody may ask."""

    def locate(self, bucket: str, key: str) -> str:
        """How a person names the object: `s3://bucket/key` or a file path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job and what surrounds it in the store, read in one round trip.

    `ttl` is None for a record that never expires, `indexed_at` for one that is not indexed.
    """

    job: Job
    ttl: timedelta | None
    indexed_at: datetime | None
    deadline: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The store's clock and, in the order asked for, the records (None: no such job)."""

    now: datetime
    records: tuple[JobRecord | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in the index: seconds of the last change, then the id. Newest first."""

    score: float
    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An index member at its place; `job` is None when the record has expired."""

    position: Position
    job: Job | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalWindow:
    """A token that is issued with its deadline; the token opens the decision to its bearer."""

    token: Secret
    expires_at: datetime
    lifetime: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One change of one job, applied with its audit record in one atomic step, or not at all.

    `expected_status` is the stored status that was read: None, the job must not exist; "", it
    exists without one. `delete` removes the record and everything that points to it.
    """

    job_id: str
    action: str
    op_id: str
    actor: str
    at: datetime
    expected_status: str | None
    to_status: JobStatus | None = None
    reason: str = ""
    summary: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)
    removed_fields: Sequence[str] = ()
    ttl: timedelta | None = None
    opens: ApprovalWindow | None = None
    closes_approval: bool = False
    held_token: Secret | None = None
    push_processing: str | None = None
    push_approval: str | None = None
    drop_queue_entries: Sequence[str] = ()
    delete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A change that is in the store; `replayed` when an earlier attempt had already made it."""

    op_id: str
    audit_seq: int
    replayed: bool = False


class JobStore(Protocol):
    """Jobs with their index, deadlines, queues and audit trail."""

    def read(self, job_ids: Sequence[str]) -> Reading:
        """One round trip, whatever the number of ids."""

    def find(self, prefix: str) -> Sequence[str]:
        """Up to two indexed ids that begin with *prefix*."""

    def walk(
        self,
        *,
        since: datetime | None,
        until: datetime | None,
        after: Position | None,
        page_size: int,
    ) -> Iterator[Sequence[Entry]]:
        """The index from the newest change back, in pages of one round trip each.

        Ids with equal times are neither lost nor repeated. *after* resumes behind a position.
        """

    def total(self, *, since: datetime | None = None, until: datetime | None = None) -> int:
        """How many members the index has in that time, expired ones included."""

    def queue_entries(self, job_id: str) -> Sequence[str]:
        """The raw entries of both queues that belong to the job."""

    def unreadable(self, fields: Mapping[str, object]) -> Sequence[str]:
        """What of *fields* could not be read back once it is stored, a sentence each."""

    def apply(self, mutation: Mutation) -> Applied:
        """Apply the change exactly once, however often the reply is lost.

        ConflictError: the job changed since it was read, or is held by a decision in progress.
        OutcomeUnknownError: the connection was lost and could not be had again.
        """

    def apply_all(self, mutations: Sequence[Mutation]) -> Sequence[Applied | JobctlError]:
        """`apply` for each, in one round trip where nobody interferes; the outcomes in order.

        Each is atomic on its own. Raises OutcomeUnknownError for all that have no outcome, and
        whatever keeps the first from being sent.
        """
