"""`audit list`: filtered before it is limited."""

from datetime import timedelta
from typing import Any

import pytest

from jobctl.services.audit_list import PAGE_SIZE
from tests.services.audit_listing import Counted, listing, numbers, paged, write
from tests.services.world import World
from tests.storage.audit_trail import FOREIGN, SECOND
from tests.storage.redis_under_test import AT


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


def test_a_long_while_between_two_records_is_no_end(world: World, audit_log: Counted) -> None:
    write(world, 4, alter=lambda number: {"at": AT + timedelta(days=400 * number)})
    since = AT + timedelta(days=400)
    assert numbers(listing(audit_log, {"since": since})) == [4, 3, 2, 1]
