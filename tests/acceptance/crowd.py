"""Many jobctl processes at once: `python -m tests.acceptance.crowd` imports jobctl and forks.

Standard input is JSON, a list of argument lists; standard output is JSON, a list of
[exit code, stdout, stderr] in the same order. Each child is a process of its own that has shared
nothing but imported modules.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import IO

from tests.cli.runner import LONGEST_SECONDS, Outcome, clean_environment


def run_at_once(commands: Sequence[Sequence[str]], *, env: Mapping[str, str]) -> Sequence[Outcome]:
    """Every command in its own process, all released at the same moment."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.crowd"],
        env=clean_environment(env),
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [
        Outcome(exit_code=code, stdout=out, stderr=err)
        for code, out, err in json.loads(done.stdout)
    ]


def _crowd(commands: Sequence[Sequence[str]]) -> list[tuple[int, str, str]]:
    import boto3  # noqa: F401 - once for all children
    import redis  # noqa: F401 - as above

    import jobctl.cli.main  # noqa: F401 - as above

    gate, opener = os.pipe()
    with ExitStack() as files:
        outputs = [
            (
                files.enter_context(tempfile.TemporaryFile("w+")),
                files.enter_context(tempfile.TemporaryFile("w+")),
            )
            for _ in commands
        ]
        children = [
            _child(arguments, streams, gate, opener)
            for arguments, streams in zip(commands, outputs, strict=True)
        ]
        os.close(opener)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        os.close(gate)
        return [
            (code, _written(out), _written(err))
            for code, (out, err) in zip(codes, outputs, strict=True)
        ]


def _child(
    arguments: Sequence[str], streams: tuple[IO[str], IO[str]], gate: int, opener: int
) -> int:
    child = os.fork()
    if child:
        return child
    os.close(opener)
    os.read(gate, 1)  # until the parent has forked all and closes its end
    os.dup2(streams[0].fileno(), 1)
    os.dup2(streams[1].fileno(), 2)
    code = 70
    try:
        from jobctl.cli.main import main

        code = main(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _written(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


if __name__ == "__main__":
    json.dump(_crowd(json.load(sys.stdin)), sys.stdout)
