"""What checking, exporting and trimming need of the audit trail: its records as they are stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

StoredRecord = tuple[str, Mapping[str, str]]
"""An entry's id in the stream and its fields as they are stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailExtent:
    """Sequence numbers; `written` is the last one that was ever given, whatever is left of it.

    All are 0 where there is no trail.
    """

    length: int = 0
    first: int = 0
    last: int = 0
    written: int = 0


class AuditTrail(Protocol):
    def stored(self, *, after: int | None = None) -> Iterator[Sequence[StoredRecord]]:
        """What stands behind record *after*, oldest first, as it is stored; all of it for None."""

    def extent(self) -> TrailExtent: ...

    def trim(self, upto: int, *, pinned: str, step: int) -> int:
        """Remove some records up to *upto*, at most *step* of them; how many they were. With 0
        it is tried whether that is permitted.

        ConflictError where the hash of record *upto* is not *pinned*: nothing was removed.
        """
