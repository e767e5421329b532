"""Fixtures for tests against real Redis servers; `tests/conftest.py` imports them.

The session's servers are shared by all tests of one worker and never flushed: a test keeps
its keys under `namespace`. A test that configures, fills, counts or kills a server takes one
from `own_valkey`.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol
from uuid import uuid4

import pytest

from tests.servers.redis_server import RedisServer, start_redis62, start_valkey


class ValkeyFactory(Protocol):
    def __call__(self, *, config: Sequence[str] = (), tcp: bool = False) -> RedisServer: ...


@pytest.fixture(scope="session")
def valkey() -> Iterator[RedisServer]:
    server = start_valkey()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis62() -> Iterator[RedisServer]:
    server = start_redis62()
    yield server
    server.stop()


@pytest.fixture(
    scope="session",
    params=[pytest.param("valkey", id="valkey9"), pytest.param("redis62", id="redis62")],
)
def any_redis(request: pytest.FixtureRequest) -> RedisServer:
    server: RedisServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def namespace() -> str:
    return f"t-{uuid4().hex}"


@pytest.fixture
def own_valkey() -> Iterator[ValkeyFactory]:
    servers: list[RedisServer] = []

    def start(*, config: Sequence[str] = (), tcp: bool = False) -> RedisServer:
        servers.append(start_valkey(config=config, tcp=tcp))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
