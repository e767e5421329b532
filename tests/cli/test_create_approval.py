"""A job that awaits approval: token, deadline and queue entry, and a token that nobody shows."""

import json
from datetime import datetime

import pytest

from tests.cli.world import World

HOUR = 3_600


def _token(world: World, job_id: str) -> str:
    return world.job(job_id)["approval_token"]


def _assert_window_is_open(world: World, job_id: str) -> None:
    token, job = _token(world, job_id), world.job(job_id)
    assert len(token) == 43
    key = world.key("approval-token", token)
    assert world.redis.get(key) == job_id
    assert 4 * HOUR - 10 <= world.redis.ttl(key) <= 4 * HOUR
    expires = datetime.fromisoformat(job["approval_expires_at"])
    assert world.redis.zscore(world.key("timeouts:approval"), job_id) == expires.timestamp()
    updated = datetime.fromisoformat(job["updated_at"])
    assert (expires - updated).total_seconds() == 4 * HOUR
    (entry,) = world.redis.lrange(world.key("queue:approval"), 0, -1)
    assert json.loads(entry) == {
        "job_id": job_id,
        "s3_key": job["s3_key"],
        "pii_findings": [],
        "approval_token": token,
        "expires_at": job["approval_expires_at"],
    }


def test_create_issues_token_deadline_and_queue_entry(any_world: World) -> None:
    job_id = any_world.create("--status", "awaiting_approval")
    _assert_window_is_open(any_world, job_id)


def test_update_to_awaiting_approval_issues_them_too(any_world: World) -> None:
    job_id = any_world.seed("pii_scanning")
    assert any_world.run("update", job_id, "--status", "awaiting_approval").exit_code == 0
    _assert_window_is_open(any_world, job_id)


def test_the_window_is_a_setting(world: World) -> None:
    job_id = world.create("--status", "awaiting_approval", JOBCTL_APPROVAL_TIMEOUT="30m")
    assert 1790 <= world.redis.ttl(world.key("approval-token", _token(world, job_id))) <= 1800


def test_repeating_create_issues_no_second_token(world: World) -> None:
    first = world.create("--status", "awaiting_approval", "--id", "a-1")
    before = world.records
    world.create("--status", "awaiting_approval", "--id", "a-1")
    assert world.records == before
    assert _token(world, first)


@pytest.mark.parametrize("output", ["table", "wide", "json", "jsonl", "csv", "tsv", "id"])
def test_the_token_is_nowhere_but_in_the_store(output: str, world: World) -> None:
    made = world.run(
        "--debug", "create", world.file(), "--status", "awaiting_approval", "--id", "a-1",
        "-o", output,
    )  # fmt: skip
    token = _token(world, "a-1")
    commands = (
        ["create", world.file(), "--status", "awaiting_approval", "--id", "a-1"],
        ["create", world.file(), "--id", "a-1"],
        ["status", "a-1"],
        ["status", "a-1", "--errors"],
        ["list"],
        ["list", "--field", f"approval_token={token}"],
        ["update", "a-1", "--summary", f"see {token}"],
        ["list"],
        ["status", "a-1"],
        ["doctor"],
        ["config"],
        ["delete", "a-1"],
        ["update", "a-1", "--status", "failed", "--set", "error=x"],
        ["delete", "a-1"],
    )
    shown = made.everything + "".join(
        world.run("--debug", *command, "-o", output).everything for command in commands
    )
    assert token not in shown
    assert token not in json.dumps(world.audit)
    assert world.job("a-1") == {}


def test_no_filter_finds_a_job_by_its_token(world: World) -> None:
    job_id = world.create("--status", "awaiting_approval")
    found = world.run("list", "--field", f"approval_token={_token(world, job_id)}", "-o", "id")
    assert found.stdout == ""


def test_failing_and_deleting_leave_no_token_deadline_or_queue_entry(any_world: World) -> None:
    world = any_world
    job_id = world.create("--status", "awaiting_approval")
    token = _token(world, job_id)
    assert world.run("update", job_id, "--status", "failed").exit_code == 0
    assert "approval_token" not in world.job(job_id)
    assert not world.redis.exists(world.key("approval-token", token))
    assert world.redis.zscore(world.key("timeouts:approval"), job_id) is None
    assert world.run("delete", job_id).exit_code == 0
    assert world.redis.lrange(world.key("queue:approval"), 0, -1) == []
    assert world.keys == [world.key("audit")]
    assert world.objects == {}
