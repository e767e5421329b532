"""How many refused attempts a minute are admitted to the audit trail, and what is left out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from jobctl.domain.limits import REFUSALS_A_MINUTE
from jobctl.errors import JobctlError, NotPermittedError, UnavailableError
from jobctl.services.ports import Admission
from tests.servers.proxy import FaultProxy
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import RedisUnderTest, open_store, redis_under_test

MONTH = 30 * 86_400


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


def ask(under_test: RedisUnderTest, wanted: int, *, at_most: int = 10) -> Admission:
    return under_test.store.admit_refusals(wanted, at_most=at_most)


def new_minute(under_test: RedisUnderTest) -> None:
    """As when the key expires."""
    assert under_test.raw.delete(under_test.keys.refusals) == 1


def test_what_is_within_the_bound_is_admitted(under_test: RedisUnderTest) -> None:
    assert [ask(under_test, number) for number in (1, 4, 5)] == [(1, 0), (4, 0), (5, 0)]
    assert not under_test.raw.exists(under_test.keys.refusals_left_out)


def test_the_first_one_begins_the_minute_and_no_other_prolongs_it(
    under_test: RedisUnderTest,
) -> None:
    ask(under_test, 1)
    assert 55 <= under_test.raw.ttl(under_test.keys.refusals) <= 60
    under_test.raw.expire(under_test.keys.refusals, 20)
    for wanted in (1, 100, 1):
        ask(under_test, wanted)
    assert 15 <= under_test.raw.ttl(under_test.keys.refusals) <= 20


def test_what_is_beyond_is_counted_and_told_to_the_next_one_that_is_admitted(
    under_test: RedisUnderTest,
) -> None:
    assert ask(under_test, 14) == (10, 0)
    assert ask(under_test, 100) == (0, 0)
    assert ask(under_test, 1) == (0, 0)
    assert under_test.raw.get(under_test.keys.refusals_left_out) == "105"
    assert MONTH - 60 <= under_test.raw.ttl(under_test.keys.refusals_left_out) <= MONTH
    new_minute(under_test)
    assert ask(under_test, 12) == (10, 105)
    new_minute(under_test)
    assert ask(under_test, 1) == (1, 2)
    assert ask(under_test, 1) == (1, 0)


def test_nothing_stays_for_ever(under_test: RedisUnderTest) -> None:
    ask(under_test, 100)
    assert all(expires for _, expires in under_test.everything().values())
    assert len(under_test.everything()) == 2
    assert all(key.startswith(f"{under_test.keys.namespace}:jobctl:".encode())
               for key in under_test.everything())  # fmt: skip


def test_what_is_given_back_is_counted_with_the_rest(under_test: RedisUnderTest) -> None:
    ask(under_test, 11)
    assert ask(under_test, 3, at_most=0) == (0, 0)
    new_minute(under_test)
    assert ask(under_test, 2, at_most=0) == (0, 0)
    assert ask(under_test, 1) == (1, 6)


def test_several_at_once_do_not_get_more_than_the_bound(under_test: RedisUnderTest) -> None:
    crowd, rounds = 8, 20
    barrier = Barrier(crowd, timeout=60)

    def process(_number: int) -> list[Admission]:
        store = open_store(under_test.url, under_test.keys)
        barrier.wait()
        try:
            return [store.admit_refusals(2, at_most=REFUSALS_A_MINUTE) for _ in range(rounds)]
        finally:
            store.close()

    with ThreadPoolExecutor(crowd) as pool:
        answers = [one for found in pool.map(process, range(crowd)) for one in found]
    left_out = int(under_test.raw.get(under_test.keys.refusals_left_out) or 0)
    assert sum(number for number, _ in answers) == REFUSALS_A_MINUTE
    told = sum(before for _, before in answers)
    assert left_out + told == crowd * rounds * 2 - REFUSALS_A_MINUTE


def test_a_new_connection_goes_on_counting(under_test: RedisUnderTest) -> None:
    ask(under_test, 25)
    store = open_store(under_test.url, under_test.keys)
    assert store.admit_refusals(1, at_most=10) == (0, 0)
    assert store.admit_refusals(1, at_most=26) == (1, 16)
    store.close()


def test_the_script_is_loaded_again_where_the_server_forgot_it(under_test: RedisUnderTest) -> None:
    ask(under_test, 1)
    under_test.raw.script_flush()
    assert ask(under_test, 1) == (1, 0)
    assert under_test.raw.get(under_test.keys.refusals) == "2"


@pytest.mark.parametrize("text", ["", "many", "1e9x"])
def test_a_count_that_is_none_reads_as_nothing(under_test: RedisUnderTest, text: str) -> None:
    under_test.raw.set(under_test.keys.refusals_left_out, text)
    assert ask(under_test, 1) == (1, 0)


@pytest.mark.parametrize("which", ["refusals", "refusals_left_out"])
def test_a_key_of_a_wrong_type_is_left_alone(under_test: RedisUnderTest, which: str) -> None:
    under_test.raw.lpush(getattr(under_test.keys, which), "x")
    before = under_test.everything()
    with pytest.raises(UnavailableError, match="wrong type"):
        ask(under_test, 20)
    assert under_test.everything() == before


@pytest.mark.parametrize("rule", ["-set", "-get", "-evalsha"])
def test_a_user_who_may_not_count_is_told_so(under_test: RedisUnderTest, rule: str) -> None:
    user = f"u-{under_test.keys.namespace}"
    under_test.raw.execute_command("ACL", "SETUSER", user, "on", "nopass", "~*", "+@all", rule)
    store = open_store(under_test.url, under_test.keys, username=user)
    before = under_test.everything()
    with pytest.raises(NotPermittedError):
        store.admit_refusals(1, at_most=10)
    store.close()
    assert under_test.everything() == before


def test_a_full_server_admits_nothing(own_valkey: ValkeyFactory, namespace: str) -> None:
    with redis_under_test(own_valkey().url, namespace) as under_test:
        under_test.raw.config_set("maxmemory", 1)
        with pytest.raises(UnavailableError, match="out of memory"):
            ask(under_test, 1)
        assert under_test.everything() == {}


def test_a_lost_reply_is_told_and_the_question_not_asked_twice(under_test: RedisUnderTest) -> None:
    ask(under_test, 1)
    with FaultProxy(under_test.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        proxy.drop_reply(matching=under_test.keys.refusals.encode())
        with pytest.raises(JobctlError):
            store.admit_refusals(3, at_most=10)
        assert len(proxy.dropped) == 1
        assert store.admit_refusals(1, at_most=10) == (1, 0)
        store.close()
    assert under_test.raw.get(under_test.keys.refusals) == "5"


@pytest.mark.parametrize("stored", ["-1000000", "nan", "inf", "1e300", "2.5", "text"])
def test_what_somebody_else_has_stored_neither_lifts_the_bound_nor_breaks_it(
    under_test: RedisUnderTest, stored: str
) -> None:
    under_test.raw.set(under_test.keys.refusals, stored)
    under_test.raw.set(under_test.keys.refusals_left_out, stored)
    admission = ask(under_test, 3_000)
    assert 8 <= admission[0] <= 10
    assert 0 <= admission[1] <= 2
    assert 0 < under_test.raw.ttl(under_test.keys.refusals) <= 60
    assert under_test.raw.ttl(under_test.keys.refusals_left_out) > 0


def test_a_count_without_an_end_gets_one(under_test: RedisUnderTest) -> None:
    under_test.raw.set(under_test.keys.refusals, "60")
    assert ask(under_test, 1)[0] == 0
    assert 0 < under_test.raw.ttl(under_test.keys.refusals) <= 60
