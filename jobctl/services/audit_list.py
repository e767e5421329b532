"""`audit list`: the audit trail from its newest record back, or from the oldest on, streamed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jobctl.domain.audit import AuditEntry, AuditFilter, parse_place
from jobctl.errors import InvalidUsageError
from jobctl.services.audit_position import KeptPosition, check_position, position_of
from jobctl.services.ports import AuditLog

# As many as a server hands out in about a millisecond.
PAGE_SIZE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAudit:
    """`limit` None lists all; the limit counts entries that pass the filter. With a *checkpoint*
    it goes oldest first behind the position that is kept there, and no cursor counts."""

    filter: AuditFilter
    limit: int | None = 50
    cursor: str | None = None
    oldest_first: bool = False
    checkpoint: KeptPosition | None = None


class AuditWalk:
    """The entries that pass *wanted*, one way along the trail; an iterator to be read once.

    `read_to` is the last one that was looked at, whether it passed or not; one that passed counts
    once another is asked for. *pace* is told how many were looked at, page by page.
    """

    def __init__(
        self,
        audit_log: AuditLog,
        wanted: AuditFilter,
        *,
        oldest_first: bool,
        after: str | None = None,
        page_size: int = PAGE_SIZE,
        pace: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._pages = audit_log.walk(after=after, oldest_first=oldest_first, page_size=page_size)
        self._wanted = wanted
        self._oldest_first = oldest_first
        self._pace = pace
        self.read_to: AuditEntry | None = None

    def __iter__(self) -> Iterator[AuditEntry]:
        looked_at = 0
        for page in self._pages:
            for entry in page:
                if self._wanted.is_beyond(entry, oldest_first=self._oldest_first):
                    return
                if self._wanted.admits(entry):
                    yield entry
                self.read_to = entry
            looked_at += len(page)
            self._pace(looked_at)


class AuditListing:
    """An iterator over the entries, to be read once; the rest is known once it is exhausted.

    `next_cursor` continues behind the last entry, in either direction; None at the end. `trimmed`
    is what the trail has lost behind the position of a checkpoint.
    """

    def __init__(self, request: ListAudit, audit_log: AuditLog) -> None:
        self._limit = request.limit
        self._checkpoint = request.checkpoint
        position = self._checkpoint.read() if self._checkpoint else None
        after = _parse_cursor(request.cursor) if request.cursor else None
        self.trimmed = check_position(position, audit_log=audit_log) if position else None
        self._walk = AuditWalk(
            audit_log,
            request.filter,
            oldest_first=request.oldest_first or self.is_resumed,
            after=position.place if position else after,
            page_size=_page_size(request),
        )
        self.next_cursor: str | None = None
        self.shown = 0

    @property
    def is_resumed(self) -> bool:
        """Whether the next run goes on by itself where this one ends."""
        return self._checkpoint is not None

    def __iter__(self) -> Iterator[AuditEntry]:
        last: AuditEntry | None = None
        for entry in self._walk:
            if last is not None and self.shown == self._limit:
                # One more was looked for: a list that just fits has no cursor.
                self.next_cursor = last.number
                return
            self.shown += 1
            last = entry
            yield entry

    def when_written(self) -> None:
        """Keep the place: to be called once all that was asked for is safe with whoever reads."""
        read_to = self._walk.read_to
        if self._checkpoint is not None and read_to is not None:
            self._checkpoint.replace(position_of(read_to))


def audit_list(request: ListAudit, *, audit_log: AuditLog) -> AuditListing:
    """Nothing is lost or repeated by what is appended while the list is read; newest first, what
    comes after the first page was asked for is not in it."""
    return AuditListing(request, audit_log)


def _page_size(request: ListAudit) -> int:
    limit, unfiltered = request.limit, request.filter == AuditFilter()
    return min(limit + 1, PAGE_SIZE) if limit is not None and unfiltered else PAGE_SIZE


def _parse_cursor(text: str) -> str:
    place = parse_place(text)
    if place is None:
        raise InvalidUsageError(
            "malformed --cursor", hint="use next_cursor of a list as it was printed"
        )
    return place
