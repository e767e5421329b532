"""A user who lacks one permission changes nothing at all: neither half a change nor debris."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from uuid import uuid4

import pytest

from jobctl.domain.job import Secret
from jobctl.domain.status import JobStatus
from jobctl.errors import NotPermittedError
from jobctl.services.ports import Mutation
from jobctl.storage.redis_jobs import RedisJobStore
from tests.servers.redis_server import RedisServer, start_redis62, start_valkey
from tests.storage.redis_under_test import (
    APPROVAL_TIME,
    TOKEN,
    RedisUnderTest,
    approval_entry,
    approval_token,
    assert_sound_chain,
    change,
    creation,
    open_store,
    processing_entry,
    redis_under_test,
    removal,
    stream_token,
    window,
)

ENTRY = json.dumps({"job_id": "job-1"})
ENTRIES = (processing_entry(ENTRY), approval_entry(ENTRY))
STARTERS = {"valkey9": start_valkey, "redis62": start_redis62}


def full_creation() -> Mutation:
    return creation(
        "job-new",
        to_status=JobStatus.AWAITING_APPROVAL,
        push_processing="p",
        push_approval="a",
        **window("token-that-is-issued"),
    )


def full_change() -> Mutation:
    return change(
        closes_approval=True,
        held_token=Secret(TOKEN),
        removed_fields=("approval_token",),
        push_processing="p",
        drop_queue_entries=ENTRIES,
        ttl=APPROVAL_TIME,
    )


def full_removal() -> Mutation:
    return removal(expected_status="queued", held_token=Secret(TOKEN), drop_queue_entries=ENTRIES)


def extension() -> Mutation:
    """As `token issue --extend` makes it: the token that is held is issued again."""
    return change(held_token=Secret(TOKEN), push_approval="a", ttl=APPROVAL_TIME, **window())


def stream_issue() -> Mutation:
    return change(
        fields={}, issues=stream_token("issued"), token_lifetime=APPROVAL_TIME, keeps_place=True
    )


def consumption() -> Mutation:
    return change(fields={}, consumes=stream_token(), keeps_place=True)


READS = {"type", "hget", "exists", "xrevrange", "evalsha"}
# What the script must run to make each of them.
NEEDED: dict[str, tuple[Callable[[], Mutation], set[str]]] = {
    "creation": (
        full_creation,
        READS - {"hget"} | {"xadd", "hset", "expire", "zadd", "set", "lpush"},
    ),
    "change": (
        full_change,
        READS | {"xadd", "hset", "hdel", "expire", "zadd", "zrem", "del", "lpush", "lrem"},
    ),
    "removal": (full_removal, READS | {"xadd", "del", "zrem", "lrem"}),
    "extension": (extension, READS | {"xadd", "hset", "expire", "zadd", "del", "set", "lpush"}),
    "stream issue": (stream_issue, READS | {"xadd", "hset", "set"}),
    "consumption": (consumption, READS | {"get", "xadd", "hset", "del"}),
}
FAMILIES = (
    ":job:*",
    ":jobs-by-updated",
    ":timeouts:*",
    ":audit",
    ":queue:processing",
    ":queue:approval",
    ":approval-lock:*",
)
APPROVAL_TOKENS, STREAM_TOKENS = ":approval-token:*", ":stream-token:*"
TOUCHED = [
    *product(["creation", "change", "removal", "extension"], [*FAMILIES, APPROVAL_TOKENS]),
    *product(["stream issue", "consumption"], [*FAMILIES, STREAM_TOKENS]),
]
COMMANDS = sorted(set().union(*(needed for _, needed in NEEDED.values())))


@pytest.fixture(scope="module", params=list(STARTERS))
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A server of its own: its users are configured here."""
    started = STARTERS[request.param]()
    yield started
    started.stop()


@pytest.fixture
def under_test(server: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(server.url, namespace) as entered:
        entered.store.apply(creation("job-0"))  # the script is loaded, the chain begun
        entered.write_job(approval_token=TOKEN)
        for token in (approval_token(), stream_token()):
            entered.raw.set(entered.keys.token(token), "job-1")
        entered.raw.zadd(entered.keys.deadlines, {"job-1": 1})
        entered.raw.lpush(entered.keys.processing_queue, ENTRY)
        yield entered


@contextmanager
def store_as(under_test: RedisUnderTest, *rules: str) -> Iterator[RedisJobStore]:
    user = f"u{uuid4().hex}"
    under_test.raw.execute_command("ACL", "SETUSER", user, "on", "nopass", *rules)
    store = open_store(under_test.url, under_test.keys, username=user)
    yield store
    store.close()
    under_test.raw.execute_command("ACL", "DELUSER", user)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", list(NEEDED))
def test_without_one_command_a_change_is_made_whole_or_not_at_all(
    under_test: RedisUnderTest, kind: str, command: str
) -> None:
    make, needed = NEEDED[kind]
    before = under_test.everything()
    with store_as(under_test, "~*", "+@all", f"-{command}") as store:
        try:
            store.apply(make())
        except NotPermittedError:
            assert under_test.everything() == before
        else:
            assert command not in needed
            assert len(under_test.audit()) == 2
            assert_sound_chain(under_test.audit())


@pytest.mark.parametrize("command", ["hset", "hdel", "expire", "zadd", "lpush", "lrem"])
@pytest.mark.parametrize("missing", ["updated_at", "created_at", "status"])
def test_without_one_command_an_incomplete_record_stays_as_it_is(
    under_test: RedisUnderTest, command: str, missing: str
) -> None:
    under_test.raw.hdel(under_test.keys.job("job-1"), missing)
    before = under_test.everything()
    mutation = change(
        expected_status="" if missing == "status" else "queued",
        removed_fields=("approval_token",),
        push_processing="p",
        drop_queue_entries=ENTRIES,
        ttl=APPROVAL_TIME,
    )
    with (
        store_as(under_test, "~*", "+@all", f"-{command}") as store,
        pytest.raises(NotPermittedError),
    ):
        store.apply(mutation)
    assert under_test.everything() == before


@pytest.mark.parametrize(("kind", "family"), TOUCHED)
def test_without_one_key_nothing_is_changed(
    under_test: RedisUnderTest, kind: str, family: str
) -> None:
    families = (*FAMILIES, APPROVAL_TOKENS, STREAM_TOKENS, ":jobctl:*")
    allowed = [one for one in families if one != family]
    rules = [f"~{under_test.keys.namespace}{one}" for one in allowed]
    before = under_test.everything()
    with (
        store_as(under_test, *rules, "+@all") as store,
        pytest.raises(NotPermittedError) as refusal,
    ):
        store.apply(NEEDED[kind][0]())
    assert under_test.everything() == before
    shown = f"{refusal.value.message} {refusal.value.hint}"
    for token in (TOKEN, "token-that-is-issued", stream_token().value.reveal(), "token:issued"):
        assert token not in shown


def test_a_user_who_may_do_all_that_is_needed_changes_all(under_test: RedisUnderTest) -> None:
    writes = sorted(set().union(*(needed for _, needed in NEEDED.values())) - {"evalsha"})
    commands = [f"+{command}" for command in ("evalsha", "xrange", "hgetall", *writes)]
    with store_as(under_test, f"~{under_test.keys.namespace}:*", "-@all", *commands) as store:
        store.apply(full_creation())
        store.apply(stream_issue())
        store.apply(consumption())
        store.apply(extension())
        store.apply(full_change())
        store.apply(removal(expected_status="queued"))
    assert len(under_test.audit()) == 7
    assert under_test.hash() == {}
    assert_sound_chain(under_test.audit())


def test_a_refused_user_is_told_what_is_missing(under_test: RedisUnderTest) -> None:
    with (
        store_as(under_test, "~*", "+@all", "-zadd") as store,
        pytest.raises(NotPermittedError) as refusal,
    ):
        store.apply(full_change())
    assert "zadd" in refusal.value.message.lower()


def test_a_user_who_may_only_read_is_not_permitted_and_the_server_is_not_called_unavailable(
    under_test: RedisUnderTest,
) -> None:
    before = under_test.everything()
    with store_as(under_test, "~*", "+@read", "+ping") as store, pytest.raises(NotPermittedError):
        store.apply(full_change())
    assert under_test.everything() == before


def test_a_script_that_may_not_be_loaded_is_not_permitted(
    server: RedisServer, namespace: str
) -> None:
    with redis_under_test(server.url, namespace) as under_test:
        under_test.raw.script_flush()
        with (
            store_as(under_test, "~*", "+@all", "-script") as store,
            pytest.raises(NotPermittedError),
        ):
            store.apply(creation())
        assert under_test.everything() == {}
