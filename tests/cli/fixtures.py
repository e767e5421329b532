"""Fixtures for tests that run jobctl; the conftests of `cli` and `acceptance` import them."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from jobctl.storage import redis_connection, redis_mutation
from tests.cli.world import World
from tests.servers.proxy import FaultProxy
from tests.servers.redis_server import RedisServer
from tests.servers.s3 import S3Server

# Nobody needs to wait ten seconds for a reply that will not come.
COMMAND_SECONDS = 0.8
RECOVERY_SECONDS = 0.6

MakeWorld = Callable[[RedisServer, S3Server], World]


@pytest.fixture
def make_world(namespace: str, tmp_path: Path) -> Iterator[MakeWorld]:
    worlds: list[World] = []

    def make(redis: RedisServer, s3: S3Server) -> World:
        documents, results = _buckets(s3)
        world = World(
            redis_url=redis.url,
            redis=redis.client(),
            namespace=namespace,
            s3=s3,
            documents=documents,
            results=results,
            directory=tmp_path,
        )
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        world.redis.close()
        for bucket in (world.documents, world.results):
            _empty(world, bucket)


@cache
def _buckets(server: S3Server) -> tuple[str, str]:
    """The two of a server, emptied after every test; a worker runs one test at a time."""
    names = ("docs-under-test", "results-under-test")
    client = server.client()
    for name in names:
        client.create_bucket(Bucket=name)
    return names


def _empty(world: World, bucket: str) -> None:
    client = world.bucket
    for item in client.list_objects_v2(Bucket=bucket).get("Contents", ()):
        client.delete_object(Bucket=bucket, Key=item["Key"])


@pytest.fixture
def world(make_world: MakeWorld, valkey: RedisServer, moto: S3Server) -> World:
    """Valkey 9 and moto: quick, and enough where credentials do not matter."""
    return make_world(valkey, moto)


@pytest.fixture
def any_world(make_world: MakeWorld, any_redis: RedisServer, moto: S3Server) -> World:
    """Valkey 9 and Redis 6.2 in turn."""
    return make_world(any_redis, moto)


@pytest.fixture
def strict_world(make_world: MakeWorld, valkey: RedisServer, seaweed: S3Server) -> World:
    """With an S3 server that checks credentials."""
    return make_world(valkey, seaweed)


@pytest.fixture
def behind_proxy(valkey: RedisServer) -> RedisServer:
    """The server of `proxy`; a module that wants another overrides it."""
    return valkey


@pytest.fixture
def proxy(behind_proxy: RedisServer) -> Iterator[FaultProxy]:
    with FaultProxy(behind_proxy.url) as proxy:
        yield proxy


@pytest.fixture
def far_world(
    make_world: MakeWorld, behind_proxy: RedisServer, moto: S3Server, proxy: FaultProxy
) -> World:
    """jobctl goes through the proxy, the world's own client does not."""
    world = make_world(behind_proxy, moto)
    world.more["JOBCTL_REDIS_URL"] = proxy.url
    return world


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a reply nor what became of a change is waited for as long as users would."""
    monkeypatch.setattr(redis_connection, "COMMAND_SECONDS", COMMAND_SECONDS)
    monkeypatch.setattr(redis_mutation, "_RECOVERY_SECONDS", RECOVERY_SECONDS)
