"""Many decisions, and the connection is lost amid them: each is told what is known of it."""

import json

import pytest

from jobctl.errors import ExitCode
from jobctl.storage.mutation_round import BURST
from tests.acceptance.decided import REASON, assert_decided_once, awaiting
from tests.acceptance.lost import gone_after, near
from tests.cli.runner import Outcome
from tests.cli.world import World
from tests.servers.proxy import FaultMode, FaultProxy
from tests.servers.redis_server import RedisServer

JOBS = 40


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def behind_proxy(any_redis: RedisServer) -> RedisServer:
    return any_redis


def _change_of(job_id: str) -> bytes:
    """What of a request is its change, and not that it is read."""
    return f"{job_id}\r\n$18\r\n=awaiting_approval".encode()


@pytest.fixture(params=["approve", "deny", "cancel"])
def interrupted(
    request: pytest.FixtureRequest, far_world: World, proxy: FaultProxy
) -> tuple[str, list[str], Outcome]:
    """Forty jobs; the server goes away amid the second round trip of changes, having made them."""
    verb: str = request.param
    ids = awaiting(far_world, JOBS)
    with gone_after(proxy, _change_of(ids[BURST + 4]), changes=2 * BURST):
        outcome = far_world.run(verb, "-", "--reason", REASON, "-o", "jsonl", stdin="\n".join(ids))
    return verb, ids, outcome


def test_of_many_that_were_under_way_each_is_told_what_is_known(
    interrupted: tuple[str, list[str], Outcome], far_world: World
) -> None:
    verb, ids, outcome = interrupted
    assert outcome.exit_code == ExitCode.OUTCOME_UNKNOWN, outcome.everything
    items = outcome.lines
    assert [item["id"] for item in items] == ids
    done, unknown, untouched = items[:BURST], items[BURST : 2 * BURST], items[2 * BURST :]
    made = {entry["job_id"]: entry["op_id"] for entry in far_world.audit}
    assert list(made) == ids[: 2 * BURST]
    assert {item["changed"] for item in done} == {True}
    assert [item["op_id"] for item in done] == [made[job_id] for job_id in ids[:BURST]]
    # A denial stands, but nobody can be told whether its documents may be deleted.
    expected = "partly_done" if verb == "deny" else None
    assert {(item["error"] or {}).get("code") for item in done} == {expected}
    assert {item["error"]["code"] for item in unknown} == {"outcome_unknown"}
    assert [item["op_id"] for item in unknown] == [made[one["id"]] for one in unknown]
    assert {item["error"]["code"] for item in untouched} == {"unavailable"}
    assert not any(item["changed"] for item in (*unknown, *untouched))
    assert {far_world.job(item["id"])["status"] for item in untouched} == {"awaiting_approval"}


def test_the_trail_tells_of_each_whose_outcome_is_unknown(
    interrupted: tuple[str, list[str], Outcome], far_world: World
) -> None:
    verb, _, outcome = interrupted
    errors = [json.loads(line) for line in outcome.stderr.splitlines()]
    unknown = [error for error in errors if error["code"] == "outcome_unknown"]
    assert len(unknown) == BURST
    for error in (unknown[0], unknown[-1]):
        found = near(far_world, "audit", "list", "--op", error["op_id"], "-o", "json").json
        assert [(one["action"], one["job_id"]) for one in found["items"]] == [(verb, error["id"])]


def test_the_same_command_again_ends_what_was_under_way(
    interrupted: tuple[str, list[str], Outcome], far_world: World
) -> None:
    verb, ids, _ = interrupted
    again = far_world.run(verb, "-", "--reason", REASON, "-o", "json", stdin="\n".join(ids))
    assert again.exit_code == 0, again.everything
    assert set(assert_decided_once(far_world, ids).values()) == {verb}
    changed = JOBS if verb == "deny" else JOBS - 2 * BURST
    assert again.json["summary"]["changed"] == changed


@pytest.mark.parametrize("mode", ["stall", "truncate"])
@pytest.mark.parametrize("verb", ["approve", "deny", "cancel"])
def test_many_of_which_one_round_trip_was_lost_are_each_changed_once(
    verb: str, mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    ids = awaiting(world, JOBS)
    proxy.drop_reply(matching=_change_of(ids[BURST + 4]), mode=mode)
    outcome = world.run(verb, *ids, "--reason", REASON, "-o", "json")
    assert len(proxy.dropped) == 1
    assert outcome.exit_code == 0, outcome.everything
    assert outcome.json["summary"]["changed"] == JOBS
    assert set(assert_decided_once(world, ids).values()) == {verb}
