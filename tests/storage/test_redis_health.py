"""What the probe tells of a server: only what is so, and None for what it may not ask."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from jobctl.domain.job import Secret
from jobctl.errors import JobctlError, NotPermittedError, UnavailableError
from jobctl.services.doctor import IndexSample, ServerHealth
from jobctl.storage.keys import Keys
from jobctl.storage.redis_connection import connect, parse_redis_url
from jobctl.storage.redis_health import RedisProbe
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer, start_redis62
from tests.storage.redis_under_test import (
    APPROVAL_TIME,
    TOKEN,
    WEEK,
    RedisUnderTest,
    approval_entry,
    approval_token,
    change,
    creation,
    open_store,
    processing_entry,
    redis_under_test,
    removal,
    stream_token,
    window,
)


def probe(url: str, keys: Keys, *, username: str | None = None) -> ServerHealth:
    client = connect(parse_redis_url(url, username=username), slot_key=keys.audit)
    try:
        return RedisProbe(client, keys=keys, server="here").probe()
    finally:
        client.close()


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


@pytest.fixture
def configurable(own_valkey: ValkeyFactory, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(own_valkey().url, namespace) as entered:
        yield entered


def test_product_version_clock_and_role_are_told(
    under_test: RedisUnderTest, any_redis: RedisServer, redis62: RedisServer
) -> None:
    health = probe(under_test.url, under_test.keys)
    old = any_redis is redis62
    assert health.product == ("Redis" if old else "Valkey")
    assert health.version.startswith("6.2." if old else "9.")
    assert abs(health.clock - datetime.now(UTC)) < timedelta(seconds=5)
    assert timedelta(0) < health.round_trip < timedelta(seconds=5)
    assert health.role == "master"
    assert health.eviction_policy == "noeviction"
    assert health.one_slot is None
    assert health.wrong_types == ()


def test_probing_writes_nothing(under_test: RedisUnderTest) -> None:
    under_test.write_job()
    before = under_test.everything()
    probe(under_test.url, under_test.keys)
    assert under_test.everything() == before


def test_the_sample_counts_expired_and_endless_records(under_test: RedisUnderTest) -> None:
    assert probe(under_test.url, under_test.keys).sample == IndexSample(
        members=0, taken=0, expired=0, without_ttl=0
    )
    for number in range(4):
        under_test.write_job(f"job-{number}")
    under_test.raw.persist(under_test.keys.job("job-0"))
    under_test.raw.zadd(under_test.keys.index, {"ghost-1": 1, "ghost-2": 2, "ghost-\udcff": 3})
    health = probe(under_test.url, under_test.keys)
    assert health.sample == IndexSample(members=7, taken=7, expired=3, without_ttl=1)
    assert health.audit_records == 0
    under_test.store.apply(creation("job-9"))
    assert probe(under_test.url, under_test.keys).audit_records == 1


def test_keys_of_a_wrong_type_are_named_and_break_nothing(under_test: RedisUnderTest) -> None:
    keys, raw = under_test.keys, under_test.raw
    places = [keys.index, keys.deadlines, keys.audit, keys.processing_queue, keys.approval_queue]
    for key in places:
        raw.set(key, "v")
    health = probe(under_test.url, keys)
    assert health.wrong_types == tuple((key, "string") for key in places)
    assert (health.sample, health.audit_records) == (None, None)


def test_the_eviction_policy_is_told(configurable: RedisUnderTest) -> None:
    configurable.raw.config_set("maxmemory-policy", "allkeys-lru")
    assert probe(configurable.url, configurable.keys).eviction_policy == "allkeys-lru"


def test_a_replica_is_told(configurable: RedisUnderTest) -> None:
    configurable.raw.execute_command("REPLICAOF", "127.0.0.1", "1")
    assert probe(configurable.url, configurable.keys).role == "slave"


@pytest.mark.parametrize(
    ("config", "persistent"),
    [((), False), (("--appendonly", "yes"), True), (("--save", "3600 1"), None)],
)
def test_persistence_is_told_and_not_denied_on_a_guess(
    own_valkey: ValkeyFactory, namespace: str, config: tuple[str, ...], persistent: bool | None
) -> None:
    """A server with snapshots that has not saved yet is not one without persistence."""
    health = probe(own_valkey(config=config).url, Keys(namespace))
    assert health.persistent in ((True, None) if persistent is None else (persistent,))


def test_snapshots_of_an_old_server_are_not_denied(namespace: str) -> None:
    server = start_redis62(config=("--save", "3600", "1"))
    try:
        server.client().save()
        assert probe(server.url, Keys(namespace)).persistent is not False
    finally:
        server.stop()


def test_what_cannot_be_reached_is_a_named_failure(namespace: str) -> None:
    with pytest.raises(UnavailableError):
        probe("redis://127.0.0.1:1", Keys(namespace))


@contextmanager
def user(under_test: RedisUnderTest, *rules: str) -> Iterator[str]:
    name = f"u{uuid4().hex}"
    under_test.raw.execute_command("ACL", "SETUSER", name, "on", "nopass", *rules)
    yield name
    under_test.raw.execute_command("ACL", "DELUSER", name)


def test_a_user_who_may_do_everything_lacks_nothing(configurable: RedisUnderTest) -> None:
    with user(configurable, f"~{configurable.keys.namespace}:*", "+@all") as name:
        health = probe(configurable.url, configurable.keys, username=name)
        assert health.missing_permissions == ()


def test_a_user_who_may_not_ask_for_information_is_served_all_the_same(
    configurable: RedisUnderTest,
) -> None:
    with user(configurable, "~*", "+@all", "-info") as name:
        health = probe(configurable.url, configurable.keys, username=name)
    assert (health.role, health.eviction_policy, health.persistent) == (None, None, None)
    assert health.missing_permissions == ()


def everything_that_jobctl_does(store_url: str, under_test: RedisUnderTest, name: str) -> None:
    store = open_store(store_url, under_test.keys, username=name)
    store.read(["job-1"])
    store.find("job-1234")
    store.total()
    list(store.walk(since=None, until=None, after=None, page_size=9))
    store.queue_entries(["job-1"])
    store.token_holder(approval_token())
    store.apply(creation("job-2", push_processing="p", push_approval="a", **window("another")))
    store.apply(
        change(
            held_token=Secret(TOKEN),
            closes_approval=True,
            removed_fields=("approval_token",),
            ttl=WEEK,
        )
    )
    store.apply(change(issues=stream_token(), token_lifetime=APPROVAL_TIME, keeps_place=True))
    store.apply(change(consumes=stream_token(), keeps_place=True))
    entries = (processing_entry("x"), approval_entry("x"))
    store.apply(removal("job-3", drop_queue_entries=entries))
    store.close()


COMMANDS = [
    "hgetall",
    "hget",
    "hset",
    "hdel",
    "expire",
    "ttl",
    "type",
    "exists",
    "del",
    "set",
    "get",
    "zadd",
    "zrem",
    "zscore",
    "zscan",
    "zcount",
    "zrevrangebyscore",
    "xadd",
    "xrange",
    "xrevrange",
    "lpush",
    "lrem",
    "lrange",
    "llen",
    "evalsha",
    "time",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_missing_command_that_stops_jobctl_is_named(
    configurable: RedisUnderTest, command: str
) -> None:
    """`xrange` is used only after a lost reply, so it must be named although nothing fails."""
    configurable.write_job("job-1", approval_token=TOKEN)
    configurable.write_job("job-3", status="failed")
    configurable.raw.lpush(configurable.keys.processing_queue, "not read unless there is one")
    with user(configurable, "~*", "+@all", f"-{command}") as name:
        stopped = command == "xrange"
        try:
            everything_that_jobctl_does(configurable.url, configurable, name)
        except NotPermittedError:
            stopped = True
        except JobctlError:
            pass
        try:
            health = probe(configurable.url, configurable.keys, username=name)
        except NotPermittedError:
            return  # told as plainly as can be
        named = re.findall(r"\w+", " ".join(health.missing_permissions or ()).lower())
    assert stopped == (command in named)


@pytest.mark.parametrize(
    "family",
    [
        "job",
        "jobs-by-updated",
        "timeouts",
        "audit",
        "queue:processing",
        "queue:approval",
        "approval-token",
        "stream-token",
        "approval-lock",
    ],
)
def test_every_missing_key_is_named(configurable: RedisUnderTest, family: str) -> None:
    """A key outside of the user's patterns keeps the asking script itself from running."""
    families = ["job", "jobs-by-updated", "timeouts", "audit", "queue:processing", "queue:approval"]
    families += ["approval-token", "stream-token", "approval-lock", "jobctl"]
    allowed = [
        f"~{configurable.keys.namespace}:{one}{end}"
        for one in families
        for end in ("", ":*")
        if one != family
    ]
    with user(configurable, *allowed, "+@all") as name:
        health = probe(configurable.url, configurable.keys, username=name)
    assert health.missing_permissions
    assert any(f":{family}" in one for one in health.missing_permissions)


def test_an_old_server_cannot_tell_permissions(redis62: RedisServer, namespace: str) -> None:
    assert probe(redis62.url, Keys(namespace)).missing_permissions is None
