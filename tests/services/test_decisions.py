"""What `approve` and `deny` have in common: who may decide, until when, and by which token."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from jobctl.domain.job import Secret
from jobctl.domain.status import JobStatus
from jobctl.errors import ConflictError, ExitCode, RefusedError
from jobctl.services.decisions import Reviewer
from jobctl.services.operations import Operation, OperationList
from tests.cli.foreign import ForeignJobService
from tests.services.deciding import (
    ACTOR,
    REASON,
    approved,
    awaiting,
    denied,
    only,
    records,
    snapshot,
    token_key,
    token_of,
)
from tests.services.world import World

Decide = Callable[..., OperationList]
BOTH = [pytest.param(approved, id="approve"), pytest.param(denied, id="deny")]
decides = pytest.mark.parametrize("decide", BOTH)
OPPOSITES = [
    pytest.param(approved, denied, "approved", "denied", id="approve-deny"),
    pytest.param(denied, approved, "denied", "approved", id="deny-approve"),
]
AHEAD = timedelta(hours=1)


def assert_refused(
    world: World, found: OperationList, kind: type[Exception], *words: str
) -> Operation:
    """The only job of *found* is refused for a reason with *words*, and nothing is changed."""
    before = snapshot(world)
    operation = only(found)
    assert isinstance(operation.error, kind)
    for word in words:
        assert word in operation.error.message
    assert (operation.changed, operation.op_id) == (False, None)
    assert snapshot(world) == before
    return operation


@pytest.mark.parametrize(("first", "second", "done", "undone"), OPPOSITES)
def test_the_opposite_of_a_decision_is_a_conflict_that_names_who_and_when(
    world: World, first: Decide, second: Decide, done: str, undone: str
) -> None:
    awaiting(world)
    assert only(first(world, "job-1")).changed
    when = world.redis.hash()[f"{done}_at"].replace("+00:00", "Z")
    found = second(world, "job-1", reviewer=Reviewer(name="other@example.edu", origin="--as"))
    assert_refused(
        world, found, ConflictError, f"{done} by dean@example.edu at {when}", f"cannot be {undone}"
    )
    assert found.exit_code == ExitCode.CONFLICT


@pytest.mark.parametrize(("first", "second", "done", "undone"), OPPOSITES)
def test_a_decision_in_haste_by_the_service_is_a_conflict_that_names_when(
    world: World, first: Decide, second: Decide, done: str, undone: str
) -> None:
    awaiting(world)
    service = ForeignJobService(world.redis.raw, world.redis.keys.namespace)
    status = "processing_queued" if done == "approved" else "denied"
    service.update_job_status("job-1", status, **{f"{done}_at": "2026-03-01T10:00:00+00:00"})
    assert_refused(
        world, second(world, "job-1"), ConflictError, f"was {done} at 2026-03-01T10:00:00Z"
    )
    assert only(first(world, "job-1")).error is None


@pytest.mark.parametrize("stored", ["", "not JSON", "[]", "{}", '{"reviewed_by": 7}', "null"])
@pytest.mark.parametrize(("first", "second", "done", "undone"), OPPOSITES)
def test_a_decision_that_cannot_be_read_is_a_decision_all_the_same(
    world: World, first: Decide, second: Decide, done: str, undone: str, stored: str
) -> None:
    status = "processing" if done == "approved" else "denied"
    name = "approval_decision" if done == "approved" else "denial_decision"
    at = {f"{done}_at": "2026-03-01T10:00:00+00:00"}
    awaiting(world, status=status, **{name: stored}, **at)
    assert_refused(world, second(world, "job-1"), ConflictError, f"was {done}")
    assert (only(first(world, "job-1")).changed, world.redis.audit()) == (False, [])


@decides
@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ((datetime.now(UTC) - AHEAD).isoformat(), "expired 1h"),
        ((datetime.now(UTC) + AHEAD).replace(tzinfo=None).isoformat(), "unreadable deadline"),
        ("tomorrow", "unreadable deadline"),
        ("1893456000", "unreadable deadline"),
        ("", "no deadline"),
        (None, "no deadline"),
    ],
    ids=["expired", "naive", "words", "number", "empty", "missing"],
)
def test_nobody_decides_behind_a_deadline_or_without_one(
    world: World, decide: Decide, stored: str | None, said: str
) -> None:
    awaiting(world, approval_expires_at=stored)
    found = decide(world, "job-1")
    operation = assert_refused(world, found, ConflictError, said)
    assert operation.error
    assert operation.error.hint
    assert "--extend" in operation.error.hint


@decides
def test_a_deadline_in_another_time_zone_is_the_moment_that_it_names(
    world: World, decide: Decide
) -> None:
    awaiting(world, approval_expires_at="2999-01-01T00:00:00-11:00")
    awaiting(world, "job-2", approval_expires_at="2999-01-01T00:00:00Z")
    assert [one.changed for one in decide(world, "job-1", "job-2")] == [True, True]


@decides
@pytest.mark.parametrize(
    ("creator", "reviewer", "actor"),
    [
        ({"created_by": "dean@example.edu"}, "dean@example.edu", "cron"),
        ({"created_by": "Dean@Example.EDU"}, "dean@example.edu", "cron"),
        ({"user_id": "dean@example.edu"}, "DEAN@example.edu", "cron"),
        ({"user_id": "u-17"}, "dean@example.edu", "U-17"),
        ({"created_by": "cron"}, "dean@example.edu", "cron"),
        ({"created_by": "cron", "user_id": "dean@example.edu"}, "dean@example.edu", "ops"),
        ({"created_by": "STRASSE", "user_id": "u-1"}, "stra\u00dfe", "ops"),
    ],
)
def test_nobody_decides_on_a_job_of_his_own_where_another_is_asked_for(
    world: World, decide: Decide, creator: dict[str, str], reviewer: str, actor: str
) -> None:
    awaiting(world, **creator)
    who = {"reviewer": Reviewer(name=reviewer, origin="--as"), "actor": actor}
    found = decide(world, "job-1", different_from_creator=True, **who)
    assert_refused(world, found, RefusedError, "made by who decides now")
    assert found.exit_code == ExitCode.REFUSED
    assert only(decide(world, "job-1", **who)).changed


@decides
@pytest.mark.parametrize("creator", [{}, {"created_by": "", "user_id": ""}])
def test_a_job_that_names_no_creator_is_refused_where_another_is_asked_for(
    world: World, decide: Decide, creator: dict[str, str]
) -> None:
    awaiting(world, **creator)
    found = decide(world, "job-1", different_from_creator=True)
    assert_refused(world, found, RefusedError, "does not say who made it")


@decides
def test_another_than_the_creator_decides(world: World, decide: Decide) -> None:
    awaiting(world, created_by="ada@example.edu", user_id="u-17")
    assert only(decide(world, "job-1", different_from_creator=True)).changed


@decides
@pytest.mark.parametrize("expected", [one for one in JobStatus if one != "awaiting_approval"])
def test_a_job_in_another_status_than_expected_is_left_alone(
    world: World, decide: Decide, expected: JobStatus
) -> None:
    awaiting(world)
    found = decide(world, "job-1", expect_status=expected)
    assert_refused(world, found, ConflictError, "is awaiting_approval", f"not {expected}")


@decides
def test_a_job_in_the_expected_status_is_decided_on_once(world: World, decide: Decide) -> None:
    awaiting(world, status="Awaiting_Approval")
    expected = {"expect_status": JobStatus.AWAITING_APPROVAL}
    assert only(decide(world, "job-1", **expected)).changed
    again = only(decide(world, "job-1", **expected))
    assert (again.changed, again.error) == (False, None)


@decides
def test_the_token_of_the_job_opens_its_decision(world: World, decide: Decide) -> None:
    awaiting(world)
    assert only(decide(world, "job-1", token=Secret(token_of("job-1")))).changed
    assert not world.redis.raw.exists(token_key(world, token_of("job-1")))
    again = only(decide(world, "job-1", token=Secret(token_of("job-1"))))
    assert (again.changed, again.error) == (False, None)


@decides
@pytest.mark.parametrize("fields", [{}, {"approval_token": None}, {"approval_token": ""}])
@pytest.mark.parametrize("token", ["the-token-of-job-2-to-decide", "x", "superseded"])
def test_another_token_than_the_jobs_opens_nothing(
    world: World, decide: Decide, token: str, fields: dict[str, str | None]
) -> None:
    awaiting(world, **fields)
    awaiting(world, "job-2")
    world.redis.raw.set(token_key(world, "superseded"), "job-1", ex=3600)
    found = decide(world, "job-1", token=Secret(token))
    operation = assert_refused(world, found, ConflictError, "another approval token")
    assert operation.error
    assert token not in operation.error.message.removeprefix("job job-1 has")


@decides
@pytest.mark.parametrize(
    ("findings", "audited"),
    [
        (json.dumps([{"entity_type": "PERSON", "text": "Ada L."}]), "[PERSON] is staff, [PERSON]"),
        ("{not a list", "[withheld: PII findings unreadable]"),
        (json.dumps([{"entity_type": "PERSON"}]), "[withheld: PII findings unreadable]"),
        (None, "Ada L. is staff, ADA L."),
    ],
)
def test_the_reason_is_kept_in_the_decision_and_masked_in_the_audit(
    world: World, decide: Decide, findings: str | None, audited: str
) -> None:
    awaiting(world, pii_findings=findings)
    only(decide(world, "job-1", reason="Ada L. is staff, ADA L."))
    stored = world.redis.hash()
    decision = json.loads(stored.get("approval_decision") or stored["denial_decision"])
    assert decision["justification"] == "Ada L. is staff, ADA L."
    assert stored.get("pii_findings") == findings
    assert records(world)[0]["reason"] == audited


@decides
def test_a_reason_that_quotes_the_token_does_not_carry_it_into_the_audit(
    world: World, decide: Decide
) -> None:
    awaiting(world)
    only(decide(world, "job-1", reason=f"by the link …{token_of('job-1')}"))
    assert token_of("job-1") not in json.dumps(world.redis.audit())


@decides
def test_the_audit_says_where_the_name_of_the_reviewer_is_from(
    world: World, decide: Decide
) -> None:
    awaiting(world)
    only(decide(world, "job-1", reviewer=Reviewer(name=ACTOR, origin="JOBCTL_ACTOR")))
    record = records(world)[0]
    assert (record["actor"], record["reason"]) == (ACTOR, REASON)
    assert record["summary"] == f"reviewed by {ACTOR} (JOBCTL_ACTOR)"


@decides
@pytest.mark.parametrize("creator", [" REV ", "rev\t", "R  EV"])
def test_blanks_and_case_make_nobody_another_one(
    world: World, decide: Decide, creator: str
) -> None:
    awaiting(world, created_by=creator)
    name = "r ev" if "  " in creator else "rev"
    who = Reviewer(name=name, origin="--as")
    found = decide(world, "job-1", different_from_creator=True, reviewer=who)
    assert_refused(world, found, RefusedError, "made by who decides now")


@decides
def test_a_reviewer_whose_name_the_scan_has_found_is_not_named(
    world: World, decide: Decide
) -> None:
    findings = json.dumps([{"entity_type": "PERSON", "text": "Mary Canary"}])
    decision = json.dumps({"reviewed_by": "Mary Canary"})
    opposite = {
        approved: ("denied", "denial_decision"),
        denied: ("processing", "approval_decision"),
    }
    status, field = opposite[decide]
    awaiting(world, status=status, pii_findings=findings, **{field: decision})
    error = only(decide(world, "job-1")).error
    assert error
    assert "Mary Canary" not in error.message
    assert "[PERSON]" in error.message
