"""`audit show`: one record, its own hash, and how it is linked to the one before it."""

from typing import Any

import pytest

from jobctl.domain.audit import chain_hash
from jobctl.errors import NotFoundError
from jobctl.services.audit_show import AuditDetails, Link, ShowAudit, audit_show
from tests.services.audit_listing import Counted, write
from tests.services.world import World
from tests.storage.audit_trail import FOREIGN
from tests.storage.redis_under_test import change, creation

LAST = 2**64 - 1


def show(audit_log: Counted, place: str) -> AuditDetails:
    return audit_show(ShowAudit(place=place), audit_log=audit_log)


def findings(audit_log: Counted, place: str) -> tuple[bool | None, Link]:
    details = show(audit_log, place)
    return details.hash_ok, details.link


def replace(world: World, number: int, **changes: Any) -> None:
    """Write the trail anew with one record altered, as nobody but an intruder would."""
    raw, stream = world.redis.raw, world.redis.keys.audit
    entries = raw.xrange(stream)
    raw.delete(stream)
    for place, fields in entries:
        altered = fields | changes if place == f"{number}-0" else fields
        raw.xadd(stream, {key: text for key, text in altered.items() if text is not None}, id=place)


def test_a_record_of_the_chain_is_right_and_linked(world: World, audit_log: Counted) -> None:
    written = write(world, 3)
    details = show(audit_log, "2-0")
    assert (details.entry.op_id, details.entry.hash) == ("op-2", written[1].digest())
    assert (details.hash_ok, details.link) == (True, Link.SOUND)
    assert audit_log.sizes == [2], "it and its neighbour, and nothing else"


def test_what_jobctl_itself_writes_is_right(world: World, audit_log: Counted) -> None:
    world.redis.store.apply(creation(reason="Ä\n\udcff\x00", summary="\u202e"))
    world.redis.store.apply_all([change(), change()])
    assert findings(audit_log, "1-0") == (True, Link.FIRST)
    assert findings(audit_log, "2-0") == (True, Link.SOUND)
    assert findings(audit_log, "3-0") == (True, Link.SOUND)


@pytest.mark.parametrize(
    "altered",
    [
        {"actor": "nobody"},
        {"reason": ""},
        {"at": "2026-03-01T12:00:02.250000+00:00"},  # the same moment in other words
        {"summary": None},
        {"added": "by somebody"},
    ],
    ids="-".join,
)
def test_a_record_that_was_changed_has_a_wrong_hash(
    altered: dict[str, Any], world: World, audit_log: Counted
) -> None:
    write(world, 3)
    replace(world, 2, **altered)
    assert findings(audit_log, "2-0") == (False, Link.SOUND)
    assert findings(audit_log, "3-0") == (True, Link.SOUND), "only the changed one is named"


def test_a_hash_that_was_made_to_fit_breaks_the_link_behind_it(
    world: World, audit_log: Counted
) -> None:
    write(world, 3)
    replace(world, 2, actor="nobody")
    stored = show(audit_log, "2-0").entry.stored
    replace(world, 2, hash=chain_hash(stored["prev"], {**stored, "seq": "2"}))
    assert findings(audit_log, "2-0") == (True, Link.SOUND)
    assert findings(audit_log, "3-0") == (True, Link.BROKEN)


def test_the_first_record_pins_nothing(world: World, audit_log: Counted) -> None:
    write(world, 2)
    assert findings(audit_log, "1-0") == (True, Link.FIRST)
    replace(world, 1, prev="f" * 64)
    assert findings(audit_log, "1-0") == (False, Link.BROKEN)


def test_the_oldest_record_that_is_kept_has_nothing_to_compare_with(
    world: World, audit_log: Counted
) -> None:
    write(world, 5)
    world.redis.raw.xtrim(world.redis.keys.audit, minid="3-0", approximate=False)
    assert findings(audit_log, "3-0") == (True, Link.OLDEST)
    assert Link.OLDEST.is_sound is None
    assert findings(audit_log, "4-0") == (True, Link.SOUND)


def test_a_neighbour_that_was_removed_is_named(world: World, audit_log: Counted) -> None:
    write(world, 4)
    world.redis.raw.xdel(world.redis.keys.audit, "3-0")
    assert findings(audit_log, "4-0") == (True, Link.GAP)
    assert Link.GAP.is_sound is False


def test_a_neighbour_without_a_hash_is_no_record(world: World, audit_log: Counted) -> None:
    write(world, 3)
    replace(world, 2, hash=None)
    assert findings(audit_log, "2-0") == (None, Link.NONE)
    assert findings(audit_log, "3-0") == (True, Link.GAP)


@pytest.mark.parametrize("place", ["1700000-3", "1700000-0", f"{LAST}-{LAST}", f"5-{LAST}"])
def test_an_entry_that_jobctl_did_not_write(place: str, world: World, audit_log: Counted) -> None:
    write(world, 2)
    world.redis.raw.xadd(world.redis.keys.audit, FOREIGN | {"actor": "ops"}, id=place)
    details = show(audit_log, place)
    assert (details.entry.place, details.entry.actor) == (place, "ops")
    assert (details.hash_ok, details.link, details.link.is_sound) == (None, Link.NONE, None)


@pytest.mark.parametrize("place", ["4-0", "2-1", "0-1", f"{LAST}-{LAST}"])
def test_a_record_that_there_is_not(place: str, world: World, audit_log: Counted) -> None:
    write(world, 3)
    with pytest.raises(NotFoundError, match=f"no audit record {place.removesuffix('-0')}$"):
        show(audit_log, place)


def test_an_empty_trail_has_no_record(audit_log: Counted) -> None:
    with pytest.raises(NotFoundError):
        show(audit_log, "1-0")
