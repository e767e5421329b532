"""Refused attempts in the trail: a flood from several processes, and connections that break."""

import json
import re
from collections.abc import Iterator

import pytest

from jobctl.domain.limits import REFUSALS_A_MINUTE
from jobctl.errors import ExitCode
from tests.acceptance.decided import REASON
from tests.acceptance.lost import CHANGE
from tests.acceptance.warm import Start, WarmJobctl
from tests.cli.expect import assert_refused
from tests.cli.world import World, new_id
from tests.servers.proxy import MODES, FaultMode, FaultProxy
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import assert_sound_chain

FLOOD = 500


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmJobctl]:
    with WarmJobctl() as warm:
        yield warm


@pytest.fixture
def behind_proxy(any_redis: RedisServer) -> RedisServer:
    return any_redis


def _refused(world: World) -> list[str]:
    """The summaries of all records, which are of refusals."""
    chain = world.redis.xrange(world.key("audit"))
    assert_sound_chain(chain)
    assert all(entry["action"].endswith("-refused") for _, entry in chain)
    return [entry["summary"] for _, entry in chain]


def _left_out(world: World, summaries: list[str]) -> int:
    told = [re.search(r"; ([\d,]+) refused before it", one) for one in summaries]
    kept = world.redis.get(world.key("jobctl", "refusals", "left-out")) or 0
    return int(kept) + sum(int(one[1].replace(",", "")) for one in told if one)


def test_a_flood_from_two_processes_is_bounded_and_all_of_it_counted(
    any_world: World, warm: WarmJobctl
) -> None:
    world = any_world
    starts = [
        Start(
            arguments=[verb, "-", "--reason", REASON, "-o", "jsonl"],
            stdin="\n".join(new_id() for _ in range(FLOOD)),
        )
        for verb in ("approve", "deny")
    ]
    endings = warm.run(starts, env=world.env)
    assert {one.exit_code for one in endings} == {ExitCode.NOT_FOUND}
    assert [len(one.lines) for one in endings] == [FLOOD, FLOOD]
    summaries = _refused(world)
    minutes = 1 + int(max(one.seconds for one in endings) // 60)
    assert 0 < len(summaries) <= REFUSALS_A_MINUTE * minutes
    assert len(summaries) + _left_out(world, summaries) == 2 * FLOOD
    keys = [key for key in world.keys if key != world.key("audit")]
    assert all(world.redis.ttl(key) > 0 for key in keys)
    # The next process, in the next minute, tells of them.
    world.redis.delete(world.key("jobctl", "refusals"))
    before = _left_out(world, [])
    world.run("deny", new_id(), "--reason", REASON)
    assert _refused(world)[-1].endswith(f"; {before:,} refused before it were left out")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mode", MODES)
def test_a_record_whose_reply_was_lost_is_made_once(
    mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    job_id = world.seed("completed")
    proxy.drop_reply(matching=b"deny-refused", mode=mode)
    outcome = world.run("deny", job_id, "--reason", REASON)
    assert_refused(outcome, ExitCode.CONFLICT)
    assert len(proxy.dropped) == 1
    assert _refused(world) == ["conflict: its state does not allow it"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("mode", MODES)
def test_where_the_bound_does_not_answer_the_refusal_stands(
    mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    job_id = world.seed("completed")
    proxy.drop_reply(matching=b":jobctl:refusals", mode=mode)
    outcome = world.run("--verbose", "deny", job_id, "--reason", REASON)
    assert outcome.exit_code == ExitCode.CONFLICT
    assert f"job {job_id} is completed" in outcome.stderr
    assert "no record of 1 refused attempt: " in outcome.stderr
    assert len(proxy.dropped) == 1
    assert world.audit == []
    assert_refused(world.run("deny", job_id, "--reason", REASON), ExitCode.CONFLICT)
    assert len(_refused(world)) == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("output", ["tsv", "json"])
def test_a_server_that_goes_away_behind_the_refusal_changes_nothing_of_it(
    output: str, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    job_id = world.seed("completed")
    expected = world.run(
        "deny", job_id, "--reason", REASON, "-o", output, JOBCTL_AUDIT_REFUSALS="false"
    )
    proxy.drop_reply(matching=CHANGE, times=1_000)
    proxy.drop_reply(matching=b"XRANGE", times=1_000)
    outcome = world.run("deny", job_id, "--reason", REASON, "-o", output)
    assert (outcome.exit_code, outcome.stdout) == (expected.exit_code, expected.stdout)
    assert outcome.stderr == expected.stderr
    assert len(proxy.dropped) >= 1


def test_with_the_setting_off_nothing_more_is_asked(far_world: World, proxy: FaultProxy) -> None:
    world = far_world
    ids = "\n".join(new_id() for _ in range(200))
    command = ["approve", "-", "--reason", REASON, "-o", "json"]

    def requests(**env: str) -> int:
        before = proxy.requests
        outcome = world.run(*command, stdin=ids, **env)
        assert outcome.exit_code == ExitCode.NOT_FOUND
        assert json.loads(outcome.stdout)["summary"]["failed"] == 200
        return proxy.requests - before

    requests()  # loads the scripts, and uses up the bound
    off = requests(JOBCTL_AUDIT_REFUSALS="false")
    assert requests() == off + 2  # a question for each hundred
