"""Where somebody stopped reading the audit trail, and whether it can be gone on from there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from jobctl.domain.audit import AuditEntry, place_behind
from jobctl.errors import FindingsError
from jobctl.services.operations import counted
from jobctl.services.ports import AuditLog


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailPosition:
    """The last entry that was looked at, by its place; `hash` is None where it had none."""

    place: str
    hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimmed:
    """What was trimmed away before it was read: all between `behind` and `oldest`, which is the
    oldest entry kept; `missing` is None where nobody can tell how many they were."""

    behind: str
    oldest: str
    missing: int | None


class KeptPosition(Protocol):
    """A position that outlives the command."""

    def read(self) -> TrailPosition | None:
        """None where none was kept yet."""

    def replace(self, position: TrailPosition) -> None: ...


def position_of(entry: AuditEntry) -> TrailPosition:
    return TrailPosition(place=entry.place, hash=entry.hash)


def check_position(position: TrailPosition, *, audit_log: AuditLog) -> Trimmed | None:
    """None where the trail goes on behind *position*; FindingsError where it is another one."""
    nearest = entry_nearest(audit_log, to=position.place)
    if nearest is not None and nearest.place == position.place:
        if nearest.hash != position.hash:
            raise _broken(position, "holds something else now")
        return None
    oldest = _first(audit_log.walk(after=None, oldest_first=True, page_size=1))
    if nearest is not None or oldest is None:
        raise _broken(position, "is not there any more, and was not trimmed away")
    return _trimmed(position, oldest)


def entry_nearest(audit_log: AuditLog, *, to: str | None = None) -> AuditEntry | None:
    """The entry at the place *to*, else the last one before it; without one the newest."""
    after = place_behind(to) if to else None
    return _first(audit_log.walk(after=after, oldest_first=False, page_size=1))


def told(trimmed: Trimmed) -> str:
    """In words."""
    amount = "some records" if trimmed.missing is None else counted(trimmed.missing, "record")
    return f"{amount} behind {trimmed.behind} were trimmed away before they were read"


def _first(pages: Iterator[Sequence[AuditEntry]]) -> AuditEntry | None:
    page = next(pages, ())
    return page[0] if page else None


def _trimmed(position: TrailPosition, oldest: AuditEntry) -> Trimmed:
    last, part = position.place.split("-")
    countable = part == "0" and oldest.is_chained and oldest.seq is not None
    return Trimmed(
        behind=position.place.removesuffix("-0"),
        oldest=oldest.number,
        missing=(oldest.seq or 0) - int(last) - 1 if countable else None,
    )


def _broken(position: TrailPosition, fact: str) -> FindingsError:
    return FindingsError(
        f"audit record {position.place.removesuffix('-0')} {fact}: the trail was rolled back or "
        "rewritten since it was read",
        hint="find out who did it, and compare the trail with what was exported",
    )
