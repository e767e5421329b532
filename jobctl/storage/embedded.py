"""The embedded store: a real Valkey on a unix socket, shared by every jobctl of one user.

Nothing but flock coordinates the processes, since the kernel releases a lock however its holder
ends:

* `clients.lock` is held shared by every client. Whoever gets it exclusively is the last one and
  stops the server; who comes meanwhile waits.
* `server.lock` is held exclusively through a descriptor that the server process inherits, hence
  exactly as long as a server starts, lives or stops. Only its holder may start a server, and
  Valkey itself replaces a stale socket, so two servers never share a directory.

`appendfsync always` puts a change on disk before it is acknowledged; killing anything is safe.
"""

import fcntl
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from jobctl.errors import UnavailableError
from jobctl.storage.private_directory import lock, make_private, refusal, socket_path
from jobctl.storage.valkey_process import find_server, launch, peer, shut_down

_SOCKET = "valkey.sock"
_LOG_LIMIT = 1_000_000
_POLL = 0.0005
_LONGEST_POLL = 0.01
_JOIN_LIMIT = 10.0
_STOP_LIMIT = 7.0
_STOP_PATIENCE = 5.0


class EmbeddedServer:
    """One client of the store in *directory*; the first one starts it, the last one stops it.

    NotPermittedError: the directory is not ours or not writable. BadConfigurationError: no
    server is installed. UnavailableError: everything else, naming the log.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._log = self._directory / "valkey.log"
        self._log_start = 0
        self._socket = self._directory / _SOCKET
        self._clients: int | None = None
        self._server: int | None = None
        self._connection: socket.socket | None = None
        self._pid: int | None = None
        self._owner = 0
        self._spawned = False
        self._hung = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Become a client and see to it that a server is on its way; does not wait for it."""
        if self._clients is not None:
            return
        self._owner = os.getpid()
        self._spawned = self._hung = False
        try:
            self._register()
        except OSError as error:
            self.close()
            raise refusal(error, self._directory) from error
        except BaseException:
            self.close()
            raise

    def wait_ready(self, timeout: float = 10.0) -> str:
        """The socket's path, once the server answers; loading data does not count as time."""
        self.start()
        deadline = time.monotonic() + timeout
        pause = _POLL
        while True:
            reply = self._ping(deadline)
            if reply.startswith(b"+"):
                self._spawned = self._hung = False
                return str(self._socket)
            if reply.startswith(b"-LOADING"):
                deadline = time.monotonic() + timeout
            if time.monotonic() >= deadline:
                # Slow or stuck, it is left to the next client: this one is to report it now.
                self._hung = True
                raise self._silence(reply)
            if not reply:
                self._revive()
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_POLL)

    def close(self) -> None:
        """Cease to be a client; the last one returns when the server has gone.

        A server that cannot even be killed is left to the next client, without an error: the
        work is done, and what was acknowledged is on disk.
        """
        # A forked child shares the locks: dropping its copies must not drop its parent's.
        mine = os.getpid() == self._owner
        try:
            # The conversion lets go of the shared lock even when it fails. That is wanted: of
            # several that leave at once, the one that asks last finds nobody else.
            if (
                mine
                and not self._hung
                and self._clients is not None
                and self._server is not None
                and lock(self._clients, fcntl.LOCK_EX)
            ):
                self._stop(self._server)
        finally:
            self._drop()

    def _register(self) -> None:
        make_private(self._directory)
        self._clients = self._open("clients.lock")
        self._join(self._clients)
        self._socket = socket_path(self._directory, _SOCKET)
        self._server = self._open("server.lock")
        self._revive()

    def _open(self, name: str) -> int:
        return os.open(self._directory / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)

    def _join(self, clients: int) -> None:
        deadline = time.monotonic() + _JOIN_LIMIT
        while not lock(clients, fcntl.LOCK_SH):
            if time.monotonic() >= deadline:
                raise UnavailableError(
                    f"another jobctl has been stopping the embedded store in {self._directory} "
                    f"for {_JOIN_LIMIT:.0f} s",
                    hint=f"try again; its log is {self._log}",
                )
            time.sleep(_POLL)

    def _revive(self) -> None:
        """Start a server unless one lives; a second failure in a row is final."""
        if self._server is None or not lock(self._server, fcntl.LOCK_EX):
            return
        if self._spawned:
            self._reap()
            raise UnavailableError(
                f"the embedded store in {self._directory} ended at its start: {self._last_words()}",
                hint=f"its log is {self._log}",
            )
        try:
            self._spawn(self._server)
        except OSError as error:
            raise refusal(error, self._directory) from error

    def _spawn(self, held: int) -> None:
        binary = find_server()
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(log).st_size > _LOG_LIMIT:
                os.ftruncate(log, 0)
            self._log_start = os.fstat(log).st_size
            # Seen through the inherited descriptor, the server's lock would always look free.
            self._server = self._open("server.lock")
            try:
                self._pid = launch(binary, self._directory, socket_name=_SOCKET, lock=held, log=log)
                self._spawned = True
            finally:
                os.close(held)
        finally:
            os.close(log)

    def _connect(self, timeout: float) -> socket.socket | None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(timeout)
            connection.connect(str(self._socket))
        except OSError:
            connection.close()
            return None
        self._pid = peer(connection) or self._pid
        return connection

    def _ping(self, deadline: float) -> bytes:
        """What the server says, nothing when there is none. A good connection is kept: it leads
        to this very server, even if the directory is replaced while we work."""
        connection = self._connect(max(deadline - time.monotonic(), _POLL))
        if connection is None:
            return b""
        reply = b""
        try:
            connection.sendall(b"PING\r\n")
            reply = connection.recv(512)
        except OSError:
            pass
        finally:
            if reply.startswith(b"+"):
                self._disconnect()
                self._connection = connection
            else:
                connection.close()
        return reply

    def _silence(self, reply: bytes) -> UnavailableError:
        said = f"answers {reply.decode(errors='replace').strip()!r}" if reply else "does not answer"
        process = f" (process {self._pid})" if self._pid else ""
        kill = f"kill -9 {self._pid}" if self._pid else "ending it"
        return UnavailableError(
            f"the embedded store in {self._directory}{process} is running but {said}",
            hint=f"{kill} loses nothing that was acknowledged; its log is {self._log}",
        )

    def _last_words(self) -> str:
        with suppress(OSError), self._log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read(_LOG_LIMIT).split(b"\n")
            for line in reversed(lines):
                if line.strip():
                    return line.decode(errors="replace").strip()[:300]
        return "without a word in its log"

    def _stop(self, server: int) -> None:
        deadline = time.monotonic() + _STOP_LIMIT
        ours = self._pid
        while not lock(server, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                return
            connection, self._connection = self._connection or self._connect(_STOP_PATIENCE), None
            if connection is not None:
                with connection:
                    # Another server may listen here by now, if the directory was replaced.
                    if ours in (None, peer(connection)):
                        shut_down(connection, patience=_STOP_PATIENCE)
            time.sleep(_POLL)
        self._pid = ours or self._pid
        self._reap()
        if self._socket.parent != self._directory:
            self._socket.parent.unlink(missing_ok=True)

    def _reap(self) -> None:
        """Only for a server that has gone; a no-op unless this very process spawned it."""
        if self._pid is not None:
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _drop(self) -> None:
        self._disconnect()
        # The server's lock first: who then gets the clients' lock must not find it held by us.
        for descriptor in (self._server, self._clients):
            if descriptor is not None:
                os.close(descriptor)
        self._server = self._clients = self._pid = None
