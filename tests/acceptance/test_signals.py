"""Interrupted, terminated, or left by its reader: the right exit code and no last words."""

import fcntl
import os
import signal
import struct
import subprocess
import termios
from pathlib import Path
from typing import IO

import pytest

from tests.acceptance.embedded import server_is_gone
from tests.cli.runner import clean_environment, command, run, spawn, start
from tests.cli.world import World
from tests.servers.proxy import FaultProxy
from tests.waiting import PATIENCE, wait_until

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
SIGNAL_NAMES = ["SIGINT", "SIGTERM"]


def _end(process: "subprocess.Popen[bytes]", sent: int) -> tuple[bytes, bytes]:
    with process:
        process.send_signal(sent)
        try:
            return process.communicate(timeout=PATIENCE)
        finally:
            process.kill()


@pytest.mark.parametrize(("sent", "code"), SIGNALS, ids=SIGNAL_NAMES)
def test_a_reading_command_that_is_stopped_ends_at_once(
    sent: int, code: int, far_world: World, proxy: FaultProxy
) -> None:
    job_id = far_world.seed()
    proxy.drop_reply(matching=b"HGETALL", mode="stall")
    process = start("status", job_id, env=far_world.env)
    wait_until(lambda: bool(proxy.dropped))
    stdout, stderr = _end(process, sent)
    assert process.returncode == code
    assert (stdout, stderr) == (b"", b"")


@pytest.mark.parametrize(("sent", "code"), SIGNALS, ids=SIGNAL_NAMES)
@pytest.mark.parametrize(
    ("stalled", "objects"), [(b"XREVRANGE", 0), (b"EVALSHA", 1)], ids=["before", "after"]
)
def test_create_that_is_stopped_leaves_no_document_without_its_job(
    stalled: bytes, objects: int, sent: int, code: int, far_world: World, proxy: FaultProxy
) -> None:
    """`before`: uploaded, and the record not yet sent. `after`: the record stands."""
    world = far_world
    proxy.drop_reply(matching=stalled, mode="stall")
    process = start("create", world.file(), env=world.env)
    wait_until(lambda: bool(proxy.dropped))
    stdout, stderr = _end(process, sent)
    assert process.returncode == code
    assert stdout == b""
    assert b"Traceback" not in stderr
    assert len(world.objects) == len(world.audit) == objects


@pytest.mark.parametrize(("sent", "code"), SIGNALS, ids=SIGNAL_NAMES)
def test_waiting_for_standard_input_can_be_stopped(sent: int, code: int, far_world: World) -> None:
    process = start("delete", "-", env=far_world.env, stdin=subprocess.PIPE)
    pipe = process.stdin
    assert pipe is not None
    pipe.write(b"\n")
    pipe.flush()
    wait_until(lambda: _nothing_to_read(pipe))
    _, stderr = _end(process, sent)
    assert (process.returncode, stderr) == (code, b"")


def _nothing_to_read(pipe: IO[bytes]) -> bool:
    (waiting,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return not waiting


@pytest.fixture
def full_pipe_job(local: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of an embedded store with a job whose JSON no pipe can hold."""
    env = local
    file = tmp_path / "a.pdf"
    file.write_bytes(b"x")
    assert run("create", str(file), "--id", "big", env=env).exit_code == 0
    assert run("update", "big", "--summary", "x" * 100_000, env=env).exit_code == 0
    return env


@pytest.mark.parametrize(("sent", "code"), SIGNALS, ids=SIGNAL_NAMES)
def test_a_stopped_command_releases_the_embedded_store(
    sent: int, code: int, full_pipe_job: dict[str, str]
) -> None:
    process = start("list", "-o", "json", env=full_pipe_job)
    assert process.stdout is not None
    os.read(process.stdout.fileno(), 1)  # it writes: its server is up, and nobody reads on
    assert not server_is_gone(full_pipe_job)
    _, stderr = _end(process, sent)
    assert process.returncode == code
    assert b"Traceback" not in stderr
    wait_until(lambda: server_is_gone(full_pipe_job))


@pytest.mark.parametrize("arguments", [["list", "--all"], ["list", "--all", "-o", "json"]])
def test_a_reader_that_has_seen_enough_is_no_error(arguments: list[str], world: World) -> None:
    for number in range(40):
        world.seed(job_id=f"job-{number}", summary="x" * 4_000, document_name="x" * 4_000)
    with start(*arguments, env=world.env) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        stderr = process.stderr.read()
        assert (process.wait(PATIENCE), stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["config", "-q"], ["--version"]])
def test_a_reader_that_was_never_there_is_no_error(arguments: list[str], world: World) -> None:
    world.seed()
    reading, writing = os.pipe()
    os.close(reading)
    with start(*arguments, env=world.env, stdout=writing) as process:
        os.close(writing)
        assert process.stderr is not None
        stderr = process.stderr.read()
        assert (process.wait(PATIENCE), stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_in_one_line(world: World) -> None:
    world.seed()
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("list"), env=clean_environment(world.env), stdout=full,
            stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert done.returncode not in (0, 1)
    assert "space" in done.stderr
    assert "internal error" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", ">&- 2>&-"])
def test_closed_streams_make_no_defect(redirection: str, world: World) -> None:
    world.seed()
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *command("list")]
    done = subprocess.run(
        shell, env=clean_environment(world.env), capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "rror" not in done.stderr


def test_a_closed_standard_input_has_no_document(world: World) -> None:
    shell = ["sh", "-c", 'exec "$@" <&-', "sh", *command("create", "-")]
    done = subprocess.run(
        shell, env=clean_environment(world.env), capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert world.contents == {}


def test_the_console_script_and_the_module_are_one(world: World) -> None:
    job_id = world.seed()
    assert spawn("list", "-o", "id", env=world.env).stdout == f"{job_id}\n"
