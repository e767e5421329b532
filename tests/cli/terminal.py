"""jobctl on a terminal: a pseudo-terminal of a given width that everything is read from."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping

from tests.cli.runner import LONGEST_SECONDS, Outcome, clean_environment, command

_ROWS = 40


def run_on_terminal(
    *arguments: str, env: Mapping[str, str] | None = None, width: int = 80
) -> Outcome:
    """stdout is the terminal, stderr a pipe; line ends are as the program wrote them."""
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, width, 0, 0))
        process = subprocess.Popen(
            command(*arguments),
            env=clean_environment(env),
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
        )
    finally:
        os.close(theirs)
    with process:
        try:
            shown = _read_all(ours)
            _, stderr = process.communicate(timeout=LONGEST_SECONDS)
        finally:
            os.close(ours)
            process.kill()
    return Outcome(
        exit_code=process.returncode,
        stdout=shown.decode("utf-8", "surrogateescape").replace("\r\n", "\n"),
        stderr=stderr.decode("utf-8", "surrogateescape"),
    )


def _read_all(terminal: int) -> bytes:
    """Linux reports the end as an I/O error once no process has the other side open."""
    found = b""
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:
            return found
        if not piece:
            return found
        found += piece
