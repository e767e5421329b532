"""A jobctl process as far as the embedded store can tell: `-m … MODE DIRECTORY`.

Prints what it reached, a line each, and ends cleanly when its input does or on SIGTERM.
"""

import os
import resource
import signal
import sys
from pathlib import Path

from jobctl.errors import JobctlError
from jobctl.storage.embedded import EmbeddedServer
from tests.storage.store_under_test import Connection


def say(*words: object) -> None:
    # One write, unbuffered: what was said before a kill -9 was really said.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def spawn(server: EmbeddedServer) -> None:
    """Killed by the test between the start of a server and its readiness."""
    say("started")
    sys.stdin.readline()
    server.wait_ready()


def hold(server: EmbeddedServer) -> None:
    with Connection(server.wait_ready()) as connection:
        say("ready", connection.pid())
        sys.stdin.readline()


def write(server: EmbeddedServer, padding: str = "") -> None:
    """Says every number that the store has acknowledged twice, as counter and as list item."""
    with Connection(server.wait_ready()) as connection:
        while True:
            number = connection.call("INCR counter")
            connection.call(f"RPUSH numbers {number}{padding}")
            say(number)


def fill(server: EmbeddedServer) -> None:
    write(server, "." * 10_000)


def churn(server: EmbeddedServer) -> None:
    for _ in range(12):
        with server, Connection(server.wait_ready()) as connection:
            say(connection.call("INCR counter"))


def fork(server: EmbeddedServer) -> None:
    path = server.wait_ready()
    child = os.fork()
    if child == 0:
        server.close()
        os._exit(0)
    os.waitpid(child, 0)
    with EmbeddedServer(Path(sys.argv[2])) as other:
        other.wait_ready()
    with Connection(path) as connection:
        say(connection.call("PING"))


NOBODY = 65534
MODES = {
    "spawn": spawn,
    "hold": hold,
    "unprivileged": hold,
    "write": write,
    "fill": fill,
    "fork": fork,
}


def main() -> None:
    mode, directory = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if mode == "unprivileged" and os.geteuid() == 0:
        # Root may write everywhere.
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    if mode == "fill":
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    try:
        if mode == "churn":
            churn(EmbeddedServer(Path(directory)))
        else:
            with EmbeddedServer(Path(directory)) as server:
                MODES[mode](server)
    except JobctlError as error:
        say(type(error).__name__, error.message, "|", error.hint)
    except OSError:
        say("lost")


if __name__ == "__main__":
    main()
