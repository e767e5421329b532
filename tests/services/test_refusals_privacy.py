"""What a refused attempt may not bring into the trail: findings, tokens, and texts about no job."""

import json

import pytest

from jobctl.domain.limits import REASON_LIMIT
from jobctl.domain.redaction import WITHHELD
from jobctl.errors import JobctlError
from jobctl.services.ports import TokenKind
from tests.services.deciding import awaiting, in_status, token_key
from tests.services.refusing import REFUSED_IN, VERBS, attempt, of_refusals, refusals, tokens
from tests.services.world import World

NAME = "Xanthippe Quandt-CANARY"
TOKEN = "Zq9xk2Lw7vB1-Hm4Tn8_Rc5Yd0Gs3Jf6Pw2Xa7Vb1Ke"  # as long as any
UUID = "3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10"
FINDINGS = json.dumps(
    [{"entity_type": "PERSON", "start": 0, "end": len(NAME), "score": 0.9, "text": NAME}]
)


def assert_clean(world: World) -> None:
    told = json.dumps(world.redis.audit()).lower()
    assert told != "[]"
    assert "canary" not in told
    assert "xanthippe" not in told
    assert not any(TOKEN[start : start + 12].lower() in told for start in range(32))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("stored", "reason"),
    [(FINDINGS, "it shows [PERSON], and [token] opens it"), ("[", WITHHELD)],
)
def test_the_reason_is_masked_by_what_was_found_in_the_job(
    stored: str, reason: str, verb: str, world: World
) -> None:
    in_status(world, REFUSED_IN[verb], pii_findings=stored, document_name=NAME, created_by=NAME)
    given = refusals(world, reason=f"it shows {NAME.upper()}, and {TOKEN} opens it")
    attempt(verb, world, "job-1", refusals=given)
    assert of_refusals(world, ("reason",)) == [(reason,)]
    assert_clean(world)


@pytest.mark.parametrize("token", [TOKEN, TOKEN + "x", TOKEN[:36], f"token-{TOKEN}"])
def test_what_may_be_a_token_is_masked_whatever_its_length(token: str, world: World) -> None:
    """One that was used up is in the record of no job."""
    in_status(world, "completed")
    attempt("deny", world, "job-1", refusals=refusals(world, reason=f"{token}, or {UUID}"))
    ((reason,),) = of_refusals(world, ("reason",))
    assert reason == f"[token], or {UUID}"
    assert_clean(world)


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_job_there_is_no_reason(verb: str, world: World) -> None:
    attempt(verb, world, "nobody", refusals=refusals(world, reason=NAME))
    assert of_refusals(world, ("reason",)) == [("",)]
    assert_clean(world)


def test_a_long_reason_is_cut_as_any_other(world: World) -> None:
    in_status(world, "completed")
    attempt("deny", world, "job-1", refusals=refusals(world, reason="so " * REASON_LIMIT))
    assert [len(reason) for (reason,) in of_refusals(world, ("reason",))] == [REASON_LIMIT]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("given", [TOKEN, f"{TOKEN}.pdf", f"x:{TOKEN}", TOKEN[:40], TOKEN * 2])
def test_a_token_that_is_given_for_an_id_is_not_recorded(
    given: str, verb: str, world: World
) -> None:
    attempt(verb, world, given)
    assert of_refusals(world, ("job_id", "summary")) == [("-", "not_found: no such job")]
    assert_clean(world)


@pytest.mark.parametrize("given", [UUID, UUID.replace("-", ""), "a" * 40, "batch-2026.03:0017"])
def test_the_usual_ids_of_no_job_are_recorded(given: str, world: World) -> None:
    attempt("cancel", world, given)
    assert of_refusals(world, ("job_id",)) == [(given,)]


@pytest.mark.parametrize("holder", [NAME, "", "../etc", "x" * 200, "job\n1", "-rf"])
@pytest.mark.parametrize("action", ["token-verify", "token-consume"])
def test_what_a_token_leads_to_is_recorded_only_if_it_is_an_id(
    action: str, holder: str, world: World
) -> None:
    """Others write these keys."""
    for kind in TokenKind:
        world.redis.raw.set(token_key(world, TOKEN, kind), holder, ex=100)
    with pytest.raises(JobctlError):
        tokens(world, value=TOKEN)[action](refusals=refusals(world, reason=NAME))
    assert of_refusals(world, ("job_id", "reason")) == [("-", "")]
    assert_clean(world)


@pytest.mark.parametrize("action", ["token-issue", "token-verify", "token-consume", "token-revoke"])
def test_a_foreign_token_is_never_recorded(action: str, world: World) -> None:
    with pytest.raises(JobctlError):
        tokens(world, value=TOKEN)[action](refusals=refusals(world, reason=f"{NAME} {TOKEN}"))
    assert_clean(world)


def test_a_message_that_names_people_is_not_repeated(world: World) -> None:
    """Who has decided stands in the message of who is too late."""
    decided = json.dumps({"decision": "denied", "reviewed_by": NAME, "justification": NAME})
    awaiting(world, status="denied", denial_decision=decided)
    (error,) = attempt("approve", world, "job-1")
    assert error is not None
    assert NAME in error.message
    assert of_refusals(world, ("summary",)) == [("conflict: decided otherwise",)]
    assert_clean(world)
