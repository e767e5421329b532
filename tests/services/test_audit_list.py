"""`audit list`: either way along the trail, limited, and resumed where it was cut off."""

import pytest

from jobctl.errors import InvalidUsageError
from jobctl.services.audit_list import PAGE_SIZE
from tests.services.audit_listing import Counted, listing, numbers, paged, write
from tests.services.world import World
from tests.storage.audit_trail import FOREIGN


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
