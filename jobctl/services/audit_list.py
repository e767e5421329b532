"""`audit list`: the audit trail from its newest record back, or from the oldest on, streamed."""

from collections.abc import Iterator
from dataclasses import dataclass

from jobctl.domain.audit import AuditEntry, AuditFilter, parse_place
from jobctl.errors import InvalidUsageError
from jobctl.services.ports import AuditLog

# As many as a server hands out in about a millisecond.
PAGE_SIZE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAudit:
    """`limit` None lists all; the limit counts entries that pass the filter."""

    filter: AuditFilter
    limit: int | None = 50
    cursor: str | None = None
    oldest_first: bool = False


class AuditListing:
    """An iterator over the entries, to be read once; the rest is known once it is exhausted.

    `next_cursor` continues behind the last entry, in either direction; None at the end.
    """

    def __init__(self, request: ListAudit, audit_log: AuditLog) -> None:
        self._request = request
        self._audit_log = audit_log
        self._after = _parse_cursor(request.cursor) if request.cursor else None
        self.next_cursor: str | None = None
        self.shown = 0

    def __iter__(self) -> Iterator[AuditEntry]:
        last: AuditEntry | None = None
        for entry in self._matching():
            if last is not None and self.shown == self._request.limit:
                # One more was looked for: a list that just fits has no cursor.
                self.next_cursor = last.number
                return
            self.shown += 1
            last = entry
            yield entry

    def _matching(self) -> Iterator[AuditEntry]:
        wanted, oldest_first = self._request.filter, self._request.oldest_first
        for page in self._audit_log.walk(
            after=self._after, oldest_first=oldest_first, page_size=self._page_size
        ):
            for entry in page:
                if wanted.is_beyond(entry, oldest_first=oldest_first):
                    return
                if wanted.admits(entry):
                    yield entry

    @property
    def _page_size(self) -> int:
        limit = self._request.limit
        unfiltered = self._request.filter == AuditFilter()
        return min(limit + 1, PAGE_SIZE) if limit is not None and unfiltered else PAGE_SIZE


def audit_list(request: ListAudit, *, audit_log: AuditLog) -> AuditListing:
    """Nothing is lost or repeated by what is appended while the list is read; newest first, what
    comes after the first page was asked for is not in it."""
    return AuditListing(request, audit_log)


def _parse_cursor(text: str) -> str:
    place = parse_place(text)
    if place is None:
        raise InvalidUsageError(
            "malformed --cursor", hint="use next_cursor of a list as it was printed"
        )
    return place
