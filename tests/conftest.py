"""Fixtures that every test may ask for."""

from tests.servers.redis_fixtures import any_redis, namespace, own_valkey, redis62, valkey

__all__ = ["any_redis", "namespace", "own_valkey", "redis62", "valkey"]
