"""A decision whose reply never arrives: it is made once, or it is said how to find out."""

from collections.abc import Sequence

import pytest

from jobctl.errors import ExitCode
from tests.acceptance.decided import (
    REASON,
    approvals,
    assert_decided_once,
    awaiting,
    put_documents,
)
from tests.acceptance.lost import CHANGE, gone_after, near
from tests.cli.expect import assert_failed, only_refused, unchanged
from tests.cli.world import World, new_id
from tests.servers.proxy import MODES, FaultMode, FaultProxy
from tests.servers.redis_server import RedisServer

VERBS = ("approve", "deny", "cancel", "retry")

Words = Sequence[str]


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def behind_proxy(any_redis: RedisServer) -> RedisServer:
    return any_redis


def _failed_job(world: World) -> str:
    job_id = world.seed("failed", error="out of memory")
    put_documents(world, [job_id])
    return job_id


def _stream_token(world: World) -> str:
    issued = near(world, "token", "issue", world.seed(), "--kind", "stream")
    assert issued.exit_code == 0, issued.stderr
    file = world.directory / "stream-token"
    file.write_text(issued.stdout)
    return str(file)


def _command(world: World, verb: str) -> Words:
    """A command that changes one job, which is made for it."""
    match verb:
        case "retry":
            return [verb, _failed_job(world), "--reason", REASON]
        case "token-issue":
            return ["token", "issue", awaiting(world, 1)[0]]
        case "token-consume":
            return ["token", "consume", "--token-file", _stream_token(world)]
        case _:
            return [verb, awaiting(world, 1)[0], "--reason", REASON]


def _assert_made_once(world: World, verb: str, job_id: str) -> None:
    actions = [entry["action"] for entry in world.audit]
    assert actions == [verb, "deny-cleanup"] if verb == "deny" else [verb]
    if verb == "retry":
        assert (world.job(job_id)["status"], world.job(job_id)["attempt"]) == ("queued", "2")
    else:
        assert assert_decided_once(world, [job_id]) == {job_id: verb}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_change_whose_reply_was_lost_is_made_once(
    verb: str, mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    words = _command(world, verb)
    proxy.drop_reply(matching=CHANGE, mode=mode)
    outcome = world.run(*words, "-o", "json")
    assert len(proxy.dropped) == 1
    assert outcome.exit_code == 0, outcome.everything
    (item,) = outcome.json["items"]
    assert (item["changed"], item["error"], item["op_id"]) == (True, None, world.audit[0]["op_id"])
    _assert_made_once(world, verb, words[1])


@pytest.mark.parametrize("mode", MODES)
def test_a_denial_whose_last_reply_was_lost_is_finished_once(
    mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    words = _command(world, "deny")
    proxy.drop_reply(matching=b"deny-cleanup", mode=mode)
    outcome = world.run(*words, "-o", "json")
    assert len(proxy.dropped) == 1
    assert outcome.exit_code == 0, outcome.everything
    _assert_made_once(world, "deny", words[1])


@pytest.mark.parametrize("mode", MODES)
def test_a_token_whose_reply_was_lost_is_issued_once_and_is_the_one_that_is_told(
    mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    words = _command(world, "token-issue")
    proxy.drop_reply(matching=CHANGE, mode=mode)
    outcome = world.run(*words)
    assert len(proxy.dropped) == 1
    assert outcome.exit_code == 0, outcome.stderr
    token = outcome.stdout.strip()
    assert world.job(words[2])["approval_token"] == token
    assert approvals(world).validate_approval_token(token) is not None
    tokens = [key for key in world.keys if ":approval-token:" in key]
    assert tokens == [world.key("approval-token", token)]
    assert world.redis.llen(world.key("queue:approval")) == 1
    assert [entry["action"] for entry in world.audit] == ["token-issue"]


@pytest.mark.parametrize("mode", MODES)
def test_a_token_whose_reply_was_lost_is_consumed_by_who_asked(
    mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    words = _command(world, "token-consume")
    proxy.drop_reply(matching=CHANGE, mode=mode)
    outcome = world.run(*words, "-o", "json")
    assert len(proxy.dropped) == 1
    assert outcome.exit_code == 0, outcome.everything
    assert outcome.json["items"][0]["op_id"] == world.audit[-1]["op_id"]
    assert [entry["action"] for entry in world.audit] == ["token-issue", "token-consume"]
    with only_refused(world, "token-consume"):
        assert_failed(world.run(*words), ExitCode.NOT_FOUND)


@pytest.mark.parametrize("verb", [*VERBS, "token-issue", "token-consume"])
@pytest.mark.parametrize("output", ["tsv", "json"])
def test_a_server_that_is_gone_behind_the_change_leaves_word_of_how_to_find_out(
    output: str, verb: str, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    words = _command(world, verb)
    with gone_after(proxy, CHANGE):
        outcome = world.run(*words, "-o", output)
    assert outcome.exit_code == ExitCode.OUTCOME_UNKNOWN, outcome.everything
    entry = world.audit[-1]
    assert entry["action"] == verb
    op_id = entry["op_id"]
    if output == "tsv":
        assert outcome.stdout == ""
        fact, remedy = outcome.stderr.splitlines()
        assert op_id in fact
        assert remedy.strip() == f"jobctl audit list --op {op_id} tells whether it took effect"
        found = near(world, *remedy.split()[1:5], "-o", "json")
        assert [one["job_id"] for one in found.json["items"]] == [entry["job_id"]]
        assert [one["action"] for one in found.json["items"]] == [verb]
    else:
        assert (outcome.error["code"], outcome.error["op_id"]) == ("outcome_unknown", op_id)
        assert op_id in outcome.error["message"]


@pytest.mark.parametrize("verb", VERBS)
def test_the_same_command_after_an_unknown_outcome_is_no_second_change(
    verb: str, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    words = _command(world, verb)
    with gone_after(proxy, CHANGE):
        assert world.run(*words).exit_code == ExitCode.OUTCOME_UNKNOWN
    again = world.run(*words, "-o", "json")
    assert again.exit_code == 0, again.everything
    _assert_made_once(world, verb, words[1])


@pytest.mark.parametrize("verb", VERBS)
def test_a_server_that_is_gone_before_the_change_has_changed_nothing(
    verb: str, far_world: World, proxy: FaultProxy
) -> None:
    """What the trail ends with cannot be read."""
    world = far_world
    words = _command(world, verb)
    with unchanged(world), gone_after(proxy, b"XREVRANGE"):
        outcome = world.run(*words)
    assert_failed(outcome, ExitCode.UNAVAILABLE)


@pytest.mark.parametrize("mode", ["close", "stall"])
@pytest.mark.parametrize("lost", [b"HGETALL", b"LRANGE", b"XREVRANGE"])
def test_a_decision_that_lost_another_reply_is_made_or_left_no_trace(
    lost: bytes, mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    (job_id,) = awaiting(world, 1)
    before = world.contents
    proxy.drop_reply(matching=lost, mode=mode)
    outcome = world.run("approve", job_id, "--reason", REASON)
    assert len(proxy.dropped) == 1
    if outcome.exit_code == 0:
        assert assert_decided_once(world, [job_id]) == {job_id: "approve"}
    else:
        assert_failed(outcome, ExitCode.UNAVAILABLE)
        assert world.contents == before


def test_an_unknown_job_is_no_unknown_outcome(far_world: World, proxy: FaultProxy) -> None:
    proxy.drop_reply(matching=b"HGETALL", mode="close")
    outcome = far_world.run("approve", new_id(), "--reason", REASON)
    assert_failed(outcome, ExitCode.NOT_FOUND)
    assert len(proxy.dropped) == 1
