"""A directory with an embedded store in it, and the client processes that share it."""

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import jobctl
from jobctl.storage.private_directory import lock
from jobctl.storage.valkey_process import peer

ROOT = Path(jobctl.__file__).parents[1]
PATIENCE = 20.0


class Connection:
    """One command, one reply, without a client library."""

    def __init__(self, path: str | Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._replies = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._replies.close()
        self._socket.close()

    def pid(self) -> int:
        found = peer(self._socket)
        assert found is not None
        return found

    def call(self, command: str) -> str:
        """The first line of the reply; for a bulk string, the string."""
        self._socket.sendall(command.encode() + b"\r\n")
        line = self._replies.readline()
        if not line:
            raise ConnectionResetError("the server has gone")
        if line.startswith(b"$") and line != b"$-1\r\n":
            line = self._replies.readline()
        return line.decode().strip().lstrip(":+")

    def numbers(self) -> list[int]:
        """The list `numbers`, without what pads its items."""
        count = int(self.call("LRANGE numbers 0 -1").removeprefix("*"))
        lines = [self._replies.readline() for _ in range(2 * count)]
        return [int(line.strip().rstrip(b".")) for line in lines[1::2]]


def ask(path: str | Path, command: str) -> str:
    with Connection(path) as connection:
        return connection.call(command)


class Client:
    """A process of tests.storage.embedded_client."""

    def __init__(self, mode: str, directory: Path, **options: Any) -> None:
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-m", "tests.storage.embedded_client", mode, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            **options,
        )

    def line(self) -> str:
        """The next thing that the client says."""
        output = self.process.stdout
        assert output is not None
        assert select.select([output], [], [], PATIENCE)[0], "the client says nothing"
        return output.readline().strip()

    def finish(self) -> str:
        """Let the client end cleanly; what it had still to say."""
        said, _ = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0
        return said

    def end(self, number: signal.Signals) -> list[int]:
        """Signal the client; the numbers that it had seen acknowledged."""
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=PATIENCE)
        return [int(word) for word in said.split() if word.isdigit()]


class StoreUnderTest:
    """Ends its clients on leaving, and fails the test if a server is left behind."""

    def __init__(self) -> None:
        # pytest's tmp_path may be too long for a socket.
        self._parent = tempfile.TemporaryDirectory(prefix="jobctl-", dir="/tmp")
        self.directory = Path(self._parent.name, "data")
        self.socket = self.directory / "valkey.sock"
        self._clients: list[Client] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            with client.process:
                client.process.kill()
        left_behind = not eventually(self.is_free)
        if left_behind:
            with suppress(OSError):
                self.kill_server()
        self._parent.cleanup()
        assert not left_behind, "a server was left behind"

    def launch(self, mode: str, directory: Path | None = None, **options: Any) -> Client:
        client = Client(mode, directory or self.directory, **options)
        self._clients.append(client)
        return client

    def is_free(self) -> bool:
        """Whether no server lives in the directory."""
        try:
            descriptor = os.open(self.directory / "server.lock", os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            return lock(descriptor, fcntl.LOCK_EX)
        finally:
            os.close(descriptor)

    def server(self) -> int:
        with Connection(self.socket) as connection:
            return connection.pid()

    def kill_server(self) -> None:
        os.kill(self.server(), signal.SIGKILL)


def eventually(condition: Callable[[], bool], timeout: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
