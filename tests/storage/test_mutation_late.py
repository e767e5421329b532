"""An attempt whose sender gave up waiting may still arrive: the change is made once even then."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import redis

from jobctl.errors import ChangedMeanwhileError, UnavailableError
from jobctl.services.ports import Applied, Mutation
from jobctl.storage.exchange import exchange
from jobctl.storage.keys import Keys
from jobctl.storage.redis_jobs import RedisJobStore
from tests.servers.proxy import FaultProxy
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    RedisUnderTest,
    change,
    creation,
    plain_client,
    redis_under_test,
    removal,
)

pytestmark = pytest.mark.usefixtures("scripts_go_through_the_client")


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


class Interfering:
    """A client that lets something happen between the first sending of a script and the next.

    With `delayed` the first is only on its way: its sender gives up waiting, and it arrives right
    before the second, followed by `before_second`.
    """

    def __init__(
        self,
        client: Any,
        *,
        after_first: Callable[[], object] = lambda: None,
        before_second: Callable[[], object] = lambda: None,
        delayed: bool = False,
    ) -> None:
        self._client = client
        self._after_first = after_first
        self._before_second = before_second
        self._delayed = delayed
        self._sent: list[Callable[[], Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def exchange(self, commands: Sequence[str]) -> Any:
        return self.send(lambda: exchange(self._client, commands))

    def send(self, request: Callable[[], Any]) -> Any:
        self._sent.append(request)
        if len(self._sent) == 1:
            if self._delayed:
                raise redis.TimeoutError("Timeout reading from socket")
            try:
                return request()
            except redis.ConnectionError:
                self._after_first()
                raise
        if len(self._sent) == 2:
            if self._delayed:
                self._sent[0]()
            self._before_second()
        return request()


def _store_with(client: Any, keys: Keys) -> RedisJobStore:
    return RedisJobStore(client, keys=keys, server="here")


@pytest.mark.parametrize(
    "mutation", [creation("job-2"), change(), removal(expected_status="queued")]
)
def test_an_attempt_that_arrives_late_is_recognised(
    under_test: RedisUnderTest, mutation: Mutation
) -> None:
    under_test.write_job()
    under_test.store.apply(creation("job-0"))
    store = _store_with(Interfering(under_test.raw, delayed=True), under_test.keys)
    applied = store.apply(mutation)
    assert (applied.audit_seq, applied.replayed) == (2, True)
    assert under_test.actions() == ["create", mutation.action]


@pytest.mark.parametrize("other", [change(), change(fields={"status": "processing"})])
def test_an_attempt_that_arrives_late_is_recognised_behind_another_writers_change(
    under_test: RedisUnderTest, other: Mutation
) -> None:
    under_test.write_job()
    under_test.store.apply(creation("job-0"))
    mutation = change(push_processing="once")
    interfering = Interfering(
        under_test.raw, before_second=lambda: under_test.store.apply(other), delayed=True
    )
    applied = _store_with(interfering, under_test.keys).apply(mutation)
    assert (applied.audit_seq, applied.replayed) == (2, True)
    ops = [fields["op_id"] for _, fields in under_test.audit()]
    assert ops.count(mutation.op_id) == 1
    assert under_test.raw.llen(under_test.keys.processing_queue) == 1


def test_a_lost_reply_is_found_behind_more_than_a_page_of_other_records(
    under_test: RedisUnderTest, any_redis: RedisServer
) -> None:
    """The change was made, then seven hundred others, before the writer could ask."""
    under_test.write_job()
    mutation = change()

    def others() -> None:
        pipe = under_test.raw.pipeline(transaction=False)
        for number in range(2, 702):
            pipe.xadd(under_test.keys.audit, {"op_id": f"o{number}", "hash": "h"}, f"{number}-0")
        pipe.execute()

    with FaultProxy(any_redis.url) as proxy:
        client = plain_client(proxy.url)
        store = _store_with(Interfering(client, after_first=others), under_test.keys)
        proxy.drop_reply(matching=b"EVALSHA")
        assert store.apply(mutation).audit_seq == 1
        client.close()


def test_a_batch_tells_what_it_has_changed_when_the_rest_becomes_impossible(
    under_test: RedisUnderTest,
) -> None:
    """The second is refused, so the third goes out again; meanwhile the trail was spoilt."""
    for number in range(3):
        under_test.write_job(f"job-{number}", status="failed" if number == 1 else "queued")
    under_test.store.apply(creation("job-9"))
    interfering = Interfering(
        under_test.raw,
        before_second=lambda: under_test.raw.xadd(under_test.keys.audit, {"event": "x"}, "9-0"),
    )
    store = _store_with(interfering, under_test.keys)
    outcomes = store.apply_all([change(f"job-{number}") for number in range(3)])
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Applied, ChangedMeanwhileError, UnavailableError]
    assert under_test.hash("job-0")["summary"] == "changed"
