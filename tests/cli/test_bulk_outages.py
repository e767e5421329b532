"""A lock that is waited for, and a server that goes away in the middle: nothing done is hidden."""

import json
import signal
from subprocess import Popen

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    CHANGES,
    WHY,
    arguments_of,
    hold,
    job_for,
    request_approval,
    slow_documents,
    statuses,
)
from tests.cli.runner import start
from tests.cli.world import World
from tests.servers.proxy import FaultProxy
from tests.waiting import PATIENCE, wait_until

COUNTS = ("requested", "changed", "unchanged", "failed", "not_tried")


def _start_waiting(world: World, *ids: str) -> Popen[bytes]:
    """A run that was refused once by a lock on the last of *ids*, and waits for it."""
    command = ["approve", *ids, *WHY, "--no-verify", "--wait", "10m", "-o", "json"]
    return start(*command, env=world.env)


def test_wait_tries_again_until_the_approval_service_lets_go(
    far_world: World, proxy: FaultProxy
) -> None:
    free, held = request_approval(far_world), request_approval(far_world)
    lock = hold(far_world, held)
    with _start_waiting(far_world, free, held) as process:
        wait_until(lambda: proxy.executed(b"EVALSHA") > 2)
        assert statuses(far_world, free, held) == ["processing_queued", "awaiting_approval"]
        far_world.redis.delete(lock)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (0, b"")
    assert [item["id"] for item in json.loads(stdout)["items"]] == [free, held]
    assert set(statuses(far_world, free, held)) == {"processing_queued"}


def test_wait_comes_to_an_end(world: World) -> None:
    free, held = request_approval(world), request_approval(world)
    hold(world, held)
    outcome = world.run("approve", free, held, *WHY, "--no-verify", "--wait", "1s")
    assert outcome.exit_code == ExitCode.PARTIAL
    assert [row["id"] for row in outcome.rows] == [free]
    assert statuses(world, free, held) == ["processing_queued", "awaiting_approval"]


@pytest.mark.parametrize("several", [True, False])
def test_waiting_can_be_interrupted(several: bool, far_world: World, proxy: FaultProxy) -> None:
    free, held = request_approval(far_world), request_approval(far_world)
    hold(far_world, held)
    ids = [free, held] if several else [held]
    with _start_waiting(far_world, *ids) as process:
        wait_until(lambda: proxy.executed(b"EVALSHA") > len(ids))
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=PATIENCE)
    if several:  # all were tried: what became of each is told
        assert process.returncode == ExitCode.PARTIAL
        assert [item["changed"] for item in json.loads(stdout)["items"]] == [True, False]
    else:
        assert (process.returncode, stdout) == (ExitCode.INTERRUPTED, b"")


def test_a_server_that_goes_while_others_wait_hides_nothing_that_was_done(
    far_world: World, proxy: FaultProxy
) -> None:
    free, held = request_approval(far_world), request_approval(far_world)
    hold(far_world, held)
    with _start_waiting(far_world, free, held) as process:
        wait_until(lambda: proxy.executed(b"EVALSHA") > 2)
        proxy.drop_reply(matching=b"HGETALL", times=1_000)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.PARTIAL
    done, failed = json.loads(stdout)["items"]
    assert (done["id"], done["changed"], done["error"]) == (free, True, None)
    assert (failed["id"], failed["changed"]) == (held, False)
    assert failed["error"]["code"] == "unavailable"
    assert json.loads(stderr)["code"] == "unavailable"


def test_a_server_that_goes_between_two_batches_ends_the_run(
    far_world: World, proxy: FaultProxy
) -> None:
    ids = [request_approval(far_world) for _ in range(150)]
    with (
        slow_documents(far_world, pause_at=100) as documents,
        start("approve", *ids, *WHY, "-o", "json", env=far_world.env) as process,
    ):
        assert documents.reached.wait(PATIENCE)
        proxy.drop_reply(matching=ids[120].encode(), times=1_000)
        documents.go_on.set()
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.PARTIAL
    document = json.loads(stdout)
    assert [item["id"] for item in document["items"]] == ids[:100]
    assert document["summary"] == dict(zip(COUNTS, (150, 100, 0, 0, 50), strict=True))
    assert json.loads(stderr)["code"] == "unavailable"
    assert statuses(far_world, *ids).count("processing_queued") == 100


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("verb", CHANGES)
def test_an_outcome_that_cannot_be_found_out_is_14(
    verb: str, far_world: World, proxy: FaultProxy
) -> None:
    ids = [job_for(verb, far_world) for _ in range(3)]
    proxy.drop_reply(matching=b"EVALSHA")
    proxy.drop_reply(matching=b"XRANGE", times=1_000)
    outcome = far_world.run(*arguments_of(verb), *ids, "-o", "json")
    assert outcome.exit_code == ExitCode.OUTCOME_UNKNOWN
    items = outcome.json["items"]
    assert {item["error"]["code"] for item in items} == {"outcome_unknown"}
    written = {entry["op_id"] for entry in far_world.audit}
    assert {item["op_id"] for item in items} == written
    assert all(op_id in outcome.stderr for op_id in written)
