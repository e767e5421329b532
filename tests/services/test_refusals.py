"""Which attempts are recorded as refused, and what the record says."""

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import jobctl
from jobctl.domain.job import Secret
from jobctl.errors import (
    ConflictError,
    HeldError,
    JobctlError,
    NotPermittedError,
    RefusedError,
    UnavailableError,
)
from jobctl.services.operations import no_such_job
from tests.services.deciding import (
    ACTOR,
    approved,
    awaiting,
    denied,
    in_status,
    only,
    records,
    snapshot,
    token_of,
)
from tests.services.observed import ObservedJobs
from tests.services.refusing import (
    REFUSED_IN,
    VERBS,
    WHY,
    attempt,
    of_refusals,
    refusals,
    tokens,
)
from tests.services.world import World
from tests.storage.redis_under_test import assert_sound_chain

every_verb = pytest.mark.parametrize("verb", VERBS)
SUMMARIES = {
    "approve": "conflict: decided otherwise",
    "update": "conflict: not in the expected status",
}
STATE = "conflict: its state does not allow it"


@every_verb
def test_a_job_in_another_state_is_recorded_as_it_was_found(verb: str, world: World) -> None:
    in_status(world, REFUSED_IN[verb], denied_at="2026-03-01T10:00:00+00:00")
    before = world.redis.hash()
    (error,) = attempt(verb, world, "job-1")
    assert isinstance(error, ConflictError)
    (record,) = records(world)
    assert record.pop("op_id")
    assert record == {
        "actor": ACTOR,
        "action": f"{verb}-refused",
        "job_id": "job-1",
        "from": REFUSED_IN[verb],
        "to": REFUSED_IN[verb],
        "reason": WHY,
        "summary": SUMMARIES.get(verb, STATE),
    }
    assert world.redis.hash() == before
    assert_sound_chain(world.redis.audit())


@every_verb
def test_a_job_that_there_is_not_is_recorded_without_the_reason(verb: str, world: World) -> None:
    attempt(verb, world, "nobody")
    wanted = ("action", "job_id", "from", "to", "reason", "summary")
    assert of_refusals(world, wanted) == [
        (f"{verb}-refused", "nobody", "", "", "", "not_found: no such job")
    ]


@every_verb
def test_without_a_recorder_nothing_is_recorded_or_asked(verb: str, world: World) -> None:
    in_status(world, REFUSED_IN[verb])
    jobs = ObservedJobs(world)
    attempt(verb, world, "job-1", jobs=jobs, refusals=None)
    assert world.redis.audit() == []
    assert jobs.calls == {"read": 1}


@pytest.mark.parametrize("verb", ["approve", "deny", "cancel", "retry"])
def test_a_dry_run_of_many_is_not_recorded(verb: str, world: World) -> None:
    in_status(world, REFUSED_IN[verb])
    before = snapshot(world)
    assert None not in attempt(verb, world, "job-1", "nobody", bulk={"dry_run": True})
    assert snapshot(world) == before


@pytest.mark.parametrize("verb", ["delete", "update"])
def test_a_dry_run_is_not_recorded(verb: str, world: World) -> None:
    in_status(world, REFUSED_IN[verb])
    before = snapshot(world)
    assert attempt(verb, world, "job-1", dry_run=True) != [None]
    assert snapshot(world) == before


@pytest.mark.parametrize(
    ("verb", "status", "fields"),
    [
        ("approve", "completed", {"approved_at": "2026-03-01T10:00:00+00:00"}),
        ("deny", "denied", {}),
        ("cancel", "cancelled", {}),
        ("retry", "queued", {"attempt": "2"}),
    ],
)
def test_the_same_change_again_is_no_refusal(
    verb: str, status: str, fields: dict[str, str], world: World
) -> None:
    in_status(world, status, **fields)
    assert attempt(verb, world, "job-1") == [None]
    assert world.redis.audit() == []


@pytest.mark.parametrize("action", ["token-issue", "token-verify", "token-consume", "token-revoke",
                                    "token-revoke of a job"])  # fmt: skip
def test_a_wrong_token_is_recorded_without_it(action: str, world: World) -> None:
    with pytest.raises(JobctlError):
        tokens(world)[action](refusals=refusals(world))
    by_id = action in ("token-issue", "token-revoke of a job")
    name = action.removesuffix(" of a job")
    assert of_refusals(world, ("action", "job_id", "reason", "summary")) == [
        (f"{name}-refused", "nobody", "", "not_found: no such job")
        if by_id
        else (f"{name}-refused", "-", "", "not_found: no such token")
    ]


def test_the_token_of_a_job_that_awaits_nothing_names_that_job(world: World) -> None:
    in_status(world, "completed")
    with pytest.raises(ConflictError):
        tokens(world, value=token_of("job-1"))["token-verify"](refusals=refusals(world))
    assert of_refusals(world, ("job_id", "from", "summary")) == [("job-1", "completed", STATE)]


Arrange = Callable[[World], dict[str, object]]


def _hold(world: World) -> dict[str, object]:
    world.redis.raw.set(world.redis.keys.approval_lock("job-1"), "foreign", ex=60)
    return {}


def _other_token(_world: World) -> dict[str, object]:
    return {"token": Secret("another")}


def _late(world: World) -> dict[str, object]:
    past = "2026-03-01T10:00:00+00:00"
    world.redis.raw.hset(world.redis.keys.job("job-1"), "approval_expires_at", past)
    return {}


def _own(world: World) -> dict[str, object]:
    world.redis.raw.hset(world.redis.keys.job("job-1"), "created_by", ACTOR)
    return {"different_from_creator": True}


@pytest.mark.parametrize("decide", [approved, denied])
@pytest.mark.parametrize(
    ("arrange", "summary"),
    [
        (_hold, "conflict: the approval service is deciding on it"),
        (_other_token, "conflict: another approval token"),
        (_late, "conflict: its deadline has passed"),
        (_own, "refused: who made it may not decide"),
        (lambda _: {"different_from_creator": True}, "refused: nobody knows who made it"),
    ],
)
def test_what_a_rule_of_decisions_forbids_is_named(
    arrange: Arrange, summary: str, decide: Callable[..., object], world: World
) -> None:
    awaiting(world)
    options = arrange(world)
    error = only(decide(world, "job-1", refusals=refusals(world), **options)).error  # type: ignore[arg-type]
    assert isinstance(error, HeldError | ConflictError | RefusedError)
    assert of_refusals(world, ("from", "reason", "summary")) == [
        ("awaiting_approval", WHY, summary)
    ]


def test_a_lost_document_is_recorded(world: World) -> None:
    awaiting(world)
    (world.root / "documents" / "temp" / "job-1.pdf").unlink()
    attempt("approve", world, "job-1")
    assert of_refusals(world, ("summary",)) == [("not_found: its document is lost",)]


def test_who_loses_a_race_is_recorded_with_what_was_found_then(world: World) -> None:
    awaiting(world)
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, lambda: [*denied(world, "job-1")])
    (error,) = attempt("approve", world, "job-1", jobs=jobs)
    assert isinstance(error, ConflictError)
    assert [(one["action"], one["from"]) for one in records(world)] == [
        ("deny", "awaiting_approval"),
        ("deny-cleanup", "denied"),
        ("approve-refused", "denied"),
    ]


def test_a_job_that_is_waited_for_is_recorded_once_at_the_end(world: World) -> None:
    awaiting(world)
    _hold(world)
    attempt("approve", world, "job-1", bulk={"wait": timedelta(seconds=0.5)})
    assert len(records(world)) == 1


@pytest.mark.parametrize("kind", [UnavailableError, NotPermittedError])
@pytest.mark.parametrize("method", ["read", "apply_all"])
def test_an_outage_is_no_refusal(kind: type[JobctlError], method: str, world: World) -> None:
    awaiting(world)
    jobs = ObservedJobs(world)
    jobs.fail(method, 1, kind("gone", job_id="job-1"))
    with pytest.raises(kind):
        approved(world, "job-1", jobs=jobs, refusals=refusals(world)).__iter__().__next__()
    assert world.redis.audit() == []


@pytest.mark.parametrize("action", ["token-issue", "token-verify", "token-revoke"])
def test_an_outage_before_a_token_is_known_is_no_refusal(action: str, world: World) -> None:
    jobs = ObservedJobs(world)
    method = "read" if action == "token-issue" else "token_holder"
    jobs.fail(method, 1, UnavailableError("gone", job_id="job-1"))
    with pytest.raises(UnavailableError):
        tokens(world, jobs=jobs)[action](refusals=refusals(world))
    assert world.redis.audit() == []


def test_a_decision_that_stands_is_no_refusal_whatever_comes_after_it(world: World) -> None:
    """A service revives the job before its documents are deleted."""
    awaiting(world)
    jobs, key = ObservedJobs(world), world.redis.keys.job("job-1")
    jobs.at("read", 2, lambda: world.redis.raw.hset(key, "status", "processing"))
    (error,) = attempt("deny", world, "job-1", jobs=jobs)
    assert isinstance(error, ConflictError)
    assert world.redis.actions() == ["deny"]


def test_the_changes_of_a_batch_and_its_refusals_are_all_there(world: World) -> None:
    for job_id in ("job-1", "job-2", "job-3"):
        awaiting(world, job_id)
    world.redis.raw.hset(world.redis.keys.job("job-2"), "status", "completed")
    attempt("cancel", world, "job-1", "job-2", "nobody", "job-3")
    assert [(one["action"], one["job_id"]) for one in records(world)] == [
        ("cancel", "job-1"),
        ("cancel", "job-3"),
        ("cancel-refused", "job-2"),
        ("cancel-refused", "nobody"),
    ]
    assert_sound_chain(world.redis.audit())


def test_what_forbids_a_change_is_a_fixed_phrase_wherever_it_is_raised() -> None:
    """The trail never expires: nothing that was made of a name, a text or a token may get there."""
    sources = Path(jobctl.__file__).parent.rglob("*.py")
    trees = [ast.parse(file.read_text("utf-8")) for file in sources]
    phrases = [
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "refusal"
    ]
    assert len(phrases) > 8
    assert all(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in phrases)


def test_an_error_has_its_own_phrase_or_that_of_its_kind() -> None:
    assert no_such_job("x").refusal == "no such job"
    assert ConflictError("x").refusal == "its state does not allow it"
    assert ConflictError("x", refusal="other").refusal == "other"
    assert UnavailableError("x").refusal is None
