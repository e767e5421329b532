"""A lease: one run at a time, and none that has lost it goes on."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from jobctl.errors import ExitCode, LockedError, UnavailableError
from jobctl.storage.redis_connection import connect, parse_redis_url
from jobctl.storage.redis_lease import RedisLease
from tests.servers.proxy import FaultProxy
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import RedisUnderTest, redis_under_test

LIFETIME = timedelta(seconds=120)
FIRST, SECOND = "op-1 anna since 2026-03-01T12:00:00Z", "op-2 berta since 2026-03-01T12:01:00Z"

MakeLease = Callable[..., RedisLease]


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


@pytest.fixture
def lease(under_test: RedisUnderTest) -> Iterator[MakeLease]:
    clients: list[Any] = []

    def make(claim: str = FIRST, *, url: str = under_test.url) -> RedisLease:
        clients.append(connect(parse_redis_url(url), slot_key="any"))
        return RedisLease(
            clients[-1],
            key=under_test.keys.lease,
            what="cleanup",
            claim=claim,
            lifetime=LIFETIME,
            server="here",
        )

    yield make
    for client in clients:
        client.close()


def test_a_lease_is_taken_with_a_time_to_live(under_test: RedisUnderTest, lease: MakeLease) -> None:
    lease().acquire()
    assert under_test.raw.get(under_test.keys.lease) == FIRST
    assert 119_000 < under_test.raw.pttl(under_test.keys.lease) <= 120_000


def test_a_held_lease_names_its_holder(under_test: RedisUnderTest, lease: MakeLease) -> None:
    lease().acquire()
    with pytest.raises(LockedError) as caught:
        lease(SECOND).acquire()
    assert caught.value.exit_code is ExitCode.LOCKED
    assert caught.value.message == ("another cleanup is at work, anna since 2026-03-01T12:00:00Z")
    assert under_test.raw.get(under_test.keys.lease) == FIRST


def test_renewing_puts_the_end_off(under_test: RedisUnderTest, lease: MakeLease) -> None:
    mine = lease()
    mine.acquire()
    under_test.raw.pexpire(under_test.keys.lease, 5_000)
    mine.renew()
    assert under_test.raw.pttl(under_test.keys.lease) > 100_000


@pytest.mark.parametrize("successor", [None, SECOND])
def test_a_lease_that_has_run_out_is_not_renewed(
    under_test: RedisUnderTest, lease: MakeLease, successor: str | None
) -> None:
    mine = lease()
    mine.acquire()
    under_test.raw.delete(under_test.keys.lease)
    if successor:
        under_test.raw.set(under_test.keys.lease, successor, px=50_000)
    with pytest.raises(LockedError, match="its lease has run out"):
        mine.renew()
    assert under_test.raw.get(under_test.keys.lease) == successor
    assert under_test.raw.pttl(under_test.keys.lease) <= 50_000


def test_closing_frees_the_lease(under_test: RedisUnderTest, lease: MakeLease) -> None:
    mine = lease()
    mine.acquire()
    mine.close()
    assert under_test.raw.exists(under_test.keys.lease) == 0
    lease(SECOND).acquire()


def test_closing_leaves_a_successor_its_lease(under_test: RedisUnderTest, lease: MakeLease) -> None:
    mine = lease()
    mine.acquire()
    under_test.raw.set(under_test.keys.lease, SECOND, px=50_000)
    mine.close()
    assert under_test.raw.get(under_test.keys.lease) == SECOND


@pytest.mark.parametrize("mode", ["close", "reset", "truncate"])
def test_a_lost_reply_does_not_lose_the_lease(
    under_test: RedisUnderTest, lease: MakeLease, mode: Any
) -> None:
    with FaultProxy(under_test.url) as proxy:
        mine = lease(url=proxy.url)
        proxy.drop_reply(matching=b"\r\nSET\r\n", mode=mode)
        mine.acquire()
        proxy.drop_reply(matching=b"EVALSHA", mode=mode)
        mine.renew()
        assert len(proxy.dropped) == 2
    assert under_test.raw.get(under_test.keys.lease) == FIRST


def test_a_lost_reply_does_not_make_another_holder_ours(
    under_test: RedisUnderTest, lease: MakeLease
) -> None:
    lease().acquire()
    with FaultProxy(under_test.url) as proxy:
        proxy.drop_reply(matching=b"\r\nSET\r\n")
        with pytest.raises(LockedError, match="anna"):
            lease(SECOND, url=proxy.url).acquire()


def test_a_server_that_is_gone_gives_no_lease_and_closing_says_nothing(
    under_test: RedisUnderTest, lease: MakeLease
) -> None:
    with FaultProxy(under_test.url) as proxy:
        mine = lease(url=proxy.url)
        mine.acquire()
        proxy.refuse()
        with pytest.raises(UnavailableError):
            mine.renew()
        mine.close()
        with pytest.raises(UnavailableError):
            lease(SECOND, url=proxy.url).acquire()
