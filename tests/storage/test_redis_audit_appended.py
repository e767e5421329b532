"""Waiting for what is appended to the audit trail."""

import threading
import time
from collections.abc import Iterator

import pytest

from jobctl.errors import UnavailableError, UnreachableError
from jobctl.storage import redis_connection
from jobctl.storage.redis_audit import RedisAuditLog
from tests.servers.proxy import FaultProxy
from tests.servers.redis_server import RedisServer
from tests.storage.audit_trail import FOREIGN, write_trail
from tests.storage.redis_under_test import RedisUnderTest, open_audit_log, redis_under_test


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


@pytest.fixture
def audit_log(under_test: RedisUnderTest) -> Iterator[RedisAuditLog]:
    with open_audit_log(under_test.url, under_test.keys) as entered:
        yield entered


def places(audit_log: RedisAuditLog, after: str) -> list[str]:
    return [entry.place for entry in audit_log.appended(after=after)]


def test_what_is_there_is_answered_at_once(
    under_test: RedisUnderTest, audit_log: RedisAuditLog
) -> None:
    write_trail(under_test.raw, under_test.keys.audit, 3)
    assert places(audit_log, "0-0") == ["1-0", "2-0", "3-0"]
    assert places(audit_log, "1-7") == ["2-0", "3-0"]
    (entry,) = audit_log.appended(after="2-0")
    assert (entry.op_id, entry.stored["summary"]) == ("op-3", "summary 3")


def test_a_page_is_bounded(under_test: RedisUnderTest, audit_log: RedisAuditLog) -> None:
    write_trail(under_test.raw, under_test.keys.audit, 251)
    assert len(places(audit_log, "0-0")) == 250
    assert places(audit_log, "250-0") == ["251-0"]


def test_nothing_is_waited_for_longer_than_a_command_may_take(
    audit_log: RedisAuditLog,
) -> None:
    started = time.monotonic()
    assert places(audit_log, "0-0") == []
    assert 1.0 < time.monotonic() - started < redis_connection.COMMAND_SECONDS


def test_what_comes_ends_the_wait(under_test: RedisUnderTest, audit_log: RedisAuditLog) -> None:
    def write() -> None:
        under_test.raw.xadd(under_test.keys.audit, FOREIGN, id="1-0")

    timer = threading.Timer(0.1, write)
    timer.start()
    started = time.monotonic()
    assert places(audit_log, "0-0") == ["1-0"]
    assert time.monotonic() - started < redis_connection.COMMAND_SECONDS / 6
    timer.join()


def test_a_lost_reply_is_asked_for_again(under_test: RedisUnderTest) -> None:
    write_trail(under_test.raw, under_test.keys.audit, 3)
    with (
        FaultProxy(under_test.url) as proxy,
        open_audit_log(proxy.url, under_test.keys) as far,
    ):
        proxy.drop_reply(matching=b"XREAD", times=2)
        assert places(far, "1-0") == ["2-0", "3-0"]
        proxy.drop_reply(matching=b"XREAD", times=3)
        with pytest.raises(UnreachableError):
            places(far, "1-0")


def test_a_key_that_is_no_stream_is_no_outage(
    under_test: RedisUnderTest, audit_log: RedisAuditLog
) -> None:
    under_test.raw.set(under_test.keys.audit, "not a stream")
    with pytest.raises(UnavailableError, match="wrong type") as caught:
        places(audit_log, "0-0")
    assert not isinstance(caught.value, UnreachableError)
