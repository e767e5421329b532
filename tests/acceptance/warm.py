"""jobctl processes forked from one that has imported everything: quick to start, and to kill.

`python -m tests.acceptance.warm` reads a line of JSON, a list of starts, runs them all at once
and answers with a line, a list of endings in the same order; so on until its input ends.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from types import TracebackType
from typing import IO, Any, Self

from tests.cli.runner import Outcome, clean_environment

_POLL_SECONDS = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A command line; `kill_after` are the seconds from its start to its SIGKILL."""

    arguments: Sequence[str]
    stdin: str = ""
    kill_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(Outcome):
    """`exit_code` is -9 for a process that was killed."""

    seconds: float


class WarmJobctl:
    """Runs jobctl as processes that share nothing but imported modules, while it is entered."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.warm"],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._process:  # closes both pipes, which ends it
            pass

    def run(self, starts: Sequence[Start], *, env: Mapping[str, str]) -> Sequence[Ending]:
        """All released at the same moment; the endings in the order of *starts*."""
        words = [[list(one.arguments), one.stdin, one.kill_after] for one in starts]
        request = {"env": clean_environment(env), "starts": words}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return [
            Ending(exit_code=code, stdout=out, stderr=err, seconds=seconds)
            for code, out, err, seconds in json.loads(self._process.stdout.readline())
        ]


def run_at_once(commands: Sequence[Sequence[str]], *, env: Mapping[str, str]) -> Sequence[Ending]:
    """Every command in its own process, all released at the same moment."""
    with WarmJobctl() as warm:
        return warm.run([Start(arguments=arguments) for arguments in commands], env=env)


@dataclass(slots=True, kw_only=True)
class _Child:
    pid: int
    kill_after: float | None
    streams: Sequence[IO[str]]
    code: int | None = None
    seconds: float = 0.0


def _serve() -> None:
    _import_everything()
    gc.freeze()  # what is never collected is not copied either
    for line in sys.stdin:
        request = json.loads(line)
        json.dump(_run(request["starts"], request["env"]), sys.stdout)
        sys.stdout.write("\n")
        sys.stdout.flush()


def _import_everything() -> None:
    import boto3
    import botocore.session
    import redis.cluster
    import redis.sentinel  # noqa: F401 - as above

    import jobctl

    for module in walk_packages(jobctl.__path__, "jobctl."):
        if not module.name.endswith("__main__"):
            with suppress(ImportError):  # who needs it tries again, and tells
                import_module(module.name)
    # Each client reads what boto3 knows about S3 from files, unless that is there already.
    loader = cache(botocore.session.create_loader)
    botocore.session.create_loader = loader
    boto3.session.Session().client("s3", region_name="us-east-1")


def _run(starts: Sequence[Any], env: Mapping[str, str]) -> list[tuple[int, str, str, float]]:
    gate, opener = os.pipe()
    with ExitStack() as files:
        children = []
        for arguments, stdin, kill_after in starts:
            streams = [files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(3)]
            streams[0].write(stdin)
            streams[0].seek(0)
            pid = _fork(arguments, env, streams, (gate, opener))
            children.append(_Child(pid=pid, kill_after=kill_after, streams=streams))
        os.close(opener)
        _see_to_their_end(children)
        os.close(gate)
        return [_told(child) for child in children]


def _fork(
    arguments: Sequence[str],
    env: Mapping[str, str],
    streams: Sequence[IO[str]],
    gate: tuple[int, int],
) -> int:
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.environ.clear()
        os.environ.update(env)
        os.close(gate[1])
        for number, stream in enumerate(streams):
            os.dup2(stream.fileno(), number)
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)  # the old one has read ahead
        os.read(gate[0], 1)  # until the parent has forked all and closes its end
        from jobctl.cli.main import main

        code = main(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _see_to_their_end(children: Sequence[_Child]) -> None:
    started = time.monotonic()
    running = {child.pid: child for child in children}
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        since = time.monotonic() - started
        if pid:
            ended = running.pop(pid)
            ended.code, ended.seconds = os.waitstatus_to_exitcode(status), since
            continue
        for child in running.values():
            if child.kill_after is not None and since >= child.kill_after:
                os.kill(child.pid, signal.SIGKILL)
                child.kill_after = None
        time.sleep(_POLL_SECONDS)


def _told(child: _Child) -> tuple[int, str, str, float]:
    assert child.code is not None
    texts = []
    for stream in child.streams[1:]:
        stream.seek(0)
        texts.append(stream.read())
    return child.code, texts[0], texts[1], child.seconds


if __name__ == "__main__":
    _serve()
