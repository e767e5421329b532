"""Reasons and findings stay where they are stored: no log, traceback or error has them, and the
audit trail has a reason masked. Hazard 11."""

from typing import Any

import pytest

from jobctl.domain.redaction import WITHHELD
from jobctl.errors import ExitCode
from jobctl.services import approve as approve_service
from tests.cli.decisions import (
    CHANGES,
    FORMATS,
    arguments_of,
    assert_no_canary,
    at_keyboard,
    request_approval,
    text_file,
    token_file,
    troubles,
)
from tests.cli.world import World, as_json, findings, new_id

NAME = "Xanthippe Quandt-CANARY"
TOKEN = "tok3n-CANARY-Zq9xk2Lw7vB1-Zq9xk2Lw7vB1-Zq9xk"
REASON = f"it shows {NAME.upper()}, and {TOKEN} opens it"
SECRET_REASON = "what only the record may say: CANARY"
LOUD = ("--debug", "--verbose")
MALFORMED = ("[", as_json({"text": NAME}), as_json([[NAME]]), as_json(as_json(findings(NAME))))


def _job(verb: str, world: World, stored: object) -> str:
    """A job with NAME wherever a worker may put it, in the status that *verb* is for."""
    fields: dict[str, Any] = {
        "pii_findings": stored,
        "document_name": f"Letter of {NAME}",
        "original_filename": f"{NAME}.pdf",
        "summary": f"reading {NAME}",
        "error": f"cannot parse {NAME}",
        "error_message": f"bad line {NAME}",
        "cancel_reason": f"because of {NAME}",
        "metadata": {"author": NAME, "api_token": TOKEN},
    }
    return request_approval(world, status=CHANGES[verb][0], token=TOKEN, **fields)


def _with_reason(verb: str, reason: str) -> list[str]:
    return [verb, *(["--no-verify"] if verb in ("approve", "retry") else []), "--reason", reason]


@pytest.mark.parametrize("verb", CHANGES)
@pytest.mark.parametrize("output", FORMATS)
def test_what_the_scan_has_found_is_masked_wherever_a_decision_is_told(
    output: str, verb: str, world: World
) -> None:
    job_id = _job(verb, world, findings(NAME))
    command = [*LOUD, *_with_reason(verb, REASON), job_id, "-o", output]
    outcomes = [world.run(*command, "--dry-run"), *(world.run(*command) for _ in range(2))]
    assert [one.exit_code for one in outcomes] == [0, 0, 0]
    others = [
        world.run(*LOUD, *_with_reason(other, NAME), job_id, "-o", output) for other in CHANGES
    ]
    shown = [one.everything for one in (*outcomes, *others)]
    assert_no_canary(*shown, as_json(world.audit))
    assert "it shows [PERSON], and [token] opens it" in {one["reason"] for one in world.audit}


@pytest.mark.parametrize("verb", CHANGES)
@pytest.mark.parametrize("stored", MALFORMED)
def test_a_reason_is_withheld_where_nobody_knows_what_to_mask(
    stored: str, verb: str, world: World
) -> None:
    job_id = _job(verb, world, stored)
    outcome = world.run(*LOUD, *_with_reason(verb, REASON), job_id, "-o", "json")
    assert outcome.exit_code == 0
    assert_no_canary(outcome.everything, as_json(world.audit))
    assert world.audit[0]["reason"] == WITHHELD


def test_the_attempts_that_retry_keeps_are_masked(world: World) -> None:
    job_id = _job("retry", world, findings(NAME))
    assert world.run("retry", job_id, "--no-verify").exit_code == 0
    assert_no_canary(world.job(job_id)["attempts"])


def test_the_queue_keeps_neither_names_nor_tokens_behind_a_decision(world: World) -> None:
    for verb in ("approve", "deny", "cancel"):
        job_id = request_approval(world, token=TOKEN)
        entry = {"job_id": job_id, "pii_findings": findings(NAME), "approval_token": TOKEN}
        world.redis.lpush(world.key("queue:approval"), as_json(entry))
        assert world.run(*arguments_of(verb), job_id).exit_code == 0
        assert world.key("queue:approval") not in world.keys


def test_the_jobs_that_somebody_is_asked_about_are_shown_masked(world: World) -> None:
    job_id = _job("cancel", world, findings(NAME))
    with at_keyboard("cancel", "--since", "1d", env=world.env) as keyboard:
        keyboard.expect("[y/N] ")
        assert job_id in keyboard.shown
        assert_no_canary(keyboard.shown)
        keyboard.type("n\n")
        keyboard.end()


@pytest.mark.parametrize(
    ("verb", "source"),
    [*((verb, "--reason") for verb in CHANGES), ("approve", "-F"), ("deny", "-F")],
)
def test_a_reason_is_in_no_log_error_or_traceback(verb: str, source: str, world: World) -> None:
    text = text_file(world, SECRET_REASON) if source == "-F" else SECRET_REASON
    no_verify = ["--no-verify"] if verb in ("approve", "retry") else []
    command = [*LOUD, verb, *no_verify, source, text]
    job_id = _job(verb, world, findings(NAME))
    for env in troubles(world):
        outcome = world.run(*command, job_id, **env)
        assert outcome.exit_code > ExitCode.USAGE
        assert_no_canary(outcome.everything)
    assert world.audit == []
    outcomes = [world.run(*command, one) for one in (new_id(), job_id, world.seed("completed"))]
    assert outcomes[1].exit_code == 0, outcomes[1].stderr
    wrong = [
        world.run(*LOUD, verb, job_id, "--reason", SECRET_REASON * 40),
        world.run(*LOUD, verb, job_id, "--reason", SECRET_REASON, "-F", text),
    ]
    assert {one.exit_code for one in wrong} == {ExitCode.USAGE}
    assert_no_canary(*(one.everything for one in (*outcomes, *wrong)))


def test_a_defect_shows_no_reason_and_no_token(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    job_id = request_approval(world, token=TOKEN)
    monkeypatch.setattr(approve_service, "operation_on", broken)
    path = token_file(world, TOKEN)
    for given in ([job_id], ["--token-file", path]):
        outcome = world.run(*LOUD, "approve", *given, "--no-verify", "--reason", SECRET_REASON)
        assert outcome.exit_code == ExitCode.BUG
        assert "Traceback" in outcome.stderr
        assert_no_canary(outcome.everything)
