"""How long a server keeps its other clients waiting."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.redis_server import RedisServer

PING_EVERY = 0.0005  # seconds


@contextmanager
def pinging(server: RedisServer) -> Iterator[list[float]]:
    """How long another client waited for each of its PINGs, in milliseconds."""
    waits: list[float] = []
    over = threading.Event()

    def ping() -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(server.socket))
            while not over.wait(PING_EVERY):
                started = time.perf_counter()
                connection.sendall(b"PING\r\n")
                connection.recv(64)
                waits.append((time.perf_counter() - started) * 1000)

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield waits
    finally:
        over.set()
        thread.join()
