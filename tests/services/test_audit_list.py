"""`audit list`: either way along the trail, filtered before it is limited, and resumed."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from jobctl.domain.audit import AuditEntry, AuditFilter, AuditRecord
from jobctl.errors import InvalidUsageError
from jobctl.services.audit_list import PAGE_SIZE, AuditListing, ListAudit, audit_list
from jobctl.services.ports import AuditLog
from tests.services.world import World
from tests.storage.audit_trail import FOREIGN, SECOND, write_trail
from tests.storage.redis_under_test import AT, open_audit_log


class Counted:
    """An audit log that counts the pages that are read of it, and the entries in them."""

    def __init__(self, audit_log: AuditLog) -> None:
        self._audit_log = audit_log
        self.sizes: list[int] = []

    def walk(self, **options: Any) -> Iterator[Sequence[AuditEntry]]:
        for page in self._audit_log.walk(**options):
            self.sizes.append(len(page))
            yield page


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


def test_the_trail_is_listed_newest_first_or_oldest_first(world: World, audit_log: Counted) -> None:
    write(world, 5)
    found = listing(audit_log)
    assert numbers(found) == [5, 4, 3, 2, 1]
    assert (found.shown, found.next_cursor) == (5, None)
    assert numbers(listing(audit_log, oldest_first=True)) == [1, 2, 3, 4, 5]


def test_an_empty_trail_is_an_empty_list(audit_log: Counted) -> None:
    found = listing(audit_log)
    assert numbers(found) == []
    assert (found.shown, found.next_cursor) == (0, None)


@pytest.mark.parametrize("oldest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 7, 99, 100, 101])
def test_a_limit_cuts_off_and_its_cursor_goes_on(
    world: World, audit_log: Counted, limit: int, oldest_first: bool
) -> None:
    amount = 9 if limit == 1 else 200
    write(world, amount)
    whole = list(range(1, amount + 1))
    seen = paged(audit_log, limit=limit, oldest_first=oldest_first)
    assert seen == (whole if oldest_first else whole[::-1])


@pytest.mark.parametrize("limit", [PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, None])
def test_the_limit_and_the_pages_of_the_store_are_two_things(
    world: World, audit_log: Counted, limit: int | None
) -> None:
    amount = 2 * PAGE_SIZE + 1
    write(world, amount)
    found = listing(audit_log, limit=limit)
    assert numbers(found) == list(range(amount, 0, -1))[:limit]
    assert found.next_cursor == (None if limit is None else str(amount - limit + 1))
    assert max(audit_log.sizes) <= PAGE_SIZE


@pytest.mark.parametrize(("limit", "more"), [(3, True), (4, False), (5, False)])
def test_there_is_a_cursor_only_while_there_are_more(
    world: World, audit_log: Counted, limit: int, more: bool
) -> None:
    write(world, 4)
    for oldest_first in (True, False):
        found = listing(audit_log, limit=limit, oldest_first=oldest_first)
        list(found)
        assert (found.next_cursor is not None) == more


def test_a_cursor_leads_on_in_either_direction(world: World, audit_log: Counted) -> None:
    write(world, 9)
    found = listing(audit_log, limit=4)
    assert numbers(found) == [9, 8, 7, 6]
    assert numbers(listing(audit_log, cursor=found.next_cursor)) == [5, 4, 3, 2, 1]
    assert numbers(listing(audit_log, cursor=found.next_cursor, oldest_first=True)) == [7, 8, 9]


def test_a_short_list_reads_no_more_than_it_shows(world: World, audit_log: Counted) -> None:
    write(world, 100)
    list(listing(audit_log, limit=10))
    assert audit_log.sizes == [11]


def test_the_first_page_is_shown_before_the_second_is_read(
    world: World, audit_log: Counted
) -> None:
    write(world, PAGE_SIZE + 1)
    next(iter(listing(audit_log, limit=None)))
    assert audit_log.sizes == [PAGE_SIZE]


def varied(number: int) -> dict[str, Any]:
    return {
        "actor": "cron" if number % 2 else "ops@host",
        "action": ("create", "update", "delete")[number % 3],
    }


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"job_id": "job-4"}, [24, 14, 4]),
        ({"actor": "cron", "job_id": "job-3"}, [23, 13, 3]),
        ({"actor": "cron", "job_id": "job-4"}, []),
        ({"actor": "ops"}, []),
        ({"actions": frozenset({"delete"}), "actor": "cron"}, [29, 23, 17, 11, 5]),
        ({"actions": frozenset({"create", "delete"}), "job_id": "job-9"}, [29, 9]),
        ({"op_id": "op-17"}, [17]),
        ({"op_id": "op-1", "job_id": "job-2"}, []),
    ],
)
def test_conditions_hold_all_at_once(
    world: World, audit_log: Counted, conditions: dict[str, Any], expected: list[int]
) -> None:
    write(world, 29, alter=varied)
    assert numbers(listing(audit_log, conditions)) == expected
    assert numbers(listing(audit_log, conditions, oldest_first=True)) == expected[::-1]


@pytest.mark.parametrize("oldest_first", [True, False])
def test_the_limit_counts_entries_that_pass_the_filter(
    world: World, audit_log: Counted, oldest_first: bool
) -> None:
    amount = 2 * PAGE_SIZE
    write(world, amount)
    seen = paged(audit_log, {"job_id": "job-7"}, limit=30, oldest_first=oldest_first)
    whole = list(range(7, amount + 1, 10))
    assert seen == (whole if oldest_first else whole[::-1])


def span(first: int | None, end: int | None) -> dict[str, Any]:
    return {
        "since": None if first is None else AT + first * SECOND,
        "until": None if end is None else AT + end * SECOND,
    }


@pytest.mark.parametrize(
    ("first", "end", "expected"),
    [(3, 6, [3, 4, 5]), (3, None, [3, 4, 5, 6, 7]), (None, 3, [1, 2]), (6, 3, []), (9, 12, [])],
)
def test_a_span_has_its_beginning_and_not_its_end(
    world: World, audit_log: Counted, first: int | None, end: int | None, expected: list[int]
) -> None:
    write(world, 7)
    assert numbers(listing(audit_log, span(first, end))) == expected[::-1]
    assert numbers(listing(audit_log, span(first, end), oldest_first=True)) == expected


def test_entries_of_one_moment_are_all_in_its_span(world: World, audit_log: Counted) -> None:
    write(world, 9, alter=lambda number: {"at": AT + number // 3 * SECOND})
    assert numbers(listing(audit_log, span(1, 2))) == [5, 4, 3]
    assert numbers(listing(audit_log, span(1, 2), oldest_first=True)) == [3, 4, 5]


def test_nothing_is_read_behind_the_end_of_the_span(world: World, audit_log: Counted) -> None:
    amount = 5 * PAGE_SIZE
    write(world, amount)
    assert len(numbers(listing(audit_log, span(amount - 20, None), limit=None))) == 21
    assert len(audit_log.sizes) == 1
    assert len(numbers(listing(audit_log, span(None, 20), limit=None, oldest_first=True))) == 19
    assert len(audit_log.sizes) == 2


def test_a_span_holds_behind_a_cursor_of_another_list(world: World, audit_log: Counted) -> None:
    write(world, 9)
    assert numbers(listing(audit_log, span(3, 6), cursor="8")) == [5, 4, 3]
    assert numbers(listing(audit_log, span(3, 6), cursor="4")) == [3]


def test_the_time_of_a_foreign_entry_ends_no_list(world: World, audit_log: Counted) -> None:
    """Somebody else's clock says nothing about the entries around it."""
    write(world, 3)
    for number, at in enumerate(("1999-01-01T00:00:00Z", "2999-01-01T00:00:00Z")):
        fields = FOREIGN | {"at": at}
        world.redis.raw.xadd(world.redis.keys.audit, fields, id=f"{1_700_000 + number}-0")
        world.redis.raw.xadd(
            world.redis.keys.audit, fields | {"hash": "x"}, id=f"{1_700_000 + number}-3"
        )
    assert numbers(listing(audit_log, span(2, 100))) == [3, 2]
    assert numbers(listing(audit_log, span(2, 100), oldest_first=True)) == [2, 3]


def test_an_entry_without_a_time_is_in_no_span(world: World, audit_log: Counted) -> None:
    write(world, 2)
    world.redis.raw.xadd(world.redis.keys.audit, FOREIGN, id="3-0")
    assert numbers(listing(audit_log)) == [3, 2, 1]
    assert numbers(listing(audit_log, span(0, None))) == [2, 1]
    assert numbers(listing(audit_log, span(None, 99))) == [2, 1]


def test_a_foreign_entry_passes_no_condition_and_every_list_without_one(
    world: World, audit_log: Counted
) -> None:
    world.redis.raw.xadd(world.redis.keys.audit, FOREIGN, id="1700000-3")
    [entry] = listing(audit_log)
    assert (entry.place, entry.seq, entry.actor) == ("1700000-3", None, None)
    for condition in ({"actor": "x"}, {"job_id": "x"}, {"op_id": "x"}, {"actions": frozenset("x")}):
        assert numbers(listing(audit_log, condition)) == []


@pytest.mark.parametrize("oldest_first", [True, False])
def test_pages_pass_over_foreign_entries(
    world: World, audit_log: Counted, oldest_first: bool
) -> None:
    raw, stream = world.redis.raw, world.redis.keys.audit
    write(world, 2)
    places = [f"1700000-{part}" for part in range(4)] + ["1700001-0"]
    for place in places:
        raw.xadd(stream, FOREIGN, id=place)
    whole = ["1-0", "2-0", *places]
    seen, cursor = [], None
    for _ in whole:
        found = listing(audit_log, limit=1, cursor=cursor, oldest_first=oldest_first)
        seen += [entry.place for entry in found]
        cursor = found.next_cursor
    assert seen == (whole if oldest_first else whole[::-1])
    assert cursor is None


def test_a_cursor_holds_when_its_entry_is_gone(world: World, audit_log: Counted) -> None:
    write(world, 5)
    found = listing(audit_log, limit=2)
    list(found)
    world.redis.raw.xdel(world.redis.keys.audit, "4-0")
    assert numbers(listing(audit_log, cursor=found.next_cursor)) == [3, 2, 1]


@pytest.mark.parametrize("oldest_first", [True, False])
def test_what_is_appended_while_the_trail_is_read_hides_and_repeats_nothing(
    world: World, audit_log: Counted, oldest_first: bool
) -> None:
    amount = PAGE_SIZE + 3
    write(world, amount)
    seen = []
    for entry in listing(audit_log, limit=None, oldest_first=oldest_first):
        seen.append(entry.seq)
        if len(seen) == 1:
            world.redis.raw.xadd(world.redis.keys.audit, FOREIGN, id=f"{amount + 1}-0")
    assert seen == (list(range(1, amount + 2)) if oldest_first else list(range(amount, 0, -1)))


@pytest.mark.parametrize(
    "cursor",
    [
        *("x", "-", "0", "0-0", "1-", "-1", "1-0-0", "1_0", " 1", "1\n", "+1", "٣"),
        *("1" * 21, "1" * 5000, str(2**64), f"1-{2**64}"),
    ],
)
def test_a_malformed_cursor_is_refused(audit_log: Counted, cursor: str) -> None:
    with pytest.raises(InvalidUsageError, match="--cursor"):
        listing(audit_log, cursor=cursor)


def test_a_long_while_between_two_records_is_no_end(world: World, audit_log: Counted) -> None:
    write(world, 4, alter=lambda number: {"at": AT + timedelta(days=400 * number)})
    since = AT + timedelta(days=400)
    assert numbers(listing(audit_log, {"since": since})) == [4, 3, 2, 1]
