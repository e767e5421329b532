"""`audit tail`: the newest records, and whatever is appended, each once and in order."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from jobctl.domain.audit import AuditEntry, AuditFilter
from jobctl.errors import FindingsError, NotPermittedError, UnavailableError, UnreachableError
from jobctl.services import audit_tail as module
from jobctl.services.audit_list import PAGE_SIZE
from jobctl.services.audit_tail import AuditTail, TailAudit, audit_tail
from jobctl.services.ports import AuditLog
from tests.services.audit_listing import Counted, write
from tests.services.world import World
from tests.storage.audit_trail import FOREIGN, SECOND, write_trail
from tests.storage.redis_under_test import AT, change, creation


class NothingComesError(Exception):
    """Raised where a test would wait for ever."""


def nothing_comes() -> None:
    raise NothingComesError


class Failing:
    """An audit log whose next questions about what was appended fail, or are preceded."""

    def __init__(self, audit_log: AuditLog) -> None:
        self._audit_log = audit_log
        self.failures: list[Exception] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._audit_log, name)

    def appended(self, *, after: str) -> Sequence[AuditEntry]:
        if self.failures:
            raise self.failures.pop()
        return self._audit_log.appended(after=after)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("jobctl.storage.redis_connection.COMMAND_SECONDS", 2.0)


def tail(audit_log: Any, conditions: dict[str, Any] | None = None, **options: Any) -> AuditTail:
    values: dict[str, Any] = {"follow": True, "waiting": nothing_comes} | options
    request = TailAudit(filter=AuditFilter(**(conditions or {})), **values)
    return audit_tail(request, audit_log=audit_log)


def numbers(found: Iterator[AuditEntry] | AuditTail) -> list[int | None]:
    """Those that come until nothing does any more."""
    seen: list[int | None] = []
    with suppress(NothingComesError):
        seen.extend(entry.seq for entry in found)
    return seen


def newest(audit_log: Any, conditions: dict[str, Any] | None = None, limit: int = 10) -> Any:
    found = tail(audit_log, conditions, limit=limit, follow=False)
    return [entry.seq for entry in found]


@contextmanager
def later(seconds: float, change: Any) -> Iterator[None]:
    timer = threading.Timer(seconds, change)
    timer.start()
    yield
    timer.join()


def test_the_newest_records_come_oldest_first(world: World, audit_log: Counted) -> None:
    write(world, 12)
    assert newest(audit_log) == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert newest(audit_log, limit=2) == [11, 12]
    assert newest(audit_log, limit=99) == [*range(1, 13)]
    assert newest(audit_log, limit=0) == []
    assert newest(audit_log, {"job_id": "job-2"}, limit=9) == [2, 12]
    assert newest(audit_log, {"until": AT + 3 * SECOND}, limit=9) == [1, 2]


def test_an_empty_trail_has_none(audit_log: Counted) -> None:
    assert newest(audit_log) == []


def test_what_is_appended_follows_each_once(world: World, audit_log: Counted) -> None:
    store = world.redis.store
    store.apply(creation())
    found = iter(tail(audit_log, limit=1))
    assert next(found).seq == 1
    store.apply_all([change(), change()])
    assert [next(found).seq, next(found).seq] == [2, 3]
    store.apply(change())
    assert numbers(found) == [4]


@pytest.mark.parametrize("limit", [0, 1, 10])
def test_a_trail_that_is_empty_yet_is_followed_from_its_first_record(
    limit: int, world: World, audit_log: Counted
) -> None:
    found = tail(audit_log, limit=limit)
    assert found.ready == 0
    world.redis.store.apply(creation())
    assert numbers(found) == [1]


def test_what_is_appended_between_the_two_is_neither_lost_nor_repeated(
    world: World, audit_log: Counted
) -> None:
    world.redis.store.apply_all([creation(), change()])
    found = tail(audit_log, limit=1)
    world.redis.store.apply(change())
    assert found.ready == 1
    assert numbers(found) == [2, 3]


def test_many_at_once_are_all_there(world: World, audit_log: Counted) -> None:
    amount = 2 * PAGE_SIZE + 3
    found = tail(audit_log)
    write(world, amount)
    assert numbers(found) == [*range(1, amount + 1)]


def test_a_record_is_there_as_soon_as_it_is_written(world: World, audit_log: Counted) -> None:
    found = iter(tail(audit_log, waiting=lambda: None))
    with later(0.3, lambda: world.redis.raw.xadd(world.redis.keys.audit, FOREIGN, id="1-0")):
        assert next(found).seq == 1


def test_filters_hold_for_what_follows(world: World, audit_log: Counted) -> None:
    found = tail(audit_log, {"job_id": "job-3"})
    write(world, 29)
    assert numbers(found) == [3, 13, 23]


def test_its_reader_is_looked_after_while_the_filter_drops_all(
    world: World, audit_log: Counted
) -> None:
    found = tail(audit_log, {"job_id": "nobody"})
    write(world, 29)
    with pytest.raises(NothingComesError):
        next(iter(found))


def test_the_end_of_a_span_ends_it(world: World, audit_log: Counted) -> None:
    found = tail(audit_log, {"until": AT + 3 * SECOND})
    write(world, 9)
    assert [entry.seq for entry in found] == [1, 2]


def test_foreign_entries_are_passed_on_and_pin_nothing(world: World, audit_log: Counted) -> None:
    found = tail(audit_log)
    write(world, 1)
    for part in (3, 4):
        world.redis.raw.xadd(world.redis.keys.audit, FOREIGN, id=f"17-{part}")
    assert numbers(found) == [1, None, None]


def test_a_lost_connection_is_tried_again_and_said_once(world: World, audit_log: Counted) -> None:
    said: list[str] = []
    failing = Failing(audit_log)
    write(world, 2)
    found = iter(tail(failing, limit=1, tell=said.append, waiting=lambda: None))
    next(found)
    failing.failures = [UnreachableError("nobody answers")] * 3
    with later(0.3, lambda: world.redis.store.apply(creation())):
        assert next(found).seq == 3
    assert said == ["nobody answers; trying again for 60 s"]


def test_each_outage_is_said(world: World, audit_log: Counted) -> None:
    said: list[str] = []
    failing = Failing(audit_log)
    found = iter(tail(failing, tell=said.append, waiting=lambda: None))
    for number in (1, 2):
        failing.failures = [UnreachableError("nobody answers")] * 2
        world.redis.store.apply(creation(f"job-{number}"))
        assert next(found).seq == number
    assert len(said) == 2


def test_a_connection_that_stays_away_is_the_error_in_the_end(
    audit_log: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.0)
    failing = Failing(audit_log)
    failing.failures = [UnreachableError("nobody answers")] * 99
    with pytest.raises(UnreachableError):
        next(iter(tail(failing, waiting=lambda: None)))
    assert len(failing.failures) > 90


@pytest.mark.parametrize("failure", [UnavailableError("wrong type"), NotPermittedError("no")])
def test_what_does_not_pass_by_itself_is_not_waited_for(
    failure: Exception, audit_log: Counted
) -> None:
    failing = Failing(audit_log)
    failing.failures = [failure]
    with pytest.raises(type(failure)):
        next(iter(tail(failing)))
    assert failing.failures == []


@pytest.mark.parametrize(
    "rewritten", [0, 2, 3, 9], ids=["gone", "rolled back", "rewritten", "grown past it"]
)
def test_another_trail_ends_it(rewritten: int, world: World, audit_log: Counted) -> None:
    write(world, 3)
    found = iter(tail(audit_log, limit=1))
    assert next(found).seq == 3
    world.redis.raw.delete(world.redis.keys.audit)
    write_trail(world.redis.raw, world.redis.keys.audit, rewritten, lambda _: {"actor": "nobody"})
    with pytest.raises(FindingsError, match="audit record 3 "):
        next(found)


def test_what_was_trimmed_away_unseen_is_said(world: World, audit_log: Counted) -> None:
    said: list[str] = []
    write(world, 3)
    found = iter(tail(audit_log, limit=1, tell=said.append))
    assert next(found).seq == 3
    world.redis.store.apply_all([creation(f"job-{number}") for number in range(5)])
    world.redis.raw.xtrim(world.redis.keys.audit, minid="7-0", approximate=False)
    assert numbers(found) == [7, 8]
    assert said == ["3 records behind 3 were trimmed away before they were read"]
