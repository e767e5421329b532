"""Runs jobctl as a user does: in this process where that is enough, else as one of its own."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jobctl.cli.main import main

LONGEST_SECONDS = 60.0
# Whatever of this the developer or the machine has set would decide what a test sees.
_FOREIGN = ("JOBCTL_", "_JOBCTL_", "AWS_", "XDG_", "LC_", "PYTHON")
_FOREIGN_NAMES = frozenset({"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM", "LANG", "HOME"})
_DEFAULTS = {
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    # A test that means to use the embedded store says where; no other may start one.
    "XDG_DATA_HOME": "/dev/null",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
    "LC_ALL": "C.UTF-8",
    "TERM": "xterm-256color",
    "JOBCTL_ACTOR": "tester",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.stdout)

    @property
    def lines(self) -> list[Any]:
        """The documents of JSONL, one a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def error(self) -> Any:
        """The one error object on stderr, which must hold nothing else."""
        return json.loads(self.stderr)

    @property
    def rows(self) -> list[dict[str, str]]:
        """The records of a TSV with a header."""
        header, *lines = [line.split("\t") for line in self.stdout.splitlines()]
        return [dict(zip(header, line, strict=True)) for line in lines]

    @property
    def everything(self) -> str:
        return self.stdout + self.stderr


def clean_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a user who has configured nothing, and *env* on top of it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN) and name not in _FOREIGN_NAMES
    }
    return kept | _DEFAULTS | dict(env or {})


def run(*arguments: str, env: Mapping[str, str] | None = None, stdin: str | bytes = b"") -> Outcome:
    """jobctl in this process, off a terminal."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    streams = [_stream(given), _stream(), _stream()]
    with _environment(env), _standard_streams(streams), _logging_as_before():
        code = main(list(arguments))
    out, err = (_written(stream) for stream in streams[1:])
    return Outcome(exit_code=int(code), stdout=out, stderr=err)


def start(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
) -> "subprocess.Popen[bytes]":
    """jobctl as a process that is still running; the caller sees to its end."""
    return subprocess.Popen(
        command(*arguments),
        env=clean_environment(env),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
    )


def spawn(
    *arguments: str, env: Mapping[str, str] | None = None, stdin: str | bytes = b""
) -> Outcome:
    """jobctl as a process of its own, to its end."""
    done = subprocess.run(
        command(*arguments),
        env=clean_environment(env),
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    return Outcome(
        exit_code=done.returncode,
        stdout=done.stdout.decode("utf-8", "surrogateescape"),
        stderr=done.stderr.decode("utf-8", "surrogateescape"),
    )


def command(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", "jobctl", *arguments]


def _stream(content: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BytesIO(content), encoding="utf-8", errors="surrogateescape", newline=""
    )


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextmanager
def _environment(env: Mapping[str, str] | None) -> Iterator[None]:
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(clean_environment(env))
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _standard_streams(streams: Sequence[io.TextIOWrapper]) -> Iterator[None]:
    before = sys.stdin, sys.stdout, sys.stderr
    try:
        sys.stdin, sys.stdout, sys.stderr = streams
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


@contextmanager
def _logging_as_before() -> Iterator[None]:
    logger = logging.getLogger("jobctl")
    before = list(logger.handlers), logger.level, logger.propagate
    try:
        yield
    finally:
        logger.handlers[:], logger.level, logger.propagate = before
