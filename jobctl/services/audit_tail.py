"""`audit tail`: the newest records, and with `follow` what is appended behind them, as it comes."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from jobctl.domain.audit import AuditEntry, AuditFilter, place_behind
from jobctl.errors import UnreachableError
from jobctl.services.audit_list import AuditWalk
from jobctl.services.audit_position import (
    check_position,
    entry_nearest,
    position_of,
    told,
)
from jobctl.services.ports import AuditLog

_PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.5
_BEFORE_ALL = "0-0"


@dataclass(frozen=True, slots=True, kw_only=True)
class TailAudit:
    """`limit` counts entries that pass the filter. While nothing comes, `waiting` is called every
    few seconds, and ends it by raising. `tell` says what befalls the connection or the trail."""

    filter: AuditFilter
    limit: int = 10
    follow: bool = False
    waiting: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda _: None


class AuditTail:
    """An iterator over the entries, oldest first, to be read once; with `follow` it has no end
    but that of the filter's span. The `ready` first ones are there without waiting."""

    def __init__(self, request: TailAudit, audit_log: AuditLog) -> None:
        self._request = request
        self._audit_log = audit_log
        newest = entry_nearest(audit_log)
        self._position = position_of(newest) if newest else None
        self._newest = _newest_of(request, audit_log, newest) if newest else []
        self.ready = len(self._newest)
        self.follows = request.follow

    def __iter__(self) -> Iterator[AuditEntry]:
        while self._newest:
            yield self._newest.pop()
        if self.follows:
            yield from self._appended()

    def _appended(self) -> Iterator[AuditEntry]:
        wanted = self._request.filter
        while True:
            handed_on = False
            for entry in self._next_page():
                if wanted.is_beyond(entry, oldest_first=True):
                    return
                if wanted.admits(entry):
                    handed_on = True
                    yield entry
                self._position = position_of(entry)
            if not handed_on:
                self._request.waiting()

    def _next_page(self) -> Sequence[AuditEntry]:
        """A lost connection is waited for: what came meanwhile stands behind our position."""
        give_up: float | None = None
        while True:
            try:
                return self._asked()
            except UnreachableError as error:
                if give_up is None:
                    give_up = time.monotonic() + _PATIENCE_SECONDS
                    self._request.tell(f"{error.message}; trying again for {_PATIENCE_SECONDS:g} s")
                elif time.monotonic() > give_up:
                    raise
            self._request.waiting()
            time.sleep(_PAUSE_SECONDS)

    def _asked(self) -> Sequence[AuditEntry]:
        position = self._position
        after = position.place if position else _BEFORE_ALL
        page = self._audit_log.appended(after=after)
        # A server that has lost its newest records numbers new ones like them. Whoever waited for
        # numbers beyond the old ones would miss these in silence.
        if position is not None and not (page and page[0].prev == position.hash):
            trimmed = check_position(position, audit_log=self._audit_log)
            if page and trimmed is not None:
                self._request.tell(told(trimmed))
        return page


def audit_tail(request: TailAudit, *, audit_log: AuditLog) -> AuditTail:
    """Nothing is lost or repeated between the newest entries and those that are appended.

    FindingsError where the trail is rolled back or rewritten while it is followed.
    """
    return AuditTail(request, audit_log)


def _newest_of(request: TailAudit, audit_log: AuditLog, newest: AuditEntry) -> list[AuditEntry]:
    """Up to *newest* and newest first, whatever is appended meanwhile."""
    walk = AuditWalk(
        audit_log, request.filter, oldest_first=False, after=place_behind(newest.place)
    )
    return list(islice(walk, request.limit))
