"""Fixtures for the services."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.redis_server import RedisServer
from tests.services.audit_listing import audit_log
from tests.services.world import UnreliableObjects, World
from tests.storage.redis_under_test import redis_under_test

__all__ = ["audit_log", "world"]


@pytest.fixture
def world(any_redis: RedisServer, namespace: str, tmp_path: Path) -> Iterator[World]:
    root = tmp_path / "objects"
    with redis_under_test(any_redis.url, namespace) as under_test:
        yield World(redis=under_test, objects=UnreliableObjects(root), root=root)
