"""Many processes that change one job at once: one of them does, and the others are told."""

from collections import Counter

import pytest

from tests.acceptance.warm import run_at_once
from tests.cli.world import World, new_id

CROWD = 100


def _assert_one_job(world: World, job_id: str, content: bytes) -> None:
    assert world.objects == {f"{world.documents}/temp/{job_id}.pdf": content}
    assert [entry["action"] for entry in world.audit] == ["create"]
    assert world.redis.zrange(world.key("jobs-by-updated"), 0, -1) == [job_id]
    assert world.job(job_id)["s3_key"] == f"temp/{job_id}.pdf"


@pytest.mark.parametrize(("how", "crowd"), [("--id", CROWD), ("--idempotency-key", 20)])
def test_many_processes_with_one_request_make_one_job(
    how: str, crowd: int, strict_world: World
) -> None:
    world = strict_world
    command = ["create", world.file(content=b"same"), how, new_id(), "-o", "json"]
    outcomes = run_at_once([command] * crowd, env=world.env)
    complaints = [one.stderr for one in outcomes if one.exit_code]
    assert complaints == []
    assert Counter(one.json["created"] for one in outcomes) == {True: 1, False: crowd - 1}
    (job_id,) = {one.json["id"] for one in outcomes}
    _assert_one_job(world, job_id, b"same")


def test_of_two_requests_for_one_id_one_wins_and_the_other_is_a_conflict(
    strict_world: World,
) -> None:
    world = strict_world
    job_id = new_id()
    bodies = {name: f"body of {name}".encode() for name in ("a", "b")}
    commands = [
        ["create", world.file(f"{name}.pdf", body), "--id", job_id, "-o", "json"]
        for name, body in bodies.items()
    ] * (CROWD // 2)
    outcomes = run_at_once(commands, env=world.env)
    codes = [Counter(one.exit_code for one in outcomes[place::2]) for place in range(2)]
    assert sorted(codes, key=lambda found: found[5]) == [{0: CROWD // 2}, {5: CROWD // 2}]
    winner = next(iter(bodies)) if codes[0][0] else "b"
    _assert_one_job(world, job_id, bodies[winner])
    assert sum(one.json["created"] for one in outcomes if one.exit_code == 0) == 1
    assert all(one.error["code"] == "conflict" for one in outcomes if one.exit_code)


def test_many_different_jobs_at_once_make_one_unbroken_audit_chain(world: World) -> None:
    commands = [["create", world.file(), "--id", f"job-{number}"] for number in range(20)]
    outcomes = run_at_once(commands, env=world.env)
    assert {one.exit_code for one in outcomes} == {0}
    entries = world.redis.xrange(world.key("audit"))
    assert [entry_id for entry_id, _ in entries] == [f"{number}-0" for number in range(1, 21)]
    hashes = [fields["hash"] for _, fields in entries]
    assert [fields["prev"] for _, fields in entries] == ["0" * 64, *hashes[:-1]]
    assert len(world.objects) == len(set(hashes)) == 20


def test_of_many_updates_with_one_expectation_one_wins(any_world: World) -> None:
    world = any_world
    job_id = world.seed("processing_queued")
    command = ["update", job_id, "--status", "processing", "--expect-status", "processing_queued"]
    outcomes = run_at_once([command] * 20, env=world.env)
    assert Counter(one.exit_code for one in outcomes) == {0: 1, 5: 19}
    assert Counter(entry["action"] for entry in world.audit) == {"update": 1, "update-refused": 19}


def test_many_deletions_of_one_job_delete_it_once(world: World) -> None:
    job_id = world.create()
    world.foreign.update_job_status(job_id, "completed")
    outcomes = run_at_once([["delete", job_id]] * 10, env=world.env)
    assert {one.exit_code for one in outcomes} <= {0, 4, 5}
    assert world.objects == {}
    counts = world.key("jobctl", "refusals")
    assert [key for key in world.keys if not key.startswith(counts)] == [world.key("audit")]
    assert [entry["action"] for entry in world.audit].count("delete") == 1
