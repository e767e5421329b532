"""Very many changes at once: in bursts, each with an outcome of its own."""

from collections.abc import Iterator, Sequence

import pytest

from jobctl.errors import (
    ChangedMeanwhileError,
    HeldError,
    JobctlError,
    NotPermittedError,
    OutcomeUnknownError,
    UnavailableError,
)
from jobctl.services.ports import Applied, Mutation
from jobctl.storage import redis_connection, redis_mutation
from jobctl.storage.mutation_round import BURST
from tests.servers.proxy import MODES, FaultMode, FaultProxy
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer
from tests.storage.bursts import Bursts, changed, hundred, kinds, store_on
from tests.storage.redis_under_test import (
    RedisUnderTest,
    assert_sound_chain,
    change,
    creation,
    open_store,
    plain_client,
    redis_under_test,
    removal,
)

pytestmark = pytest.mark.usefixtures("scripts_go_through_the_client")
THIRD = range(2 * BURST, 3 * BURST)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_connection, "COMMAND_SECONDS", 0.25)
    monkeypatch.setattr(redis_mutation, "_RECOVERY_SECONDS", 0.5)


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        entered.store.apply(creation("job-first"))  # the script is loaded, the chain begun
        yield entered


def test_a_hundred_changes_go_out_in_bursts(under_test: RedisUnderTest) -> None:
    bursts = Bursts(under_test.raw)
    mutations = hundred(under_test)
    outcomes = store_on(bursts, under_test).apply_all(mutations)
    assert outcomes == [
        Applied(op_id=mutation.op_id, audit_seq=place)
        for place, mutation in enumerate(mutations, start=2)
    ]
    assert bursts.sizes == [BURST] * (100 // BURST) + [100 % BURST]
    assert changed(under_test) == set(range(100))
    assert_sound_chain(under_test.audit())


def test_the_same_hundred_again_change_nothing(under_test: RedisUnderTest) -> None:
    mutations = hundred(under_test)
    first = under_test.store.apply_all(mutations)
    before = under_test.everything()
    again = open_store(under_test.url, under_test.keys).apply_all(mutations)
    assert all(isinstance(outcome, Applied) and outcome.replayed for outcome in again)
    assert [one.audit_seq for one in again if isinstance(one, Applied)] == [
        one.audit_seq for one in first if isinstance(one, Applied)
    ]
    assert under_test.everything() == before


@pytest.mark.parametrize("place", [0, BURST - 1, BURST, 40, 99])
def test_one_that_is_refused_does_not_harm_the_others(
    under_test: RedisUnderTest, place: int
) -> None:
    mutations = hundred(under_test, **{f"n{place}": "failed"})
    outcomes = under_test.store.apply_all(mutations)
    expected: list[type] = [Applied] * 100
    expected[place] = ChangedMeanwhileError
    assert kinds(outcomes) == expected
    assert changed(under_test) == set(range(100)) - {place}
    assert_sound_chain(under_test.audit())


def test_where_every_third_is_refused_the_others_are_made(under_test: RedisUnderTest) -> None:
    refused = range(0, 100, 3)
    mutations = hundred(under_test, **{f"n{number}": "failed" for number in refused})
    under_test.raw.set(under_test.keys.approval_lock("job-50"), "1", ex=60)
    outcomes = under_test.store.apply_all(mutations)
    assert kinds(outcomes) == [
        HeldError if number == 50 else ChangedMeanwhileError if number in refused else Applied
        for number in range(100)
    ]
    assert changed(under_test) == set(range(100)) - {50, *refused}
    assert_sound_chain(under_test.audit())


def test_another_writer_between_two_bursts_costs_nothing(under_test: RedisUnderTest) -> None:
    mutations = hundred(under_test)
    other = open_store(under_test.url, under_test.keys)
    names = iter(["x", "y", "z"])

    def interfere() -> None:
        other.apply(creation(f"job-{next(names)}"))

    bursts = Bursts(under_test.raw, dict.fromkeys((1, 3, 4), interfere))
    outcomes = store_on(bursts, under_test).apply_all(mutations)
    assert kinds(outcomes) == [Applied] * 100
    assert len(under_test.audit()) == 1 + 100 + 3
    assert_sound_chain(under_test.audit())


@pytest.mark.parametrize("lost", [0, 5, BURST - 1])
@pytest.mark.parametrize("mode", MODES)
def test_replies_that_are_lost_in_the_third_burst_are_found_again(
    under_test: RedisUnderTest, any_redis: RedisServer, mode: FaultMode, lost: int
) -> None:
    mutations = hundred(under_test)
    with FaultProxy(any_redis.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        proxy.drop_reply(matching=mutations[THIRD[lost]].op_id.encode(), mode=mode)
        outcomes = store.apply_all(mutations)
        store.close()
        assert len(proxy.dropped) == 1
    # What had not reached the server by then is sent again instead.
    found = {n for n, one in enumerate(outcomes) if isinstance(one, Applied) and one.replayed}
    assert THIRD[lost] in found
    assert found <= set(THIRD)
    assert outcomes == [
        Applied(op_id=mutation.op_id, audit_seq=place + 2, replayed=place in found)
        for place, mutation in enumerate(mutations)
    ]
    assert len(under_test.audit()) == 101
    assert_sound_chain(under_test.audit())


def test_removals_whose_replies_are_lost_are_no_conflicts(
    under_test: RedisUnderTest, any_redis: RedisServer
) -> None:
    """Nothing is left of them that would say that it was this very operation."""
    hundred(under_test)
    mutations = [removal(f"job-{number}", expected_status="queued") for number in range(40)]
    with FaultProxy(any_redis.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        proxy.drop_reply(matching=mutations[20].op_id.encode())
        outcomes = store.apply_all(mutations)
        store.close()
    assert kinds(outcomes) == [Applied] * 40
    assert len(under_test.audit()) == 41
    assert_sound_chain(under_test.audit())


def test_one_that_is_refused_in_a_burst_whose_replies_are_lost_stays_refused(
    under_test: RedisUnderTest, any_redis: RedisServer
) -> None:
    mutations = hundred(under_test, n40="failed")
    with FaultProxy(any_redis.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        proxy.drop_reply(matching=mutations[33].op_id.encode())
        outcomes = store.apply_all(mutations)
        store.close()
    expected: list[type] = [Applied] * 100
    expected[40] = ChangedMeanwhileError
    assert kinds(outcomes) == expected
    assert len(under_test.audit()) == 100
    assert_sound_chain(under_test.audit())


def assert_third_is_unknown(
    outcomes: Sequence[Applied | JobctlError], mutations: Sequence[Mutation]
) -> None:
    """The first two bursts are done, the third may be, and the rest has not been tried."""
    assert kinds(outcomes) == (
        [Applied] * 2 * BURST
        + [OutcomeUnknownError] * BURST
        + [UnavailableError] * (100 - 3 * BURST)
    )
    for mutation, outcome in zip(mutations, outcomes, strict=True):
        if isinstance(outcome, OutcomeUnknownError):
            assert outcome.op_id == mutation.op_id
            assert mutation.op_id in outcome.message
        if isinstance(outcome, JobctlError):
            assert outcome.job_id == mutation.job_id
            assert mutation.job_id in outcome.message
        if isinstance(outcome, UnavailableError):
            assert "before anything was changed" in outcome.message


def test_a_server_that_goes_away_leaves_each_with_what_is_known_of_it(
    own_valkey: ValkeyFactory, namespace: str
) -> None:
    server = own_valkey()
    with redis_under_test(server.url, namespace) as under_test:
        under_test.store.apply(creation("job-first"))
        mutations = hundred(under_test)
        bursts = Bursts(plain_client(server.url), {3: server.kill})
        outcomes = store_on(bursts, under_test).apply_all(mutations)
        assert_third_is_unknown(outcomes, mutations)
        bursts.close()


def test_replies_that_stay_lost_leave_each_with_what_is_known_of_it(
    under_test: RedisUnderTest, any_redis: RedisServer
) -> None:
    """The server has made some or all of the third burst, but nobody can ask it."""
    mutations = hundred(under_test)
    with FaultProxy(any_redis.url) as proxy:
        store = open_store(proxy.url, under_test.keys)
        store.apply(creation("job-warm"))  # from now on it knows the end of the trail
        proxy.drop_reply(matching=mutations[THIRD[4]].op_id.encode())
        proxy.drop_reply(matching=b"XREVRANGE", times=1000)
        outcomes = store.apply_all(mutations)
        store.close()
    assert_third_is_unknown(outcomes, mutations)
    assert set(range(THIRD[4] + 1)) <= changed(under_test) <= set(range(3 * BURST))


def test_a_store_is_of_use_again_once_its_server_is_back(
    under_test: RedisUnderTest, any_redis: RedisServer
) -> None:
    mutations = hundred(under_test)
    with FaultProxy(any_redis.url) as proxy:
        bursts = Bursts(plain_client(proxy.url), {3: proxy.refuse})
        store = store_on(bursts, under_test)
        assert_third_is_unknown(store.apply_all(mutations), mutations)
        proxy.allow()
        outcomes = store.apply_all(mutations)
        assert kinds(outcomes) == [Applied] * 100
        bursts.close()
    assert len(under_test.audit()) == 101
    assert_sound_chain(under_test.audit())


def test_a_server_that_was_never_reached_is_told_at_once(under_test: RedisUnderTest) -> None:
    store = open_store("redis://127.0.0.1:1", under_test.keys)
    with pytest.raises(UnavailableError):
        store.apply_all([change(), change()])


def test_what_no_change_is_permitted_is_not_tried_for_each_of_them(
    own_valkey: ValkeyFactory, namespace: str
) -> None:
    with redis_under_test(own_valkey().url, namespace) as under_test:
        under_test.store.apply(creation("job-first"))
        mutations = hundred(under_test)
        rules = ("on", "nopass", "~*", "+@all", "-hset")
        under_test.raw.execute_command("ACL", "SETUSER", "clerk", *rules)
        before = under_test.everything()
        bursts = Bursts(plain_client(under_test.url, username="clerk"))
        outcomes = store_on(bursts, under_test).apply_all(mutations)
        bursts.close()
        assert kinds(outcomes) == [NotPermittedError] * 100
        assert bursts.sizes == [BURST]
        assert under_test.everything() == before


@pytest.mark.parametrize("deletes", [False, True], ids=["changes", "removals"])
def test_a_script_that_the_server_forgets_amid_a_burst_is_loaded_and_nothing_is_made_twice(
    under_test: RedisUnderTest, deletes: bool
) -> None:
    mutations = hundred(under_test)
    if deletes:
        mutations = [removal(f"job-{number}", expected_status="queued") for number in range(100)]
    bursts = Bursts(under_test.raw, within={2: ("SCRIPT", "FLUSH")})
    outcomes = store_on(bursts, under_test).apply_all(mutations)
    assert kinds(outcomes) == [Applied] * 100
    assert len(under_test.audit()) == 101
    assert_sound_chain(under_test.audit())
