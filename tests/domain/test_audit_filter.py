"""Which entries of the trail are asked for, and where none can follow."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobctl.domain.audit import AuditEntry, AuditFilter

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ENTRY = AuditEntry(
    place="7-0",
    at=AT,
    op_id="op-1",
    actor="ops@host",
    action="approve",
    job_id="job-1",
    from_status="awaiting_approval",
    to_status="processing_queued",
    reason="because",
    summary="",
    prev="0" * 64,
    hash="1" * 64,
)
UNREADABLE = AuditEntry(
    place="8-0",
    at=None,
    op_id=None,
    actor=None,
    action=None,
    job_id=None,
    from_status=None,
    to_status=None,
    reason=None,
    summary=None,
    prev=None,
    hash=None,
)


@pytest.mark.parametrize(
    ("place", "seq"), [("7-0", 7), ("1-0", 1), ("7-1", None), ("1700000000000-0", 1700000000000)]
)
def test_only_an_id_as_jobctl_gives_it_is_a_number_of_the_chain(
    place: str, seq: int | None
) -> None:
    assert replace(ENTRY, place=place).seq == seq


@pytest.mark.parametrize(
    ("entry", "chained"),
    [
        (ENTRY, True),
        (replace(ENTRY, place="7-1"), False),
        (replace(ENTRY, hash=None), False),
        (replace(ENTRY, hash=""), False),
        (UNREADABLE, False),
    ],
)
def test_an_entry_with_number_and_hash_looks_like_one_of_the_chain(
    entry: AuditEntry, chained: bool
) -> None:
    assert entry.is_chained is chained


@pytest.mark.parametrize("entry", [ENTRY, UNREADABLE])
def test_without_conditions_everything_is_admitted(entry: AuditEntry) -> None:
    assert AuditFilter().admits(entry)
    assert not AuditFilter().is_beyond(entry, oldest_first=True)
    assert not AuditFilter().is_beyond(entry, oldest_first=False)


@pytest.mark.parametrize(
    ("matching", "other"),
    [
        (AuditFilter(job_id="job-1"), AuditFilter(job_id="job-10")),
        (AuditFilter(actor="ops@host"), AuditFilter(actor="ops")),
        (AuditFilter(op_id="op-1"), AuditFilter(op_id="op-2")),
        (
            AuditFilter(actions=frozenset({"deny", "approve"})),
            AuditFilter(actions=frozenset({"x"})),
        ),
        (AuditFilter(since=AT), AuditFilter(since=AT + TICK)),
        (AuditFilter(until=AT + TICK), AuditFilter(until=AT)),
        (AuditFilter(job_id="job-1", op_id="op-1"), AuditFilter(job_id="job-1", op_id="op-2")),
    ],
)
def test_all_conditions_must_hold(matching: AuditFilter, other: AuditFilter) -> None:
    assert matching.admits(ENTRY)
    assert not other.admits(ENTRY)
    assert not matching.admits(UNREADABLE)


def test_an_action_is_asked_for_in_any_case() -> None:
    assert AuditFilter(actions=frozenset({"approve"})).admits(replace(ENTRY, action="APPROVE"))


@pytest.mark.parametrize(
    ("moment", "older_is_over", "newer_is_over"),
    [(AT - TICK, True, False), (AT, False, True), (AT + TICK, False, True)],
)
def test_reading_ends_behind_the_span_and_not_before_it(
    moment: datetime, older_is_over: bool, newer_is_over: bool
) -> None:
    entry = replace(ENTRY, at=moment)
    assert AuditFilter(since=AT).is_beyond(entry, oldest_first=False) is older_is_over
    assert AuditFilter(until=AT).is_beyond(entry, oldest_first=True) is newer_is_over
    assert not AuditFilter(since=AT).is_beyond(entry, oldest_first=True)
    assert not AuditFilter(until=AT).is_beyond(entry, oldest_first=False)


@pytest.mark.parametrize("stranger", [replace(ENTRY, hash=None), replace(ENTRY, place="7-1")])
def test_the_time_of_a_foreign_entry_ends_nothing(stranger: AuditEntry) -> None:
    older, newer = replace(stranger, at=AT - TICK), replace(stranger, at=AT + TICK)
    assert not AuditFilter(since=AT).is_beyond(older, oldest_first=False)
    assert not AuditFilter(until=AT).is_beyond(newer, oldest_first=True)
