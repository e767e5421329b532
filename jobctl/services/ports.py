"""What the services need of the job store, as Protocols; adapters live in `jobctl.storage`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from jobctl.domain.audit import AuditEntry
from jobctl.domain.job import Job, Secret
from jobctl.domain.status import JobStatus
from jobctl.errors import JobctlError


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


class Position(NamedTuple):
    """A place in the index: seconds of the last change, then the id. Newest first."""

    score: float
    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An index member at its place; `job` is None when the record has expired."""

    position: Position
    job: Job | None


class Glimpse(NamedTuple):
    """An index member with the few fields that sort out millions of jobs, as they are stored.

    All of them are None where the record has expired, but also where it has other fields alone,
    or is not a hash: `exists` tells.
    """

    job_id: str
    score: float
    exists: bool
    status: str | None
    updated_at: str | None
    created_at: str | None
    approval_expires_at: str | None
    cleanup_state: str | None

    @property
    def is_expired(self) -> bool:
        return not self.exists

    @property
    def tells_nothing(self) -> bool:
        return self.status is None and self.created_at is None and self.updated_at is None


class LastOperation(NamedTuple):
    """As they are stored; `op_id` is empty for a job that jobctl never changed."""

    op_id: str
    status: str | None
    created_at: str | None


class TokenKind(StrEnum):
    """What a token is for: deciding on a job, or following its progress."""

    APPROVAL = "approval"
    STREAM = "stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is kept below a key of its own: whoever bears it may do as its kind says."""

    kind: TokenKind
    value: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHolder:
    """The job that a token is for, and how long the token is good for yet."""

    job_id: str
    ttl: timedelta | None


QueueName = Literal["processing", "approval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEntry:
    """An entry of a queue as it is stored, and how often at most it stands there.

    `near_end` says from which side it is sooner found.
    """

    queue: QueueName
    text: str
    times: int = 1
    near_end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One change of one job, applied with its audit record in one atomic step, or not at all.

    `expected_status` is the stored status that was read: None, the job must not exist; "", it
    exists without one. `expected_cleanup` likewise, where it is not None. `held_token` must be
    the record's approval token and `consumes` a token of the job; both are gone afterwards.
    `expected_stamp` is the stored `updated_at`, and `lease` what this run's lease must hold.
    `least_ttl` only ever raises what the record has left to live; `ttl` sets it.
    `keeps_place` leaves the job where it is in the index: it did not move on. `delete` removes
    the record and everything that points to it; `only_recorded` writes the audit record alone,
    and unless it `compares`, whatever has become of the job meanwhile.
    """

    job_id: str
    action: str
    op_id: str
    actor: str
    at: datetime
    expected_status: str | None
    expected_cleanup: str | None = None
    expected_stamp: str | None = None
    lease: str | None = None
    to_status: JobStatus | None = None
    reason: str = ""
    summary: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)
    removed_fields: Sequence[str] = ()
    ttl: timedelta | None = None
    least_ttl: timedelta | None = None
    issues: Token | None = None
    token_lifetime: timedelta | None = None
    deadline: datetime | None = None
    closes_approval: bool = False
    held_token: Secret | None = None
    consumes: Token | None = None
    push_processing: str | None = None
    push_approval: str | None = None
    drop_queue_entries: Sequence[QueueEntry] = ()
    keeps_place: bool = False
    delete: bool = False
    only_recorded: bool = False
    compares: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A change that is in the store; `replayed` when an earlier attempt had already made it.

    `audit_seq` is 0 where its audit record has been trimmed away since.
    """

    op_id: str
    audit_seq: int
    replayed: bool = False


class Admission(NamedTuple):
    """How many refused attempts may be recorded, and how many were left out since the last one."""

    number: int
    left_out_before: int


class Lease(Protocol):
    """One run at a time: `claim` is what every change of this run is fenced by."""

    @property
    def claim(self) -> str: ...

    def renew(self) -> None:
        """LockedError where it has run out: nothing more may be done then."""

    def hold(self) -> None:
        """As `renew`, but it asks only where the last time is some seconds ago; from any thread.
        Whoever was paused for longer than that is told at once."""


class JobStore(Protocol):
    """Jobs with their index, deadlines, queues and audit trail."""

    def read(self, job_ids: Sequence[str], *, brief: bool = False) -> Reading:
        """One round trip for some dozens of ids. *brief* is for very many: of each job no more
        than its status, the times of its changes, its document's key and state of cleanup."""

    def find(self, prefix: str) -> Sequence[str]:
        """Up to two indexed ids that begin with *prefix*."""

    def walk(
        self,
        *,
        since: datetime | None,
        until: datetime | None,
        after: Position | None,
        page_size: int,
        status: Callable[[str | None], bool] | None = None,
    ) -> Iterator[Sequence[Entry]]:
        """The index from the newest change back, in pages of one round trip each.

        Ids with equal times are neither lost nor repeated. *after* resumes behind a position.
        Jobs whose stored *status* is not wanted are passed over without being read.
        """

    def glimpse(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Sequence[Glimpse]]:
        """As `walk`, for very many jobs of which few are wanted; pages of a thousand or so."""

    def meanings(self, job_ids: Sequence[str]) -> Sequence[JobStatus | None]:
        """What the stored statuses mean: None for an unknown one and for no such job."""

    def peek(self, job_ids: Sequence[str]) -> Sequence[Glimpse]:
        """The same of jobs that are known by their ids; the score of one that is not in the index
        is minus infinity."""

    def last_operations(self, job_ids: Sequence[str]) -> Sequence[LastOperation | None]:
        """What each job says of the last change that jobctl made to it; None for no such job."""

    def raw_records(self, job_ids: Sequence[str]) -> Sequence[Mapping[str, str]]:
        """The records as they are stored, PII and tokens included; empty for no such job."""

    def document_keys(self) -> Iterator[Sequence[tuple[str, str]]]:
        """(id, `s3_key`) of every record that has one, indexed or not, in pages; some twice."""

    def total(self, *, since: datetime | None = None, until: datetime | None = None) -> int:
        """How many members the index has in that time, expired ones included."""

    def queue_entries(self, job_ids: Iterable[str]) -> Mapping[str, Sequence[QueueEntry]]:
        """The entries of both queues that belong to the jobs, by job; the queues are read once."""

    def newest_queue_entries(self, job_ids: Iterable[str]) -> Mapping[str, Sequence[QueueEntry]]:
        """As `queue_entries`, but only among the few hundred that were pushed last."""

    def token_holder(self, token: Token) -> TokenHolder | None:
        """None for a token that nobody issued, that has expired or was used up."""

    def unreadable(self, fields: Mapping[str, object]) -> Sequence[str]:
        """What of *fields* could not be read back once it is stored, a sentence each."""

    def apply(self, mutation: Mutation) -> Applied:
        """Apply the change exactly once, however often the reply is lost.

        ChangedMeanwhileError: the job changed since it was read.
        HeldError: the approval service holds its lock on the job.
        OutcomeUnknownError: the connection was lost and could not be had again.
        """

    def apply_all(self, mutations: Sequence[Mutation]) -> Sequence[Applied | JobctlError]:
        """`apply` for each, in few round trips where nobody interferes; the outcomes in order.

        Each is atomic on its own. Raises only what keeps the first from being sent.
        """

    def admit_refusals(self, wanted: int, *, at_most: int) -> Admission:
        """How many of *wanted* refused attempts may be recorded, where a minute has *at_most*,
        whichever process they come from. The others are counted."""


class AuditLog(Protocol):
    """The audit trail to be read; what is written to it goes through `JobStore.apply`."""

    def walk(
        self, *, after: str | None, oldest_first: bool, page_size: int
    ) -> Iterator[Sequence[AuditEntry]]:
        """The trail from its newest entry back, or from the oldest on, a page a round trip.

        *after* resumes behind a place, whether or not an entry is there.
        """

    def appended(self, *, after: str) -> Sequence[AuditEntry]:
        """What stands behind *after* (`0-0`: all), oldest first, up to some hundreds. Where
        nothing does, what comes within a few seconds, or nothing.

        UnreachableError where the connection is lost.
        """
