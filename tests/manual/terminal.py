"""A program that is typed into, as a person does it: on a terminal of its own."""

import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from select import select

# The child makes the terminal its own, without which shells complain or edit no lines.
_LEAD = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
_PATIENCE = 20.0


def type_into(command: Sequence[str], keys: str, *, prompt: str, environ: Mapping[str, str]) -> str:
    """What the screen received until the program ended; *keys* go in once *prompt* is there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _LEAD, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=dict(environ),
    )
    os.close(theirs)
    try:
        screen = _read_until(ours, prompt)
        os.write(ours, keys.encode())
        screen += _read_until(ours, None)
        process.wait(_PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return screen


def _read_until(descriptor: int, mark: str | None) -> str:
    received = b""
    while mark is None or mark.encode() not in received:
        readable, _, _ = select([descriptor], [], [], _PATIENCE)
        assert readable, f"the program waits; its screen: {received.decode(errors='replace')!r}"
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux reports a terminal that nobody holds any more as an error
            part = b""
        if not part:
            assert mark is None, f"no prompt; its screen: {received.decode(errors='replace')!r}"
            break
        received += part
    return received.decode(errors="replace")
