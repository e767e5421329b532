"""The audit record and its hash chain.

Each record pins the one before it: `hash = SHA-256(prev + canonical JSON)`. A record holds
neither document text nor PII findings nor tokens; `reason` is what the actor wrote on purpose.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from json.encoder import encode_basestring_ascii

from jobctl.domain.moments import format_rfc3339

GENESIS = "0" * 64
_PLACE = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?", re.ASCII)
_LAST_NUMBER = 2**64 - 1


def parse_place(text: str) -> str | None:
    """The stream's own id of the entry that *text* stands for, as `AuditEntry.number` writes it;
    None for what no entry can have."""
    found = _PLACE.fullmatch(text)
    number, part = (int(digits or 0) for digits in found.groups()) if found else (0, 0)
    # No entry has the id 0-0, and a server refuses it as a bound.
    if (number, part) == (0, 0) or max(number, part) > _LAST_NUMBER:
        return None
    return f"{number}-{part}"


def place_behind(place: str) -> str | None:
    """The next id that an entry could have; None behind the last one there can be."""
    number, part = map(int, place.split("-"))
    if part < _LAST_NUMBER:
        return f"{number}-{part + 1}"
    return f"{number + 1}-0" if number < _LAST_NUMBER else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The newest record of the chain as far as the next one needs it (seq 0: no record yet)."""

    seq: int = 0
    hash: str = GENESIS
    at: datetime | None = None

    def not_before(self, at: datetime) -> datetime:
        """*at*, or the head's own time where clocks disagree: the chain never runs backwards."""
        return at if self.at is None else max(at, self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One change of one job, or an attempt that was refused; `from_status` and `to_status` are
    statuses as they are stored."""

    seq: int
    op_id: str
    actor: str
    action: str
    job_id: str
    from_status: str
    to_status: str
    reason: str
    summary: str
    at: datetime
    prev: str

    def stream_fields(self) -> dict[str, str]:
        """The stream entry, without `prev` and `hash`: exactly what the hash covers."""
        return {
            "seq": str(self.seq),
            "op_id": self.op_id,
            "actor": self.actor,
            "action": self.action,
            "job_id": self.job_id,
            "from": self.from_status,
            "to": self.to_status,
            "reason": self.reason,
            "summary": self.summary,
            "at": format_rfc3339(self.at),
        }

    def digest(self) -> str:
        return chain_hash(self.prev, self.stream_fields())


COVERED = (
    "action", "actor", "at", "from", "job_id", "op_id", "reason", "seq", "summary", "to"
)  # fmt: skip
"""The fields that the hash covers, in the order of the canonical JSON."""

_CANONICAL = "%s{" + ",".join(f'"{name}":%s' for name in COVERED) + "}"


def chain_hash(prev: str, fields: Mapping[str, str]) -> str:
    """SHA-256 over *prev* and the canonical JSON of the covered *fields* (sorted keys, no blanks,
    ASCII), in hex."""
    values = [encode_basestring_ascii(fields[name]) for name in COVERED]
    return sha256((_CANONICAL % (prev, *values)).encode("utf-8", "surrogatepass")).hexdigest()


def number_of(place: str) -> int:
    """The number in the stream's id of an entry, `<number>-<part>`; a record's has the part 0."""
    return int(place.partition("-")[0])


def says_nothing_of_changes(action: str) -> bool:
    """Whether records with this action speak of something else than a change of their job."""
    return action.endswith("-refused") or action in _ABOUT_NO_CHANGE


_ABOUT_NO_CHANGE = frozenset({"audit-record", "prune-intent", "orphan-intent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What stands in the trail, whoever wrote it; None where it is absent or cannot be read.

    `place` is the stream's own id of the entry, `stored` all that it holds, word for word.
    """

    place: str
    at: datetime | None
    op_id: str | None
    actor: str | None
    action: str | None
    job_id: str | None
    from_status: str | None
    to_status: str | None
    reason: str | None
    summary: str | None
    prev: str | None
    hash: str | None
    stored: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def number(self) -> str:
        """The place as it is printed, and taken back: jobctl's own records are just counted."""
        return self.place.removesuffix("-0")

    @property
    def seq(self) -> int | None:
        """None for an id that jobctl does not give."""
        number, _, part = self.place.partition("-")
        return int(number) if part == "0" else None

    @property
    def is_chained(self) -> bool:
        """Whether it looks like a record of the chain; only `audit verify` knows that it is one."""
        return self.seq is not None and bool(self.hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Empty conditions admit everything; `actions` is in lower case.

    `since` is inclusive and `until` exclusive; an entry without a time is in no span.
    """

    job_id: str | None = None
    actor: str | None = None
    actions: frozenset[str] = frozenset()
    op_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def admits(self, entry: AuditEntry) -> bool:
        return (
            self.job_id in (None, entry.job_id)
            and self.actor in (None, entry.actor)
            and self.op_id in (None, entry.op_id)
            and (not self.actions or (entry.action or "").lower() in self.actions)
            and (self.since is None or (entry.at is not None and entry.at >= self.since))
            and (self.until is None or (entry.at is not None and entry.at < self.until))
        )

    def is_beyond(self, entry: AuditEntry, *, oldest_first: bool) -> bool:
        """Whether nothing from *entry* on can be in the span: times never run backwards along
        the chain. The time of an entry that is not of it tells nothing about its neighbours."""
        if entry.at is None or not entry.is_chained:
            return False
        if oldest_first:
            return self.until is not None and entry.at >= self.until
        return self.since is not None and entry.at < self.since
