"""`audit summary`: counts of one pass, in an order that never changes."""

import gc
import weakref
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from jobctl.domain.audit import AuditEntry, AuditFilter
from jobctl.services.audit_list import PAGE_SIZE
from jobctl.services.audit_summary import AuditSummary, Count, SummarizeAudit, audit_summary
from tests.services.audit_listing import Counted, write
from tests.services.world import World
from tests.storage.audit_trail import FOREIGN, SECOND
from tests.storage.redis_under_test import AT

DAY = timedelta(days=1)


def varied(number: int) -> dict[str, Any]:
    return {
        "actor": ("cron", "ops@host", "cron", "ann")[number % 4],
        "action": ("update", "delete")[number % 2],
        "at": AT + (number // 4) * DAY,
    }


def summary(audit_log: Counted, **conditions: Any) -> AuditSummary:
    request = SummarizeAudit(filter=AuditFilter(**conditions))
    return audit_summary(request, audit_log=audit_log)


def pairs(counts: tuple[Count, ...]) -> list[tuple[str | None, int]]:
    return [(one.name, one.count) for one in counts]


def test_records_are_counted_by_actor_by_action_and_by_day(
    world: World, audit_log: Counted
) -> None:
    write(world, 10, alter=varied)
    found = summary(audit_log)
    assert found.total == 10
    assert (found.first, found.last) == (AT, AT + 2 * DAY)
    assert pairs(found.by_actor) == [("cron", 5), ("ops@host", 3), ("ann", 2)]
    assert pairs(found.by_action) == [("delete", 5), ("update", 5)], "equal counts go by name"
    assert pairs(found.by_day) == [("2026-03-01", 3), ("2026-03-02", 4), ("2026-03-03", 3)]


@pytest.mark.parametrize(
    ("conditions", "total"),
    [
        ({"actor": "cron"}, 5),
        ({"actions": frozenset({"delete"})}, 5),
        ({"job_id": "job-3"}, 1),
        ({"op_id": "op-3"}, 1),
        ({"since": AT + DAY}, 7),
        ({"until": AT + DAY}, 3),
        ({"since": AT + DAY, "until": AT + 2 * DAY}, 4),
        ({"since": AT + 9 * DAY}, 0),
    ],
)
def test_filters_are_those_of_the_list(
    conditions: dict[str, Any], total: int, world: World, audit_log: Counted
) -> None:
    write(world, 10, alter=varied)
    found = summary(audit_log, **conditions)
    assert found.total == total
    for counts in (found.by_actor, found.by_action, found.by_day):
        assert sum(one.count for one in counts) == total


def test_an_empty_trail_counts_nothing(audit_log: Counted) -> None:
    found = summary(audit_log)
    assert (found.total, found.first, found.last) == (0, None, None)
    assert (found.by_actor, found.by_action, found.by_day) == ((), (), ())


def test_days_are_those_of_utc(world: World, audit_log: Counted) -> None:
    stream = world.redis.keys.audit
    late = "2026-03-01T23:30:00-02:00"
    world.redis.raw.xadd(stream, {"at": late, "actor": "a", "action": "b"}, id="1-0")
    assert pairs(summary(audit_log).by_day) == [("2026-03-02", 1)]


def test_what_cannot_be_read_is_counted_without_a_name_behind_the_others(
    world: World, audit_log: Counted
) -> None:
    write(world, 1)
    for number in (2, 3):
        world.redis.raw.xadd(world.redis.keys.audit, FOREIGN | {"at": "once"}, id=f"17-{number}")
    world.redis.raw.xadd(world.redis.keys.audit, {"actor": ""}, id="18-0")
    found = summary(audit_log)
    assert found.total == 4
    assert pairs(found.by_actor) == [(None, 2), ("", 1), ("tester", 1)]
    assert pairs(found.by_day) == [("2026-03-01", 1), (None, 3)]
    assert found.first == found.last == AT + SECOND


def test_the_pace_is_told_of_every_page(world: World, audit_log: Counted) -> None:
    write(world, 2 * PAGE_SIZE + 7)
    told: list[int] = []
    request = SummarizeAudit(filter=AuditFilter(actor="nobody"), pace=told.append)
    assert audit_summary(request, audit_log=audit_log).total == 0
    assert told == [PAGE_SIZE, 2 * PAGE_SIZE, 2 * PAGE_SIZE + 7]


def test_a_span_at_the_end_reads_no_more_than_the_end(world: World, audit_log: Counted) -> None:
    write(world, 3 * PAGE_SIZE)
    assert summary(audit_log, since=AT + (3 * PAGE_SIZE - 9) * SECOND).total == 10
    assert audit_log.sizes == [PAGE_SIZE]


class Page(list[AuditEntry]):
    """One that can be watched."""


class Watched:
    """A trail of 50 pages; `most` is how many of them were alive at once."""

    def __init__(self) -> None:
        self._pages: list[weakref.ref[Page]] = []
        self.most = 0

    def walk(self, **_: object) -> Iterator[Sequence[AuditEntry]]:
        for number in range(1, 51):
            page = Page([_entry(number)] * 10)
            self._pages.append(weakref.ref(page))
            yield page
            del page
            gc.collect()
            self.most = max(self.most, sum(one() is not None for one in self._pages))

    def appended(self, **_: object) -> Sequence[AuditEntry]:
        return []


def test_memory_does_not_grow_with_the_trail() -> None:
    """Entries are let go of as soon as they are counted."""
    trail = Watched()
    assert audit_summary(SummarizeAudit(filter=AuditFilter()), audit_log=trail).total == 500
    assert 1 <= trail.most <= 2


def _entry(number: int) -> AuditEntry:
    values: dict[str, Any] = dict.fromkeys(
        ("op_id", "job_id", "from_status", "to_status", "reason", "summary", "prev", "hash")
    )
    return AuditEntry(place=f"{number}-0", at=AT, actor="a", action="b", **values)
