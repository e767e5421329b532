"""A change whose reply is lost is made exactly once, however it is lost."""

import threading
import time
from collections.abc import Iterator

import pytest

from jobctl.domain.job import Secret
from jobctl.errors import ConflictError, NotPermittedError, OutcomeUnknownError
from jobctl.storage import redis_connection
from jobctl.storage.keys import Keys
from jobctl.storage.redis_connection import connect, parse_redis_url
from jobctl.storage.redis_jobs import RedisJobStore
from tests.servers.proxy import MODES, FaultMode, FaultProxy
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    TOKEN,
    RedisUnderTest,
    assert_sound_chain,
    change,
    creation,
    open_store,
    redis_under_test,
    removal,
)
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_connection, "COMMAND_SECONDS", 0.25)


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


@pytest.fixture
def proxy(any_redis: RedisServer) -> Iterator[FaultProxy]:
    with FaultProxy(any_redis.url) as entered:
        yield entered


@pytest.fixture
def through_proxy(proxy: FaultProxy, under_test: RedisUnderTest) -> Iterator[RedisJobStore]:
    store = open_store(proxy.url, under_test.keys)
    yield store
    store.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_creation_whose_reply_is_lost_is_made_once(
    under_test: RedisUnderTest, proxy: FaultProxy, through_proxy: RedisJobStore, mode: FaultMode
) -> None:
    proxy.drop_reply(matching=b"EVALSHA", mode=mode)
    mutation = creation(push_processing="entry")
    applied = through_proxy.apply(mutation)
    assert len(proxy.dropped) == 1
    assert (applied.audit_seq, applied.replayed) == (1, True)
    assert under_test.actions() == ["create"]
    assert under_test.hash()["jobctl_op"] == mutation.op_id
    assert under_test.raw.lrange(under_test.keys.processing_queue, 0, -1) == ["entry"]
    assert_sound_chain(under_test.audit())


@pytest.mark.parametrize("mode", MODES)
def test_an_update_whose_reply_is_lost_is_made_once(
    under_test: RedisUnderTest, proxy: FaultProxy, through_proxy: RedisJobStore, mode: FaultMode
) -> None:
    under_test.write_job()
    proxy.drop_reply(matching=b"EVALSHA", mode=mode)
    assert through_proxy.apply(change(push_processing="entry")).replayed
    assert under_test.actions() == ["update"]
    assert under_test.raw.llen(under_test.keys.processing_queue) == 1
    assert through_proxy.apply(change()).audit_seq == 2
    assert_sound_chain(under_test.audit())


@pytest.mark.parametrize("mode", MODES)
def test_a_removal_whose_reply_is_lost_is_made_once(
    under_test: RedisUnderTest, proxy: FaultProxy, through_proxy: RedisJobStore, mode: FaultMode
) -> None:
    under_test.write_job(status="failed", approval_token=TOKEN)
    proxy.drop_reply(matching=b"EVALSHA", mode=mode)
    assert through_proxy.apply(removal(held_token=Secret(TOKEN))).replayed
    assert under_test.actions() == ["delete"]
    assert under_test.hash() == {}
    assert_sound_chain(under_test.audit())


@pytest.mark.parametrize("mode", MODES)
def test_replies_that_are_lost_again_and_again_still_make_one_change(
    under_test: RedisUnderTest, proxy: FaultProxy, through_proxy: RedisJobStore, mode: FaultMode
) -> None:
    under_test.write_job()
    proxy.drop_reply(matching=b"EVALSHA", mode=mode, times=3)
    proxy.drop_reply(matching=b"XRANGE", mode=mode, times=2)
    assert through_proxy.apply(change(push_processing="entry")).replayed
    assert under_test.actions() == ["update"]
    assert under_test.raw.llen(under_test.keys.processing_queue) == 1


def test_a_lost_reply_to_a_refusal_is_asked_for_again(
    under_test: RedisUnderTest, proxy: FaultProxy, through_proxy: RedisJobStore
) -> None:
    under_test.write_job(status="processing")
    before = under_test.everything()
    proxy.drop_reply(matching=b"EVALSHA")
    with pytest.raises(ConflictError):
        through_proxy.apply(change())
    assert under_test.everything() == before


def test_a_script_that_the_server_forgot_is_loaded_again(under_test: RedisUnderTest) -> None:
    under_test.write_job()
    under_test.store.apply(change())
    under_test.raw.script_flush()
    under_test.store.apply(change())
    assert under_test.actions() == ["update", "update"]


def test_a_server_that_is_gone_for_good_leaves_the_outcome_unknown(
    own_valkey: ValkeyFactory, namespace: str
) -> None:
    server = own_valkey()
    with FaultProxy(server.url) as proxy, redis_under_test(server.url, namespace) as under_test:
        under_test.write_job()
        store = open_store(proxy.url, under_test.keys)
        proxy.drop_reply(matching=b"EVALSHA", mode="stall")

        def kill() -> None:
            wait_until(lambda: proxy.dropped)
            server.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        mutation = change()
        started = time.monotonic()
        with pytest.raises(OutcomeUnknownError) as unknown:
            store.apply(mutation)
        assert time.monotonic() - started < 12
        killer.join()
    assert unknown.value.op_id == mutation.op_id
    assert mutation.op_id in unknown.value.message
    assert unknown.value.job_id == "job-1"


def test_credentials_that_were_withdrawn_are_tried_once_and_called_by_their_name(
    own_valkey: ValkeyFactory, namespace: str
) -> None:
    server = own_valkey()
    with redis_under_test(server.url, namespace) as under_test:
        under_test.write_job()
        store = under_test.store
        store.apply(change())
        before = under_test.everything()
        under_test.raw.config_set("requirepass", "changed")
        under_test.raw.client_kill_filter(_type="normal", skipme=True)
        started = time.monotonic()
        with pytest.raises(NotPermittedError):
            store.apply(change())
        assert time.monotonic() - started < 2
        under_test.raw.config_set("requirepass", "")
        assert under_test.everything() == before


def test_a_server_that_was_never_reached_is_no_unknown_outcome(namespace: str) -> None:
    endpoint = parse_redis_url("redis://127.0.0.1:1")
    keys = Keys(namespace)
    client = connect(endpoint, slot_key=keys.audit)
    store = RedisJobStore(client, keys=keys, server="here")
    started = time.monotonic()
    with pytest.raises(Exception, match="cannot connect") as failure:
        store.apply(creation())
    assert not isinstance(failure.value, OutcomeUnknownError)
    assert time.monotonic() - started < 2
