"""Going on behind a position: only where the trail is still the one that was read."""

import pytest

from jobctl.errors import FindingsError
from jobctl.services.audit_list import PAGE_SIZE
from jobctl.services.audit_position import TrailPosition, Trimmed, check_position
from tests.services.audit_listing import Counted, listing, numbers, write
from tests.services.world import World
from tests.storage.audit_trail import FOREIGN


class Kept:
    """A position in memory."""

    def __init__(self, place: str | None = None, digest: str | None = None) -> None:
        self.position = TrailPosition(place=place, hash=digest) if place else None

    def read(self) -> TrailPosition | None:
        return self.position

    def replace(self, position: TrailPosition) -> None:
        self.position = position

    @property
    def place(self) -> str | None:
        return self.position.place if self.position else None


def trim(world: World, oldest: int) -> None:
    world.redis.raw.xtrim(world.redis.keys.audit, minid=f"{oldest}-0", approximate=False)


def test_each_list_goes_on_behind_the_one_before(world: World, audit_log: Counted) -> None:
    written = write(world, 3)
    kept = Kept()
    first = listing(audit_log, checkpoint=kept, limit=None)
    assert numbers(first) == [1, 2, 3]
    assert kept.place is None, "nothing is kept before all is written"
    first.when_written()
    assert kept.position == TrailPosition(place="3-0", hash=written[-1].digest())
    world.redis.raw.xadd(world.redis.keys.audit, FOREIGN, id="4-0")
    second = listing(audit_log, checkpoint=kept, limit=None)
    assert numbers(second) == [4]
    second.when_written()
    assert kept.position == TrailPosition(place="4-0", hash=None)
    third = listing(audit_log, checkpoint=kept, limit=None)
    assert numbers(third) == []
    third.when_written()
    assert kept.place == "4-0"


def test_an_empty_trail_has_no_place(audit_log: Counted) -> None:
    kept = Kept()
    found = listing(audit_log, checkpoint=kept, limit=None)
    assert numbers(found) == []
    found.when_written()
    assert kept.position is None


def test_what_the_filters_drop_was_looked_at(world: World, audit_log: Counted) -> None:
    write(world, PAGE_SIZE + 3)
    kept = Kept()
    found = listing(audit_log, {"actor": "nobody"}, checkpoint=kept, limit=None)
    assert numbers(found) == []
    found.when_written()
    assert kept.place == f"{PAGE_SIZE + 3}-0"


def test_what_stands_behind_the_limit_was_not_looked_at(world: World, audit_log: Counted) -> None:
    write(world, 29)
    kept = Kept()
    seen = []
    for _ in range(3):
        found = listing(audit_log, {"job_id": "job-5"}, checkpoint=kept, limit=1)
        seen += numbers(found)
        found.when_written()
    assert seen == [5, 15, 25]
    assert kept.place == "29-0"


def test_what_stands_behind_the_span_was_not_looked_at(world: World, audit_log: Counted) -> None:
    records = write(world, 9)
    kept = Kept()
    found = listing(audit_log, {"until": records[5].at}, checkpoint=kept, limit=None)
    assert numbers(found) == [1, 2, 3, 4, 5]
    found.when_written()
    assert kept.place == "5-0"


def test_a_record_with_another_hash_ends_it(world: World, audit_log: Counted) -> None:
    write(world, 9)
    with pytest.raises(FindingsError, match="audit record 5 holds something else"):
        listing(audit_log, checkpoint=Kept("5-0", "f" * 64))
    with pytest.raises(FindingsError):
        listing(audit_log, checkpoint=Kept("5-0", None))


@pytest.mark.parametrize("amount", [0, 4])
def test_a_trail_that_ends_before_the_position_ends_it(
    amount: int, world: World, audit_log: Counted
) -> None:
    write(world, amount)
    with pytest.raises(FindingsError, match="audit record 5 is not there any more"):
        listing(audit_log, checkpoint=Kept("5-0", "f" * 64))


def test_a_record_that_was_taken_out_ends_it(world: World, audit_log: Counted) -> None:
    records = write(world, 9)
    world.redis.raw.xdel(world.redis.keys.audit, "5-0")
    with pytest.raises(FindingsError):
        listing(audit_log, checkpoint=Kept("5-0", records[4].digest()))


@pytest.mark.parametrize(("oldest", "missing"), [(6, 0), (7, 1), (9, 3)])
def test_what_was_trimmed_away_is_counted(
    oldest: int, missing: int, world: World, audit_log: Counted
) -> None:
    records = write(world, 9)
    trim(world, oldest)
    found = listing(audit_log, checkpoint=Kept("5-0", records[4].digest()), limit=None)
    assert found.trimmed == Trimmed(behind="5", oldest=str(oldest), missing=missing)
    assert numbers(found) == [*range(oldest, 10)]


@pytest.mark.parametrize(
    ("place", "oldest"), [("5-0", "1700000-3"), ("5-0", "17-0"), ("5-1", "9-0")]
)
def test_nobody_can_count_what_stood_before_foreign_entries(
    place: str, oldest: str, world: World, audit_log: Counted
) -> None:
    world.redis.raw.xadd(world.redis.keys.audit, FOREIGN, id=oldest)
    trimmed = check_position(TrailPosition(place=place, hash=None), audit_log=audit_log)
    assert trimmed is not None
    assert trimmed.missing is None


def test_a_position_at_the_very_end_is_one(world: World, audit_log: Counted) -> None:
    last = f"{2**64 - 1}-{2**64 - 1}"
    world.redis.raw.xadd(world.redis.keys.audit, FOREIGN, id=last)
    found = listing(audit_log, checkpoint=Kept(last), limit=None)
    assert numbers(found) == []
