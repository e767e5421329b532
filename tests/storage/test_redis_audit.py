"""Reading the audit trail: pages of one round trip, and what jobctl did not write."""

from collections.abc import Iterator
from typing import Any

import pytest

from jobctl.domain.audit import AuditEntry
from jobctl.errors import JobctlError, NotPermittedError, UnavailableError
from jobctl.storage.redis_audit import RedisAuditLog
from jobctl.storage.redis_connection import connect, parse_redis_url
from tests.servers.proxy import FaultProxy
from tests.servers.redis_server import RedisServer
from tests.storage.audit_trail import FOREIGN, write_trail
from tests.storage.redis_under_test import (
    AT,
    RedisUnderTest,
    change,
    creation,
    open_audit_log,
    redis_under_test,
)

LAST = "18446744073709551615-18446744073709551615"


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


@pytest.fixture
def audit_log(under_test: RedisUnderTest) -> Iterator[RedisAuditLog]:
    with open_audit_log(under_test.url, under_test.keys) as entered:
        yield entered


@pytest.fixture
def proxy(any_redis: RedisServer) -> Iterator[FaultProxy]:
    with FaultProxy(any_redis.url) as proxy:
        yield proxy


def pages(audit_log: RedisAuditLog, **options: Any) -> list[list[str]]:
    """The places of each page."""
    usual: dict[str, Any] = {"after": None, "oldest_first": False, "page_size": 1000}
    walk = audit_log.walk(**(usual | options))
    return [[entry.place for entry in page] for page in walk]


def only(audit_log: RedisAuditLog) -> AuditEntry:
    [[entry]] = audit_log.walk(after=None, oldest_first=False, page_size=9)
    return entry


def test_a_change_is_read_back_as_it_was_written(
    under_test: RedisUnderTest, audit_log: RedisAuditLog
) -> None:
    mutation = creation(reason="because\nÄ\udcff", summary="sums up")
    under_test.store.apply(mutation)
    [(_, stored)] = under_test.audit()
    assert only(audit_log) == AuditEntry(
        place="1-0",
        at=AT,
        op_id=mutation.op_id,
        actor="tester",
        action="create",
        job_id="job-1",
        from_status="",
        to_status="queued",
        reason="because\nÄ\udcff",
        summary="sums up",
        prev="0" * 64,
        hash=stored["hash"],
    )
    assert only(audit_log).seq == 1
    assert only(audit_log).is_chained


def test_changes_are_read_newest_first_or_oldest_first(
    under_test: RedisUnderTest, audit_log: RedisAuditLog
) -> None:
    under_test.store.apply(creation())
    under_test.store.apply_all([change(), change()])
    assert pages(audit_log) == [["3-0", "2-0", "1-0"]]
    assert pages(audit_log, oldest_first=True) == [["1-0", "2-0", "3-0"]]


def test_without_a_trail_there_are_no_pages(audit_log: RedisAuditLog) -> None:
    assert pages(audit_log) == []
    assert pages(audit_log, oldest_first=True, after="3-0") == []


@pytest.mark.parametrize("page_size", [1, 3, 4, 9, 10])
@pytest.mark.parametrize("oldest_first", [True, False])
def test_pages_have_the_size_asked_for_and_make_the_whole(
    under_test: RedisUnderTest, audit_log: RedisAuditLog, page_size: int, oldest_first: bool
) -> None:
    write_trail(under_test.raw, under_test.keys.audit, 9)
    found = pages(audit_log, page_size=page_size, oldest_first=oldest_first)
    assert {len(page) for page in found[:-1]} <= {page_size}
    whole = [f"{number}-0" for number in range(1, 10)]
    together = [place for page in found for place in page]
    assert together == (whole if oldest_first else whole[::-1])


@pytest.mark.parametrize(
    ("after", "newer", "older"),
    [
        ("2-0", ["3-0"], ["1-0"]),
        ("2-7", ["3-0"], ["2-0", "1-0"]),
        ("0-1", ["1-0", "2-0", "3-0"], []),
        ("9-0", [], ["3-0", "2-0", "1-0"]),
    ],
)
def test_a_walk_resumes_behind_a_place_even_if_nothing_is_there(
    under_test: RedisUnderTest,
    audit_log: RedisAuditLog,
    after: str,
    newer: list[str],
    older: list[str],
) -> None:
    write_trail(under_test.raw, under_test.keys.audit, 3)
    assert pages(audit_log, after=after, oldest_first=True) == ([newer] if newer else [])
    assert pages(audit_log, after=after) == ([older] if older else [])


def test_a_page_is_one_round_trip(under_test: RedisUnderTest, proxy: FaultProxy) -> None:
    write_trail(under_test.raw, under_test.keys.audit, 25)
    with open_audit_log(proxy.url, under_test.keys) as far:
        before = proxy.requests
        walk = far.walk(after=None, oldest_first=False, page_size=10)
        next(walk)
        assert proxy.requests - before == 1
        assert len(list(walk)) == 2
        assert proxy.requests - before == 3


def test_a_page_whose_reply_is_lost_is_read_again(
    under_test: RedisUnderTest, proxy: FaultProxy
) -> None:
    write_trail(under_test.raw, under_test.keys.audit, 3)
    with open_audit_log(proxy.url, under_test.keys) as far:
        proxy.drop_reply(matching=b"XREVRANGE", times=2)
        assert pages(far) == [["3-0", "2-0", "1-0"]]
        proxy.drop_reply(matching=b"XRANGE", times=9)
        with pytest.raises(UnavailableError):
            pages(far, oldest_first=True)


def test_a_foreign_entry_is_read_as_far_as_it_can_be(
    under_test: RedisUnderTest, audit_log: RedisAuditLog
) -> None:
    fields = {"actor": "ops", "at": "yesterday", b"by\xff": b"\xfe"}
    under_test.raw.xadd(under_test.keys.audit, fields, id="1700000-3")
    entry = only(audit_log)
    assert (entry.place, entry.seq, entry.is_chained) == ("1700000-3", None, False)
    assert (entry.actor, entry.at, entry.op_id, entry.reason) == ("ops", None, None, None)


def test_an_entry_with_an_id_like_ours_but_no_hash_is_not_of_the_chain(
    under_test: RedisUnderTest, audit_log: RedisAuditLog
) -> None:
    under_test.raw.xadd(under_test.keys.audit, FOREIGN, id="1790000000000-0")
    entry = only(audit_log)
    assert (entry.seq, entry.is_chained) == (1_790_000_000_000, False)


def test_bytes_that_are_not_utf_8_are_kept(
    under_test: RedisUnderTest, audit_log: RedisAuditLog
) -> None:
    under_test.raw.xadd(under_test.keys.audit, {"actor": b"caf\xe9", "at": b"\xff"}, id="1-0")
    assert only(audit_log).actor == "caf\udce9"


@pytest.mark.parametrize("place", ["0-1", LAST])
def test_the_first_and_the_last_id_that_there_can_be(
    under_test: RedisUnderTest, audit_log: RedisAuditLog, place: str
) -> None:
    under_test.raw.xadd(under_test.keys.audit, FOREIGN, id=place)
    for oldest_first in (True, False):
        assert pages(audit_log, oldest_first=oldest_first, page_size=2) == [[place]]
        assert pages(audit_log, oldest_first=oldest_first, page_size=1) == [[place]]
    assert pages(audit_log, oldest_first=True, after=LAST) == []


@pytest.mark.parametrize("oldest_first", [True, False])
def test_a_key_that_is_no_stream_is_unavailable(
    under_test: RedisUnderTest, audit_log: RedisAuditLog, oldest_first: bool
) -> None:
    under_test.raw.set(under_test.keys.audit, "not a stream")
    with pytest.raises(UnavailableError, match="wrong type"):
        pages(audit_log, oldest_first=oldest_first)


@pytest.mark.parametrize("denied", ["xrevrange", "xrange"])
def test_a_user_who_may_not_read_it_is_told_so(under_test: RedisUnderTest, denied: str) -> None:
    user = f"u-{under_test.keys.namespace}"
    under_test.raw.acl_setuser(
        user, enabled=True, nopass=True, keys=["*"], commands=["+@all", f"-{denied}"]
    )
    try:
        with (
            open_audit_log(under_test.url, under_test.keys, username=user) as limited,
            pytest.raises(NotPermittedError, match=denied.upper()),
        ):
            pages(limited, oldest_first=denied == "xrange")
    finally:
        under_test.raw.acl_deluser(user)


def test_a_server_that_is_not_there_is_unavailable(under_test: RedisUnderTest) -> None:
    endpoint = parse_redis_url("redis://127.0.0.1:1")
    client = connect(endpoint, slot_key=under_test.keys.audit)
    nowhere = RedisAuditLog(client, keys=under_test.keys, server="nowhere")
    with pytest.raises(JobctlError, match="cannot connect to Redis at nowhere"):
        pages(nowhere)
