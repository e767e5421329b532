"""Names, aliases, final statuses, the moves between them, and how long records are kept."""

from datetime import timedelta
from itertools import product

import pytest

from jobctl.domain.status import (
    ACTIVE,
    TERMINAL,
    JobStatus,
    TtlPolicy,
    named_status,
    names_of,
    parse_status,
    worker_moves_from,
)

S = JobStatus
CANONICAL = {
    "queued",
    "pii_scanning",
    "awaiting_approval",
    "processing_queued",
    "waiting_for_remote_worker",
    "processing",
    "completed",
    "failed",
    "denied",
    "cancelled",
}
# Written out anew: a test that read the table from the code would agree with any table.
MOVES = {
    S.QUEUED: {
        S.PII_SCANNING,
        S.PROCESSING_QUEUED,
        S.WAITING_FOR_REMOTE_WORKER,
        S.PROCESSING,
        S.FAILED,
    },
    S.PII_SCANNING: {S.AWAITING_APPROVAL, S.PROCESSING_QUEUED, S.PROCESSING, S.FAILED},
    S.AWAITING_APPROVAL: {S.FAILED},
    S.PROCESSING_QUEUED: {S.WAITING_FOR_REMOTE_WORKER, S.PROCESSING, S.FAILED},
    S.WAITING_FOR_REMOTE_WORKER: {S.PROCESSING, S.FAILED},
    S.PROCESSING: {S.COMPLETED, S.FAILED},
    S.COMPLETED: set(),
    S.FAILED: set(),
    S.DENIED: set(),
    S.CANCELLED: set(),
}


def test_the_canonical_names_are_the_ones_of_the_data_contract() -> None:
    assert {status.value for status in JobStatus} == CANONICAL


@pytest.mark.parametrize("name", sorted(CANONICAL))
def test_a_canonical_name_is_read_in_any_case(name: str) -> None:
    for spelling in (name, name.upper(), name.title(), f" {name}\n"):
        found = parse_status(spelling)
        assert found is not None
        assert found.value == name


@pytest.mark.parametrize(
    ("alias", "status"),
    [
        ("pending", S.QUEUED),
        ("running", S.PROCESSING),
        ("finished", S.COMPLETED),
        ("canceled", S.CANCELLED),
        ("timeout", S.FAILED),
        ("PENDING", S.QUEUED),
        ("Running", S.PROCESSING),
    ],
)
def test_an_alias_means_its_canonical_status(alias: str, status: JobStatus) -> None:
    assert parse_status(alias) is status


@pytest.mark.parametrize(
    "text", [None, "", " ", "paused", "complete", "failed!", "None", "\uff46ailed"]
)
def test_an_unknown_status_has_no_meaning(text: str | None) -> None:
    assert parse_status(text) is None


def test_exactly_the_four_ends_are_terminal() -> None:
    assert {S.COMPLETED, S.FAILED, S.DENIED, S.CANCELLED} == TERMINAL
    assert frozenset(JobStatus) - TERMINAL == ACTIVE


@pytest.mark.parametrize(("old", "new"), list(product(JobStatus, JobStatus)))
def test_update_makes_exactly_the_moves_of_the_table(old: JobStatus, new: JobStatus) -> None:
    assert (new in worker_moves_from(old)) == (new in MOVES[old])


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_no_update_leaves_a_terminal_status(status: JobStatus) -> None:
    assert worker_moves_from(status) == frozenset()


def test_no_update_decides_or_cancels() -> None:
    reachable = {new for old in JobStatus for new in worker_moves_from(old)}
    assert not reachable & {S.DENIED, S.CANCELLED, S.QUEUED}
    assert S.PROCESSING_QUEUED not in worker_moves_from(S.AWAITING_APPROVAL)


def test_no_update_leaves_an_unknown_status() -> None:
    assert worker_moves_from(None) == frozenset()


@pytest.mark.parametrize("status", sorted(JobStatus))
def test_every_stored_spelling_of_a_status_is_named_and_leads_back(status: JobStatus) -> None:
    names = names_of(status)
    assert names[0] == status.value
    assert {parse_status(name) for name in names} == {status}
    for alias in ("pending", "running", "finished", "canceled", "timeout"):
        assert (alias in names) == (parse_status(alias) is status)


@pytest.mark.parametrize(
    ("status", "days"),
    [
        (S.COMPLETED, 30),
        (S.FAILED, 30),
        (S.CANCELLED, 30),
        (S.DENIED, 7),
        (S.QUEUED, 7),
        (S.PII_SCANNING, 7),
        (S.AWAITING_APPROVAL, 7),
        (S.PROCESSING_QUEUED, 7),
        (S.WAITING_FOR_REMOTE_WORKER, 7),
        (S.PROCESSING, 7),
        (None, 7),
    ],
)
def test_the_default_lifetimes_are_those_of_the_data_contract(
    status: JobStatus | None, days: int
) -> None:
    assert TtlPolicy().lifetime(status) == timedelta(days=days)


def test_each_lifetime_can_be_set_on_its_own() -> None:
    policy = TtlPolicy(
        completed=timedelta(days=1),
        failed=timedelta(days=2),
        cancelled=timedelta(days=3),
        denied=timedelta(days=4),
        active=timedelta(days=5),
    )
    ends = (S.COMPLETED, S.FAILED, S.CANCELLED, S.DENIED)
    assert [policy.lifetime(end).days for end in ends] == [1, 2, 3, 4]
    assert {policy.lifetime(status).days for status in (*ACTIVE, None)} == {5}


@pytest.mark.parametrize(
    ("stored", "named"),
    [
        (None, ""), ("", ""), ("queued", "queued"), ("On_Hold", "On_Hold"),
        (" QUEUED ", " QUEUED "),
        ("Jane Doe", "(unreadable)"), ("jane@example.org", "(unreadable)"),
        ("x" * 33, "(unreadable)"), ("\udcff", "(unreadable)"), ("42", "(unreadable)"),
    ],
)  # fmt: skip
def test_a_record_holds_names_of_statuses_and_nothing_else(stored: str | None, named: str) -> None:
    assert named_status(stored) == named
