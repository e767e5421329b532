"""The embedded store's life: started, shared, killed at any point, stopped."""

import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jobctl.storage.embedded import EmbeddedServer
from tests.storage.store_under_test import Connection, StoreUnderTest, ask, eventually


@pytest.fixture
def store() -> Iterator[StoreUnderTest]:
    with StoreUnderTest() as store:
        yield store


def test_data_survive_close_and_reopen(store: StoreUnderTest) -> None:
    for count in ("1", "2", "3"):
        with EmbeddedServer(store.directory) as server:
            assert ask(server.wait_ready(), "INCR counter") == count


def test_the_last_client_stops_the_server(store: StoreUnderTest) -> None:
    first, second = EmbeddedServer(store.directory), EmbeddedServer(store.directory)
    first.start()
    second.start()
    path = first.wait_ready()
    assert second.wait_ready() == path
    process = store.server()
    first.close()
    assert ask(path, "PING") == "PONG"
    second.close()
    second.close()
    assert not Path(path).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_close_before_ready_stops_what_was_started(store: StoreUnderTest) -> None:
    server = EmbeddedServer(store.directory)
    server.start()
    server.close()
    assert store.is_free()


def test_a_closed_client_can_start_again(store: StoreUnderTest) -> None:
    server = EmbeddedServer(store.directory)
    for _ in range(2):
        with server:
            assert ask(server.wait_ready(), "PING") == "PONG"


def test_nothing_is_touched_before_the_start(store: StoreUnderTest) -> None:
    EmbeddedServer(store.directory).close()
    assert not store.directory.exists()


def test_twenty_first_starts_share_one_server(store: StoreUnderTest) -> None:
    clients = [store.launch("hold") for _ in range(20)]
    said = {client.line() for client in clients}
    assert said == {f"ready {store.server()}"}
    for client in clients:
        client.finish()
    assert store.is_free()
    assert not store.socket.exists()


def test_starts_and_stops_at_the_same_time_lose_nothing(store: StoreUnderTest) -> None:
    clients = [store.launch("churn") for _ in range(6)]
    said = [int(word) for client in clients for word in client.finish().split()]
    assert sorted(said) == list(range(1, 6 * 12 + 1))


def test_a_server_whose_starter_was_killed_is_adopted_and_stopped(store: StoreUnderTest) -> None:
    starter = store.launch("spawn")
    assert starter.line() == "started"
    starter.end(signal.SIGKILL)
    assert not store.is_free()
    with EmbeddedServer(store.directory) as server:
        assert ask(server.wait_ready(), "PING") == "PONG"
    assert store.is_free()


def test_a_client_killed_in_use_loses_nothing(store: StoreUnderTest) -> None:
    writer = store.launch("write")
    for number in range(1, 51):
        assert writer.line() == str(number)
    acknowledged = max(writer.end(signal.SIGKILL), default=50)
    assert not store.is_free()
    with EmbeddedServer(store.directory) as server:
        server.wait_ready()
        with Connection(store.socket) as connection:
            assert int(connection.call("GET counter")) >= acknowledged
            assert connection.numbers()[:acknowledged] == [*range(1, acknowledged + 1)]
    assert store.is_free()


def test_a_killed_server_is_replaced_and_loses_nothing(store: StoreUnderTest) -> None:
    writer = store.launch("write")
    for number in range(1, 51):
        assert writer.line() == str(number)
    store.kill_server()
    *_, last, end = ["50", *writer.finish().split()]
    assert end == "lost"
    assert store.socket.exists()
    with EmbeddedServer(store.directory) as server:
        server.wait_ready()
        with Connection(store.socket) as connection:
            assert connection.numbers()[: int(last)] == [*range(1, int(last) + 1)]


def test_a_client_can_replace_the_server_that_it_lost(store: StoreUnderTest) -> None:
    with EmbeddedServer(store.directory) as server:
        ask(server.wait_ready(), "INCR counter")
        store.kill_server()
        assert eventually(store.is_free)
        assert ask(server.wait_ready(), "GET counter") == "1"


def test_a_stale_socket_is_replaced(store: StoreUnderTest) -> None:
    store.directory.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(store.socket))
    with EmbeddedServer(store.directory) as server:
        assert ask(server.wait_ready(), "PING") == "PONG"


def test_the_server_of_a_directory_that_was_replaced_is_stopped_all_the_same(
    store: StoreUnderTest,
) -> None:
    old = EmbeddedServer(store.directory)
    old.wait_ready()
    process = store.server()
    store.directory.rename(store.directory.with_name("elsewhere"))
    with EmbeddedServer(store.directory) as new:
        path = new.wait_ready()
        old.close()
        assert ask(path, "PING") == "PONG"
        assert store.server() != process
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_full_disk_loses_nothing_that_was_acknowledged(store: StoreUnderTest) -> None:
    *_, last, end = store.launch("fill").finish().split()
    assert end == "lost"
    with EmbeddedServer(store.directory) as server:
        server.wait_ready()
        with Connection(store.socket) as connection:
            assert connection.numbers()[: int(last)] == [*range(1, int(last) + 1)]


def test_a_forked_child_does_not_end_its_parents_membership(store: StoreUnderTest) -> None:
    assert store.launch("fork").finish() == "PONG\n"


def test_random_kills_lose_nothing(store: StoreUnderTest) -> None:
    chance = random.Random(20)
    acknowledged: set[int] = set()
    for number in range(300):
        if number >= 30 and len(acknowledged) > 100:  # a busy machine needs longer
            break
        writers = [store.launch("write"), store.launch("write")]
        # The moment of death is what is random: before, at and after the server's start.
        time.sleep(chance.uniform(0.02, 0.25))
        if chance.random() < 0.3:
            with suppress(OSError):
                store.kill_server()
        for writer in writers:
            ending = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
            acknowledged.update(writer.end(ending))
    with EmbeddedServer(store.directory) as server:
        server.wait_ready()
        with Connection(store.socket) as connection:
            stored = connection.numbers()
            assert int(connection.call("GET counter")) >= max(acknowledged)
    assert len(stored) == len(set(stored))
    assert acknowledged <= set(stored)
    assert len(acknowledged) > 100
