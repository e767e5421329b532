"""What the server or the trail itself forbids: nothing is changed, and the cause is named."""

from collections.abc import Callable, Iterator

import pytest

from jobctl.domain.job import Secret
from jobctl.errors import RefusedError, UnavailableError
from jobctl.services.ports import Mutation
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer, start_redis62
from tests.storage.redis_under_test import (
    APPROVAL_TIME,
    TOKEN,
    RedisUnderTest,
    approval_token,
    change,
    creation,
    open_store,
    redis_under_test,
    removal,
    stream_token,
    window,
)
from tests.waiting import wait_until


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


def fill(under_test: RedisUnderTest) -> None:
    used = under_test.raw.info("memory")["used_memory"]
    under_test.raw.config_set("maxmemory-policy", "noeviction")
    under_test.raw.config_set("maxmemory", used - 100_000)


def every_kind() -> list[Mutation]:
    return [
        creation("job-new", push_approval="a", push_processing="p", **window()),
        change(push_processing="p", removed_fields=("x",)),
        change(),
        change(held_token=Secret(TOKEN), push_approval="a", **window()),
        change(issues=stream_token("new"), token_lifetime=APPROVAL_TIME, keeps_place=True),
        change(consumes=stream_token(), keeps_place=True),
        removal(expected_status="queued", held_token=Secret(TOKEN)),
    ]


def write_job(under_test: RedisUnderTest) -> None:
    """A job for which each of them is possible."""
    under_test.write_job(approval_token=TOKEN)
    for token in (approval_token(), stream_token()):
        under_test.raw.set(under_test.keys.token(token), "job-1", ex=1000)


@pytest.mark.parametrize("warm", [False, True], ids=["first", "later"])
def test_a_full_server_changes_nothing(
    own_valkey: ValkeyFactory, namespace: str, warm: bool
) -> None:
    with redis_under_test(own_valkey().url, namespace) as under_test:
        write_job(under_test)
        if warm:
            under_test.store.apply(change())
        fill(under_test)
        before = under_test.everything()
        for mutation in every_kind():
            with pytest.raises(UnavailableError, match="out of memory"):
                under_test.store.apply(mutation)
            assert under_test.everything() == before


def test_a_full_old_server_changes_all_or_nothing(namespace: str) -> None:
    server = start_redis62()
    try:
        with redis_under_test(server.url, namespace) as under_test:
            write_job(under_test)
            fill(under_test)
            for mutation in every_kind():
                before, trail = under_test.everything(), len(under_test.audit())
                try:
                    under_test.store.apply(mutation)
                except UnavailableError:
                    assert under_test.everything() == before
                else:
                    assert len(under_test.audit()) == trail + 1
    finally:
        server.stop()


def test_a_replica_changes_nothing_and_is_named_as_one_that_takes_no_writes(
    own_valkey: ValkeyFactory, namespace: str
) -> None:
    server = own_valkey()
    with redis_under_test(server.url, namespace) as under_test:
        write_job(under_test)
        under_test.raw.execute_command("REPLICAOF", "127.0.0.1", "1")
        before = under_test.everything()
        for mutation in every_kind():
            with pytest.raises(UnavailableError, match="takes no writes"):
                under_test.store.apply(mutation)
        assert under_test.everything() == before


def test_a_server_that_cannot_save_changes_nothing(
    own_valkey: ValkeyFactory, namespace: str
) -> None:
    server = own_valkey(config=("--save", "3600 1"))
    (server.directory / "dump.rdb").mkdir()  # nothing can be saved under that name
    with redis_under_test(server.url, namespace) as under_test:
        write_job(under_test)
        under_test.store.apply(change())
        under_test.raw.bgsave()
        raw = under_test.raw
        wait_until(lambda: raw.info("persistence")["rdb_last_bgsave_status"] != "ok")
        before = under_test.everything()
        with pytest.raises(UnavailableError, match="takes no writes"):
            under_test.store.apply(change())
        assert under_test.everything() == before


TRUNCATIONS: dict[str, Callable[[RedisUnderTest], object]] = {
    "all of it": lambda one: one.raw.xtrim(one.keys.audit, maxlen=0, approximate=False),
    "its end": lambda one: one.raw.xdel(one.keys.audit, "2-0"),
}


@pytest.mark.parametrize("way", list(TRUNCATIONS))
@pytest.mark.parametrize("later", [False, True], ids=["new run", "same run"])
def test_a_trail_whose_end_was_cut_off_is_refused(
    under_test: RedisUnderTest, way: str, later: bool
) -> None:
    write_job(under_test)
    under_test.store.apply(change())
    under_test.store.apply(change())
    TRUNCATIONS[way](under_test)
    before = under_test.everything()
    store = under_test.store if later else open_store(under_test.url, under_test.keys)
    for mutation in every_kind():
        with pytest.raises(RefusedError, match="truncated"):
            store.apply(mutation)
        assert under_test.everything() == before


def test_a_trail_whose_beginning_was_cut_off_goes_on(under_test: RedisUnderTest) -> None:
    write_job(under_test)
    for _ in range(3):
        under_test.store.apply(change())
    under_test.raw.xtrim(under_test.keys.audit, maxlen=1, approximate=False)
    applied = open_store(under_test.url, under_test.keys).apply(change())
    assert applied.audit_seq == 4
    [(_, last), (_, new)] = under_test.audit()
    assert new["prev"] == last["hash"]


def test_a_change_whose_record_was_cut_off_is_still_made_once(under_test: RedisUnderTest) -> None:
    under_test.write_job("job-1")
    under_test.write_job("job-2")
    mutation = change("job-1")
    under_test.store.apply(mutation)
    under_test.store.apply(change("job-2"))
    under_test.raw.xtrim(under_test.keys.audit, maxlen=1, approximate=False)
    before = under_test.everything()
    again = under_test.store.apply(mutation)
    assert (again.op_id, again.replayed) == (mutation.op_id, True)
    assert under_test.everything() == before


@pytest.mark.parametrize(
    ("entry_id", "fields"),
    [
        ("*", {"event": "foreign"}),
        ("7-1", {"event": "foreign", "hash": "0" * 64}),
        ("7-0", {"event": "foreign"}),
        ("7-0", {"hash": ""}),
    ],
)
@pytest.mark.parametrize("later", [False, True], ids=["new run", "same run"])
def test_a_trail_that_ends_in_a_foreign_entry_stops_everything(
    under_test: RedisUnderTest, entry_id: str, fields: dict[str, str], later: bool
) -> None:
    write_job(under_test)
    under_test.store.apply(change())
    under_test.raw.xadd(under_test.keys.audit, fields, entry_id)
    before = under_test.everything()
    store = under_test.store if later else open_store(under_test.url, under_test.keys)
    for mutation in every_kind():
        with pytest.raises(UnavailableError, match="did not write"):
            store.apply(mutation)
        assert under_test.everything() == before


def test_a_trail_that_somebody_rewrote_under_the_same_number_is_noticed(
    under_test: RedisUnderTest,
) -> None:
    """The entry number alone is not the head: what is pinned must be what is there."""
    write_job(under_test)
    under_test.store.apply(change())
    under_test.raw.delete(under_test.keys.audit)
    under_test.raw.xadd(under_test.keys.audit, {"op_id": "x", "hash": "f" * 64}, "1-0")
    under_test.store.apply(change())
    [(_, last), (_, new)] = under_test.audit()
    assert new["prev"] == last["hash"]
