"""Tokens stay where they are stored: no log, traceback, error, audit record or command line of a
process has one. Only `token issue` prints it, on stdout."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.acceptance.embedded import client_of, server_is_gone, short_directory
from tests.cli.decisions import (
    FORMATS,
    WHY,
    assert_no_canary,
    request_approval,
    token_file,
    token_of,
    troubles,
)
from tests.cli.expect import assert_refused
from tests.cli.runner import Outcome, run, start
from tests.cli.world import World, as_json
from tests.waiting import PATIENCE, wait_until

TOKEN = "tok3n-CANARY-Zq9xk2Lw7vB1-Zq9xk2Lw7vB1-Zq9xk"
LOUD = ("--debug", "--verbose")

BEARERS = [
    ["approve", *WHY, "--no-verify"],
    ["deny", *WHY],
    ["token", "verify"],
    ["token", "verify", "--kind", "stream"],
    ["token", "consume"],
    ["token", "revoke", "--kind", "stream"],
    ["token", "revoke"],
]


def _each_way(world: World, command: Sequence[str], **env: str) -> Iterator[Outcome]:
    """*command* with TOKEN from a file and from standard input, loud, in several formats."""
    path = token_file(world, TOKEN)
    for output in ("table", "tsv", "json", "id"):
        yield world.run(*LOUD, *command, "--token-file", path, "-o", output, **env)
        loud = [*LOUD, "--log-format", "json"]
        piped = [*command, "--token-file", "-", "-o", output]
        yield world.run(*loud, *piped, stdin=TOKEN, **env)


@pytest.mark.parametrize("command", BEARERS, ids=" ".join)
def test_a_token_that_is_given_is_not_repeated(command: list[str], world: World) -> None:
    wrong = list(_each_way(world, command))
    assert {one.exit_code for one in wrong} == {ExitCode.NOT_FOUND}
    job_id = request_approval(world, token=TOKEN)
    world.redis.set(world.key("stream-token", TOKEN), job_id, ex=300)
    troubled = [one for env in troubles(world) for one in _each_way(world, command, **env)]
    right = list(_each_way(world, command))
    assert right[0].exit_code == 0, right[0].stderr
    assert_no_canary(*(one.everything for one in (*wrong, *troubled, *right)))
    assert_no_canary(as_json(world.audit))


@pytest.mark.parametrize("command", BEARERS, ids=" ".join)
def test_a_key_that_is_no_token_and_texts_that_are_none_are_not_repeated(
    command: list[str], world: World
) -> None:
    for kind in ("approval", "stream"):
        world.redis.lpush(world.key(f"{kind}-token", TOKEN), "a list")
    outcomes = list(_each_way(world, command))
    assert {one.exit_code for one in outcomes} == {ExitCode.UNAVAILABLE}
    for text in (f"{TOKEN} {TOKEN}", f"{TOKEN}\n{TOKEN}", TOKEN * 20, f"{TOKEN}\x1b", f"\0{TOKEN}"):
        given = world.run(*LOUD, *command, "--token-file", "-", stdin=text)
        assert given.exit_code == ExitCode.USAGE
        outcomes.append(given)
    latin = world.run(*LOUD, *command, "--token-file", "-", stdin=TOKEN.encode() + b"\xff")
    assert latin.exit_code == ExitCode.USAGE
    assert_no_canary(*(one.everything for one in (*outcomes, latin)))


@pytest.mark.parametrize("command", BEARERS, ids=" ".join)
def test_a_token_where_the_name_of_its_file_belongs_is_not_repeated(
    command: list[str], world: World
) -> None:
    outcome = world.run(*command, "--token-file", TOKEN)
    assert_refused(outcome, ExitCode.NOT_FOUND)
    assert_no_canary(outcome.stderr)


@pytest.mark.parametrize("verb", ["verify", "consume"])
@pytest.mark.parametrize("given", [[TOKEN], ["--token", TOKEN], [f"--token={TOKEN}"]])
def test_a_token_on_the_command_line_is_refused_and_not_repeated(
    given: list[str], verb: str, world: World
) -> None:
    outcome = world.run(*LOUD, "token", verb, *given)
    assert outcome.exit_code == ExitCode.USAGE
    assert outcome.stdout == ""
    assert_no_canary(outcome.stderr)


@pytest.mark.parametrize("output", FORMATS)
def test_an_issued_token_is_on_stdout_alone(output: str, world: World) -> None:
    job_id = request_approval(world, token=TOKEN)
    for options in ([], ["--kind", "stream"], ["--extend", "1h"]):
        outcome = world.run(*LOUD, "token", "issue", job_id, *options, "-o", output)
        token = token_of(world, job_id)
        (stream,) = [key.rpartition(":")[2] for key in world.keys if ":stream-token:" in key] or [
            "-"
        ]
        assert outcome.exit_code == 0
        assert (stream if "--kind" in options else token) in outcome.stdout
        assert token not in outcome.stderr + as_json(world.audit)
        assert stream == "-" or stream not in outcome.stderr + as_json(world.audit)
    assert_no_canary(as_json(world.audit))


@pytest.fixture
def local() -> Iterator[dict[str, str]]:
    """The environment of an embedded store, whose server is a child of jobctl."""
    directory = short_directory()
    yield {"XDG_DATA_HOME": str(directory)}
    shutil.rmtree(directory)


def _full_pipe() -> tuple[int, int, int]:
    """A pipe that takes nothing more: its two ends, and how much is in it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    filled = 0
    try:
        while True:
            filled += os.write(writing, b"x" * 4_096)
    except BlockingIOError:
        os.set_blocking(writing, True)
    return reading, writing, filled


def _command_lines() -> Iterator[bytes]:
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield one.read_bytes()
        except OSError:  # it has ended
            continue


def test_a_token_is_in_no_command_line(local: dict[str, str], tmp_path: Path) -> None:
    """Hazard 32. The store's server is running while jobctl waits to write its answer."""
    document = tmp_path / "a.txt"
    document.write_text("a document")
    made = ["create", str(document), "--id", "one", "--status", "awaiting_approval", "-q"]
    assert run(*made, env=local).exit_code == 0
    token = run("token", "issue", "one", "-q", env=local).stdout.strip()
    path = tmp_path / "token.txt"
    path.write_text(token)
    for arguments in (
        ["token", "issue", "one", "--extend", "1h"],
        ["token", "verify", "--token-file", str(path)],
        ["approve", "--token-file", str(path), *WHY],
    ):
        _assert_unseen(token, [*arguments, "-o", "json"], local)


def _assert_unseen(token: str, arguments: list[str], env: dict[str, str]) -> None:
    reading, writing, filled = _full_pipe()
    with start(*arguments, env=env, stdout=writing) as process:
        os.close(writing)
        wait_until(lambda: not server_is_gone(env))
        with client_of(env) as client:
            server = int(client.info("server")["process_id"])
        seen = list(_command_lines())
        assert Path(f"/proc/{server}/cmdline").read_bytes() in seen
        assert not [line for line in seen if token.encode() in line]
        with os.fdopen(reading, "rb") as rest:
            answer = rest.read()[filled:]
        assert process.wait(PATIENCE) == 0
    assert b'"one"' in answer
