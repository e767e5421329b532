"""`audit list` over a trail that was written for the purpose."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from jobctl.domain.audit import AuditEntry, AuditFilter, AuditRecord
from jobctl.services.audit_list import AuditListing, ListAudit, audit_list
from jobctl.services.ports import AuditLog
from tests.services.world import World
from tests.storage.audit_trail import write_trail
from tests.storage.redis_under_test import open_audit_log


class Counted:
    """An audit log that counts the pages that are read of it, and the entries in them."""

    def __init__(self, audit_log: AuditLog) -> None:
        self._audit_log = audit_log
        self.sizes: list[int] = []

    def walk(self, **options: Any) -> Iterator[Sequence[AuditEntry]]:
        for page in self._audit_log.walk(**options):
            self.sizes.append(len(page))
            yield page

    def appended(self, *, after: str) -> Sequence[AuditEntry]:
        return self._audit_log.appended(after=after)


@pytest.fixture
def audit_log(world: World) -> Iterator[Counted]:
    with open_audit_log(world.redis.url, world.redis.keys) as entered:
        yield Counted(entered)


def write(world: World, amount: int, **alter: Any) -> list[AuditRecord]:
    return write_trail(world.redis.raw, world.redis.keys.audit, amount, **alter)


def listing(
    audit_log: AuditLog, conditions: dict[str, Any] | None = None, **options: Any
) -> AuditListing:
    request = ListAudit(filter=AuditFilter(**(conditions or {})), **options)
    return audit_list(request, audit_log=audit_log)


def numbers(found: AuditListing) -> list[int | None]:
    return [entry.seq for entry in found]


def paged(audit_log: AuditLog, conditions: dict[str, Any] | None = None, **options: Any) -> Any:
    """All pages together, each read with the cursor of the one before."""
    seen: list[int | None] = []
    cursor = None
    while True:
        found = listing(audit_log, conditions, cursor=cursor, **options)
        page = numbers(found)
        assert len(page) <= options["limit"]
        assert page or cursor is None, "a cursor leads to something"
        seen += page
        cursor = found.next_cursor
        if cursor is None:
            return seen
