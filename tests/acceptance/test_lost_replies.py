"""A reply that never arrives: what was done is done once, and what is unknown is said."""

import pytest

from jobctl.errors import ExitCode
from tests.acceptance.lost import CHANGE
from tests.cli.expect import assert_failed, unchanged
from tests.cli.world import World, new_id
from tests.servers.proxy import MODES, FaultMode, FaultProxy
from tests.servers.redis_server import RedisServer

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def behind_proxy(any_redis: RedisServer) -> RedisServer:
    return any_redis


@pytest.mark.parametrize("mode", MODES)
def test_create_whose_reply_was_lost_makes_one_job(
    mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    proxy.drop_reply(matching=CHANGE, mode=mode)
    outcome = world.run("create", world.file(), "--id", "one", "-o", "json")
    assert len(proxy.dropped) == 1
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.json["created"] is True
    assert outcome.json["op_id"] == world.job("one")["jobctl_op"]
    assert [entry["action"] for entry in world.audit] == ["create"]
    assert list(world.objects) == [f"{world.documents}/temp/one.pdf"]


@pytest.mark.parametrize("mode", MODES)
def test_create_for_approval_whose_reply_was_lost_issues_one_token(
    mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    proxy.drop_reply(matching=CHANGE, mode=mode)
    world.create("--status", "awaiting_approval", "--id", "one")
    token = world.job("one")["approval_token"]
    tokens = [key for key in world.keys if ":approval-token:" in key]
    assert tokens == [world.key("approval-token", token)]
    assert world.redis.llen(world.key("queue:approval")) == 1


@pytest.mark.parametrize("mode", MODES)
def test_update_whose_reply_was_lost_changes_the_job_once(
    mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    job_id = world.seed("processing_queued")
    proxy.drop_reply(matching=CHANGE, mode=mode)
    arguments = ["--status", "processing", "--expect-status", "processing_queued", "-o", "json"]
    outcome = world.run("update", job_id, *arguments)
    assert outcome.exit_code == 0, outcome.everything
    assert outcome.json["items"][0]["changed"] is True
    assert world.job(job_id)["status"] == "processing"
    assert [entry["action"] for entry in world.audit] == ["update"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("lost", [b"delete-intent", b"$6\r\ndelete\r\n"], ids=["intent", "removal"])
def test_delete_whose_reply_was_lost_deletes_once(
    lost: bytes, mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    job_id = world.create()
    world.foreign.update_job_status(job_id, "completed")
    proxy.drop_reply(matching=lost, mode=mode)
    outcome = world.run("delete", job_id)
    assert len(proxy.dropped) == 1
    assert outcome.exit_code == 0, outcome.everything
    assert [entry["action"] for entry in world.audit] == ["create", "delete-intent", "delete"]
    assert world.objects == {}
    assert world.keys == [world.key("audit")]


READS = [
    (b"HGETALL", "list"),
    (b"HGETALL", "status"),
    (b"ZCOUNT", "list"),
    (b"ZREVRANGEBYSCORE", "list"),
    (b"ZSCAN", "prefix"),
]


@pytest.mark.parametrize("mode", ["close", "truncate"])
@pytest.mark.parametrize(("lost", "command"), READS)
def test_reading_asks_again(
    lost: bytes, command: str, mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    job_id = far_world.seed()
    arguments = {"list": ["list"], "status": ["status", job_id], "prefix": ["status", job_id[:8]]}
    proxy.drop_reply(matching=lost, mode=mode)
    outcome = far_world.run(*arguments[command], "-o", "id")
    assert len(proxy.dropped) == 1
    assert (outcome.exit_code, outcome.stdout) == (0, f"{job_id}\n"), outcome.stderr


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("lost", [b"HGETALL", b"XREVRANGE"])
def test_create_that_lost_another_reply_is_done_or_left_no_trace(
    lost: bytes, mode: FaultMode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    proxy.drop_reply(matching=lost, mode=mode)
    outcome = world.run("create", world.file(), "--id", "one")
    assert len(proxy.dropped) == 1
    if outcome.exit_code == 0:
        assert len(world.audit) == len(world.objects) == 1
    else:
        assert_failed(outcome, ExitCode.UNAVAILABLE)
        assert world.contents == {}


@pytest.mark.parametrize("output", ["tsv", "json"])
@pytest.mark.parametrize("command", ["create", "update", "delete"])
def test_a_server_that_is_gone_for_good_leaves_the_outcome_unknown(
    command: str, output: str, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    job_id = world.seed("completed")
    proxy.drop_reply(matching=CHANGE)
    proxy.drop_reply(matching=b"XRANGE", times=1_000)
    arguments = {
        "create": ["create", world.file()],
        "update": ["update", job_id, "--summary", "x"],
        "delete": ["delete", job_id],
    }[command]
    outcome = world.run(*arguments, "-o", output)
    (entry,) = world.audit
    assert outcome.exit_code == 14
    assert entry["op_id"] in outcome.stderr
    if output == "json":
        assert outcome.error["code"] == "outcome_unknown"
        assert outcome.error["op_id"] == entry["op_id"]
    else:
        assert "unknown" in outcome.stderr
        assert len(outcome.stderr.splitlines()) == 2
    if command == "create":
        assert len(world.objects) == 1, "the record may be there, so its document must be"


def test_the_remedy_for_an_unknown_outcome_finds_the_one_record(
    far_world: World, proxy: FaultProxy, any_redis: RedisServer
) -> None:
    world = far_world
    job_id = world.seed()
    world.run("update", job_id, "--summary", "before")
    proxy.drop_reply(matching=CHANGE)
    proxy.drop_reply(matching=b"XRANGE", times=1_000)
    lost = world.run("update", job_id, "--summary", "after", "-o", "json").error
    assert lost["code"] == "outcome_unknown"
    program, *remedy = lost["hint"].partition(" tells whether it took effect")[0].split()
    assert (program, remedy) == ("jobctl", ["audit", "list", "--op", lost["op_id"]])
    found = world.run(*remedy, "-o", "json", JOBCTL_REDIS_URL=any_redis.url)
    (item,) = found.json["items"]
    assert (item["op_id"], item["job_id"]) == (lost["op_id"], job_id)
    assert item["hash"] == world.audit[-1]["hash"]
    nothing = world.run("audit", "list", "--op", "another", JOBCTL_REDIS_URL=any_redis.url)
    assert (nothing.exit_code, nothing.rows) == (0, [])


def test_create_again_after_an_unknown_outcome_finds_its_job(
    far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    command = ["create", world.file(), "--id", new_id(), "-o", "json"]
    proxy.drop_reply(matching=CHANGE)
    proxy.drop_reply(matching=b"XRANGE", times=2)
    first = world.run(*command)
    with unchanged(world):
        again = world.run(*command)
    assert again.exit_code == 0
    assert again.json["created"] is (False if first.exit_code == 14 else again.json["created"])


def test_a_server_that_refuses_after_the_upload_leaves_no_document(
    far_world: World, proxy: FaultProxy
) -> None:
    """The head of the audit trail cannot be read, so nothing can have been written."""
    world = far_world
    proxy.drop_reply(matching=b"XREVRANGE", times=1_000)
    outcome = world.run("create", world.file())
    assert_failed(outcome, ExitCode.UNAVAILABLE)
    assert world.contents == {}
