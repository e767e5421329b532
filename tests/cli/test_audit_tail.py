"""`audit tail`: on a terminal, in a pipe, and while the server goes away and comes back."""

import fcntl
import json
import os
import pty
import signal
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jobctl.errors import ExitCode
from tests.cli.audit_user import limited_user
from tests.cli.expect import assert_refused, unchanged
from tests.cli.fixtures import MakeWorld
from tests.cli.runner import run, start
from tests.cli.terminal import run_on_terminal
from tests.cli.world import World
from tests.servers.proxy import FaultProxy
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.s3 import S3Server
from tests.storage.audit_trail import FOREIGN, write_trail
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    import subprocess

FORMATS = ("table", "wide", "json", "jsonl", "csv", "tsv", "id")
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.fixture
def trail(any_world: World) -> World:
    write_trail(any_world.redis, any_world.key("audit"), 30)
    return any_world


@contextmanager
def following(world: World, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    with start("audit", "tail", "--follow", *options, env=world.env) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode()


def read_until(process: "subprocess.Popen[bytes]", text: str) -> str:
    """What it writes up to where *text* is in it, whether or not a line ends there."""
    assert process.stdout is not None
    seen = b""
    while text.encode() not in seen:
        piece = os.read(process.stdout.fileno(), 65_536)
        assert piece, f"it ended without {text}"
        seen += piece
    return seen.decode()


def record_of(process: "subprocess.Popen[bytes]") -> Any:
    return json.loads(line_of(process))


def append(world: World) -> None:
    assert world.run("update", world.seed(), "--summary", "x").exit_code == 0


def test_the_last_ten_come_oldest_first(trail: World) -> None:
    with unchanged(trail):
        rows = trail.run("audit", "tail").rows
    assert [row["seq"] for row in rows] == [str(number) for number in range(21, 31)]
    lines = trail.run("audit", "tail", "-n", "2", "-o", "jsonl").lines
    assert lines == trail.run("audit", "-n", "2", "-o", "jsonl").lines[::-1]
    document = trail.run("audit", "tail", "-n", "1", "--job", "job-7", "-o", "json").json
    assert (document["kind"], document["next_cursor"]) == ("AuditList", None)
    assert [item["seq"] for item in document["items"]] == [27]
    assert trail.run("audit", "tail", "-n", "2", "-o", "id").stdout == "op-29\nop-30\n"


def test_an_empty_trail(any_world: World) -> None:
    outcome = any_world.run("audit", "tail")
    assert (outcome.exit_code, outcome.rows) == (0, [])
    assert outcome.stderr == "no audit records found\n"


@pytest.mark.parametrize("output", FORMATS)
def test_every_record_is_handed_on_as_it_comes(output: str, trail: World) -> None:
    with following(trail, "-n", "1", "-o", output) as process:
        read_until(process, "op-30" if output == "id" else "reason 30")
        for _ in range(2):
            append(trail)
            newest = trail.audit[-1]
            read_until(process, newest["op_id"] if output == "id" else newest["job_id"])
        process.send_signal(signal.SIGINT)
        rest, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (130, b"")
    if output == "json":
        assert rest.decode().endswith('],"next_cursor":null}\n')


def test_a_document_that_is_followed_is_whole_when_it_is_interrupted(trail: World) -> None:
    for sent, code in SIGNALS:
        with following(trail, "-n", "2", "-o", "json") as process:
            head = read_until(process, '"seq":30')
            process.send_signal(sent)
            rest, stderr = process.communicate(timeout=PATIENCE)
        document = json.loads(head + rest.decode())
        assert [item["seq"] for item in document["items"]] == [29, 30]
        assert (process.returncode, stderr) == (code, b"")


@pytest.mark.parametrize(("sent", "code"), SIGNALS)
def test_a_signal_ends_it_at_once_while_nothing_comes(
    sent: int, code: int, far_world: World, proxy: FaultProxy
) -> None:
    proxy.drop_reply(matching=b"XREAD", mode="stall")
    with following(far_world) as process:
        wait_until(lambda: bool(proxy.dropped))  # else it would wait for ten seconds now
        process.send_signal(sent)
        stdout, stderr = process.communicate(timeout=5.0)
    assert (process.returncode, stdout, stderr) == (code, b"", b"")


def test_a_reader_that_has_seen_enough_ends_it_though_nothing_more_comes(trail: World) -> None:
    with following(trail, "-n", "3", "-o", "jsonl") as process:
        assert record_of(process)["seq"] == 28
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(PATIENCE)) == (b"", 0)


def test_a_table_that_is_followed_keeps_the_widths_of_its_first_page(trail: World) -> None:
    with following(trail, "-n", "2", "-o", "table") as process:
        header, first = line_of(process), line_of(process)
        line_of(process)
        later = {**trail.audit[-1], "action": "x", "to": "y", "actor": "z"}
        trail.redis.xadd(trail.key("audit"), later, id="31-0")
        line = line_of(process)
    for name, before, behind in (("ACTION", "update", "x"), ("TO", "processing", "y")):
        column = header.index(f" {name} ") + 1
        assert first[column:].startswith(f"{before} ")
        assert line[column:].startswith(f"{behind} ")
    assert line[header.index("JOB") :].startswith("job-0")


def test_a_terminal_that_is_followed_has_room_for_what_comes(world: World) -> None:
    write_trail(world.redis, world.key("audit"), 1, lambda _: {"to_status": "", "reason": ""})
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    with start("--color", "never", "audit", "tail", "-f", env=world.env, stdout=theirs) as process:
        os.close(theirs)
        shown = os.read(ours, 65_536)
        later = {"to": "completed", "reason": "the owner asked for it"}
        world.redis.xadd(world.key("audit"), {**world.audit[-1], **later}, id="2-0")
        while b"asked for it" not in shown:
            shown += os.read(ours, 65_536)
        process.kill()
    os.close(ours)
    assert b"completed" in shown
    assert world.audit[0]["at"].encode() in shown, "a time that stays true"


def test_a_terminal_shows_a_table(trail: World) -> None:
    shown = run_on_terminal("--color", "never", "audit", "tail", "-n", "2", env=trail.env)
    header, *rows = shown.stdout.splitlines()
    assert header.split()[:3] == ["SEQ", "AT", "ACTOR"]
    assert [row.split()[0] for row in rows] == ["29", "30"]


@pytest.mark.parametrize("mode", ["close", "reset", "truncate"])
def test_a_lost_reply_loses_and_repeats_nothing(
    mode: Any, far_world: World, proxy: FaultProxy
) -> None:
    write_trail(far_world.redis, far_world.key("audit"), 1)
    with following(far_world, "-o", "jsonl") as process:
        assert record_of(process)["seq"] == 1
        proxy.drop_reply(matching=b"XREAD", mode=mode, times=2)
        world_append(far_world, 2)
        assert [record_of(process)["seq"], record_of(process)["seq"]] == [2, 3]
        assert len(proxy.dropped) == 2


def world_append(world: World, amount: int) -> None:
    """Changes that do not go through the proxy."""
    env = {"JOBCTL_REDIS_URL": world.redis_url}
    for _ in range(amount):
        assert world.run("update", world.seed(), "--summary", "x", **env).exit_code == 0


def test_a_server_that_comes_back_is_followed_on(
    own_valkey: ValkeyFactory, make_world: MakeWorld, moto: S3Server
) -> None:
    server = own_valkey(config=["--appendonly", "yes", "--appendfsync", "always"])
    world = make_world(server, moto)
    append(world)
    with following(world, "-o", "tsv") as process:
        assert line_of(process).startswith("seq\t")
        assert line_of(process).startswith("1\t")
        server.kill()
        assert process.stderr is not None
        said = process.stderr.readline().decode()
        assert "cannot connect to Redis" in said
        assert "trying again for 60 s" in said
        server.restart()
        append(world)
        assert line_of(process).startswith("2\t")
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (130, b""), "it is said once"


def test_a_server_that_comes_back_empty_ends_it(
    own_valkey: ValkeyFactory, make_world: MakeWorld, moto: S3Server
) -> None:
    server = own_valkey()
    world = make_world(server, moto)
    append(world)
    with following(world, "-q", "-o", "tsv") as process:
        line_of(process)
        line_of(process)
        server.restart()
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.FINDINGS
    assert b"audit record 1 is not there any more" in stderr


def test_a_key_that_is_no_stream(any_world: World) -> None:
    any_world.redis.set(any_world.key("audit"), "not a stream")
    assert_refused(any_world.run("audit", "tail", "-f"), ExitCode.UNAVAILABLE)


def test_a_key_that_becomes_something_else_ends_it(any_world: World) -> None:
    with following(any_world) as process:
        any_world.redis.set(any_world.key("audit"), "not a stream")
        _, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == ExitCode.UNAVAILABLE
    assert b"wrong type" in stderr


@pytest.mark.parametrize("denied", ["xrevrange", "xread"])
def test_a_user_who_may_not_read_the_trail(denied: str, trail: World, tmp_path: Path) -> None:
    with limited_user(trail, tmp_path, f"-{denied}") as limited:
        refused = trail.run("audit", "tail", "-f", "-n", "0", **limited)
        assert_refused(refused, ExitCode.NOT_PERMITTED)
        assert denied.upper() in refused.stderr
        assert trail.run("audit", "tail", **limited).exit_code == (12 * (denied == "xrevrange"))


@pytest.mark.parametrize("output", FORMATS)
def test_what_jobctl_did_not_write_is_shown_without_what_it_may_hide(
    output: str, trail: World
) -> None:
    fields = FOREIGN | {"note": "CANARY", "op_id": "x"}
    trail.redis.xadd(trail.key("audit"), fields, id="1700000-3")
    outcome = trail.run("--debug", "audit", "tail", "-n", "1", "-o", output)
    assert outcome.exit_code == 0
    assert outcome.stdout
    assert "CANARY" not in outcome.everything


@pytest.mark.parametrize("options", [["-n", "-1"], ["-n", "x"], ["--since", "30"], ["x"]])
def test_a_wrong_command_line_is_refused(options: list[str]) -> None:
    env = {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}
    assert_refused(run("audit", "tail", *options, env=env), ExitCode.USAGE)


def test_a_server_that_was_never_there_is_not_waited_for(world: World) -> None:
    outcome = world.run("audit", "tail", "-f", JOBCTL_REDIS_URL="redis://127.0.0.1:1/0")
    assert_refused(outcome, ExitCode.UNAVAILABLE)
