"""`audit show`: one record, and whether it is as it was written and where it was written."""

from dataclasses import dataclass
from enum import StrEnum

from jobctl.domain.audit import AuditEntry, AuditHead, place_behind
from jobctl.domain.audit_chain import Breach, ChainCheck
from jobctl.errors import NotFoundError
from jobctl.services.ports import AuditLog


class Link(StrEnum):
    """How a record stands to the one before it."""

    SOUND = "it pins the record before it"
    BROKEN = "it does not pin the record before it: one of the two was changed"
    GAP = "the record before it is missing, though older entries are there"
    FIRST = "it is the first record"
    OLDEST = "it is the oldest record that is kept: there is nothing to compare it with"
    NONE = "it is not a record of the chain"

    @property
    def is_sound(self) -> bool | None:
        """None where there is nothing to compare with."""
        if self in (Link.OLDEST, Link.NONE):
            return None
        return self in (Link.SOUND, Link.FIRST)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowAudit:
    """`place` is the stream's own id of the entry."""

    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDetails:
    """`hash_ok` is None for an entry without a hash of ours: nothing tells what it should be."""

    entry: AuditEntry
    hash_ok: bool | None
    link: Link


def audit_show(request: ShowAudit, *, audit_log: AuditLog) -> AuditDetails:
    """The entry and its neighbour come in one round trip. NotFoundError where there is none."""
    walk = audit_log.walk(after=place_behind(request.place), oldest_first=False, page_size=2)
    entry, before = (*next(walk, ()), None, None)[:2]
    if entry is None or entry.place != request.place:
        raise NotFoundError(
            f"no audit record {request.place.removesuffix('-0')}",
            hint="jobctl audit list shows the newest records, --oldest-first those kept longest",
        )
    if not entry.is_chained:
        return AuditDetails(entry=entry, hash_ok=None, link=Link.NONE)
    check = ChainCheck(_head(entry, before))
    found = {one.breach for one in check.take(entry.place, entry.stored)}
    return AuditDetails(
        entry=entry, hash_ok=found.isdisjoint(_SPOILT), link=_link(entry, before, found)
    )


_SPOILT = frozenset({Breach.ALTERED, Breach.MALFORMED})


def _head(entry: AuditEntry, before: AuditEntry | None) -> AuditHead | None:
    """What the entry has to follow; None where it is the oldest that is kept."""
    if entry.seq == 1:
        return AuditHead()
    if before is None:
        return None
    # What jobctl did not write stands for no record of the chain.
    return AuditHead(seq=(before.seq or 0) if before.is_chained else 0, hash=before.hash or "")


def _link(entry: AuditEntry, before: AuditEntry | None, found: set[Breach]) -> Link:
    if Breach.MISSING in found:
        return Link.GAP
    if Breach.UNLINKED in found:
        return Link.BROKEN
    if entry.seq == 1:
        return Link.FIRST
    return Link.OLDEST if before is None else Link.SOUND
