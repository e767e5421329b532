"""The embedded store of one test: its environment, its server, and whether that has gone."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

import redis
from redis.exceptions import RedisError

from tests.servers.redis_server import connect


def short_directory() -> Path:
    """Not pytest's: the path of a socket has room for little more than a hundred characters."""
    return Path(mkdtemp(prefix="jobctl-", dir="/tmp"))


def data_directory(env: Mapping[str, str]) -> Path:
    return Path(env["XDG_DATA_HOME"]) / "jobctl"


def client_of(env: Mapping[str, str]) -> redis.Redis:
    return connect(f"unix://{data_directory(env) / 'valkey.sock'}", timeout=2)


def server_is_gone(env: Mapping[str, str]) -> bool:
    with client_of(env) as client:
        try:
            client.ping()
        except RedisError:
            return True
        return False
