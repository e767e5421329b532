"""Attempts that are refused, as users and auditors see them."""

import json
from collections.abc import Sequence

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    CHANGES,
    WHY,
    actions,
    arguments_of,
    at_keyboard,
    hold,
    job_for,
    limited_user,
    request_approval,
    token_file,
    token_of,
)
from tests.cli.expect import assert_refused, only_refused, unchanged
from tests.cli.fixtures import MakeWorld
from tests.cli.runner import Outcome
from tests.cli.world import World, new_id
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.s3 import S3Server

OFF = {"JOBCTL_AUDIT_REFUSALS": "false"}
WRONG = "Q" * 21 + "-" + "z" * 21
VERBS = [*CHANGES, "delete", "update"]


def _attempt(verb: str) -> list[str]:
    """*verb* with all it needs but its jobs."""
    if verb in CHANGES:
        return arguments_of(verb)
    return [verb, *(["--percentage", "1"] if verb == "update" else [])]


def _at(world: World, *outcomes: Outcome) -> list[tuple[str, str]]:
    assert all(one.exit_code for one in outcomes)
    return [(entry["action"], entry["summary"]) for entry in world.audit]


def test_who_tried_what_and_why_it_was_refused_is_listed(any_world: World) -> None:
    world = any_world
    job_id = request_approval(world)
    world.run("approve", job_id, *WHY, "--no-verify")
    again = world.run("deny", job_id, "--reason", "on second thoughts", JOBCTL_ACTOR="eve")
    assert_refused(again, ExitCode.CONFLICT)
    (row,) = world.run("audit", "list", "--action", "deny-refused").rows
    assert {name: row[name] for name in ("actor", "job", "from", "to", "reason", "summary")} == {
        "actor": "eve",
        "job": job_id,
        "from": "processing_queued",
        "to": "processing_queued",
        "reason": "on second thoughts",
        "summary": "conflict: decided otherwise",
    }
    shown = world.run("audit", "--job", job_id, "-o", "json").json["items"]
    assert [one["action"] for one in shown] == ["deny-refused", "approve"]


@pytest.mark.parametrize("verb", VERBS)
def test_the_same_is_said_with_the_setting_and_without(verb: str, world: World) -> None:
    nobody = new_id()
    with only_refused(world, verb):
        on = world.run(*_attempt(verb), nobody)
    with unchanged(world):
        off = world.run(*_attempt(verb), nobody, **OFF)
    assert_refused(on, ExitCode.NOT_FOUND)
    assert (on.exit_code, on.everything) == (off.exit_code, off.everything)


@pytest.mark.parametrize("verb", ["verify", "consume", "revoke"])
def test_a_wrong_token_leaves_a_record_without_it(verb: str, world: World) -> None:
    path = token_file(world, WRONG)
    command = ["token", verb, "--token-file", path]
    with unchanged(world):
        assert_refused(world.run(*command, **OFF), ExitCode.NOT_FOUND)
    outcome = world.run(*command)
    assert _at(world, outcome) == [(f"token-{verb}-refused", "not_found: no such token")]
    assert WRONG[:12] not in json.dumps(world.audit) + outcome.everything


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_a_decision_with_a_wrong_token_leaves_a_record_without_reason(
    verb: str, world: World
) -> None:
    command = [verb, *WHY, "--token-file", token_file(world, WRONG)]
    with unchanged(world):
        assert_refused(world.run(*command, "--dry-run"), ExitCode.NOT_FOUND)
        assert_refused(world.run(*command, **OFF), ExitCode.NOT_FOUND)
    with only_refused(world, verb):
        assert_refused(world.run(*command), ExitCode.NOT_FOUND)
    assert [(one["job_id"], one["reason"]) for one in world.audit] == [("-", "")]


def test_a_token_given_for_an_id_is_not_recorded(world: World) -> None:
    token = token_of(world, request_approval(world, token=WRONG))
    for verb in VERBS:
        assert_refused(world.run(*_attempt(verb), token), ExitCode.NOT_FOUND)
    assert [one["job_id"] for one in world.audit] == ["-"] * len(VERBS)
    assert token[:12] not in json.dumps(world.audit)


@pytest.mark.parametrize("verb", VERBS)
def test_a_read_only_context_records_nothing(verb: str, world: World) -> None:
    with unchanged(world):
        outcome = world.run("--read-only", *_attempt(verb), new_id())
        assert_refused(outcome, ExitCode.REFUSED)
        verified = world.run(
            "--read-only", "token", "verify", "--token-file", token_file(world, WRONG)
        )
        assert_refused(verified, ExitCode.NOT_FOUND)


@pytest.mark.parametrize("verb", VERBS)
def test_usage_errors_and_dry_runs_leave_nothing(verb: str, world: World) -> None:
    with unchanged(world):
        dry = world.run(*_attempt(verb), new_id(), "--dry-run")
        assert dry.exit_code == ExitCode.NOT_FOUND
        assert_refused(world.run(*_attempt(verb), "../etc"), ExitCode.USAGE)
        assert_refused(world.run(*_attempt(verb), new_id(), "--nonsense"), ExitCode.USAGE)


def test_a_filter_that_nobody_has_agreed_to_is_no_refused_attempt(world: World) -> None:
    job_id = world.seed()
    with unchanged(world):
        assert_refused(world.run("cancel", "--status", "queued"), ExitCode.REFUSED)
        with at_keyboard("cancel", "--status", "queued", env=world.env) as keyboard:
            keyboard.expect("[y/N]")
            keyboard.type("n\n")
            assert keyboard.end() == ExitCode.REFUSED
    assert world.job(job_id)["status"] == "queued"


def test_an_approval_that_was_made_already_is_none(world: World) -> None:
    job_id = request_approval(world)
    approve = ["approve", job_id, *WHY, "--no-verify"]
    assert [world.run(*approve).exit_code for _ in range(2)] == [0, 0]
    assert actions(world) == ["approve"]


def test_backfill_and_cleanup_refuse_nobody(world: World) -> None:
    held = request_approval(world, approval_expires_at="2020-01-01T00:00:00+00:00")
    hold(world, held)
    for command in (["cleanup", "--yes"], ["backfill-index"]):
        world.run(*command)
    assert not [one for one in actions(world) if one.endswith("-refused")]


# Who may change jobs, and what keeps the refusal out of the trail.
LIMITS: Sequence[Sequence[str]] = (
    ["resetkeys", "~*:job:*", "~*:jobs-by-updated", "~*:timeouts:*", "~*:audit", "~*-lock:*",
     "~*:queue:*", "~*:jobctl:probe"],
    ["-xadd"],
    ["-set"],
    ["-evalsha"],
)  # fmt: skip


@pytest.mark.parametrize("verb", ["approve", "delete", "update"])
@pytest.mark.parametrize("rules", LIMITS, ids=lambda rules: rules[0])
def test_a_refusal_that_may_not_be_recorded_stands_and_the_log_says_so(
    rules: Sequence[str], verb: str, any_world: World
) -> None:
    world = any_world
    job_id = world.seed("processing" if verb == "delete" else "completed")
    command = _attempt(verb) if verb != "update" else ["update", "--status", "queued"]
    expected = world.run(*command, job_id, **OFF)
    assert_refused(expected, ExitCode.CONFLICT)
    user = limited_user(world, *rules)
    quiet = world.run(*command, job_id, **user)
    assert (quiet.exit_code, quiet.everything) == (expected.exit_code, expected.everything)
    loud = world.run("--verbose", *command, job_id, **user)
    assert loud.exit_code == expected.exit_code
    assert "no record of 1 refused attempt: the Redis user may not" in loud.stderr
    assert world.audit == []


def test_on_a_full_server_a_refusal_stands(
    own_valkey: ValkeyFactory, moto: S3Server, make_world: MakeWorld
) -> None:
    world = make_world(own_valkey(), moto)
    job_id = world.seed("completed")
    world.redis.config_set("maxmemory", 1)
    with unchanged(world):
        assert_refused(world.run("deny", job_id, *WHY), ExitCode.CONFLICT)
        loud = world.run("--verbose", "deny", job_id, *WHY)
        assert "no record of 1 refused attempt: Redis at" in loud.stderr
        assert "out of memory" in loud.stderr


@pytest.mark.parametrize("key", [("audit",), ("jobctl", "refusals")])
def test_a_key_of_a_wrong_type_keeps_the_refusal_and_is_left_alone(
    key: tuple[str, ...], world: World
) -> None:
    job_id = world.seed("completed")
    world.redis.sadd(world.key(*key), "x")
    assert_refused(world.run("deny", job_id, *WHY), ExitCode.CONFLICT)
    assert world.redis.smembers(world.key(*key)) == {"x"}


@pytest.mark.parametrize("verb", CHANGES)
def test_where_the_trail_cannot_be_written_nothing_is_changed(verb: str, world: World) -> None:
    job_id = job_for(verb, world)
    with unchanged(world):
        outcome = world.run(*arguments_of(verb), job_id, **limited_user(world, "-xadd"))
        assert_refused(outcome, ExitCode.NOT_PERMITTED)


def test_doctor_names_what_is_missing_for_it(world: World) -> None:
    user = limited_user(world, *LIMITS[0])
    told = world.run("doctor", "-o", "json", **user).stdout
    assert world.key("jobctl", "refusals") in told
