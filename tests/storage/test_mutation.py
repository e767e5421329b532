"""The script that makes every change: each answer, what it writes, and what it leaves alone."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jobctl.domain.job import Secret
from jobctl.domain.status import JobStatus
from jobctl.errors import ChangedMeanwhileError, HeldError
from jobctl.services.ports import Applied, Mutation
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    AT,
    SCORE,
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
    window,
)


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


def test_a_creation_writes_record_index_expiry_and_audit(under_test: RedisUnderTest) -> None:
    mutation = creation(fields={"summary": "new"}, reason="because", summary="made")
    assert under_test.store.apply(mutation) == Applied(op_id=mutation.op_id, audit_seq=1)

    keys, raw = under_test.keys, under_test.raw
    moment = "2026-03-01T12:00:00.250000+00:00"
    assert under_test.hash() == {
        "job_id": "job-1",
        "status": "queued",
        "created_at": moment,
        "updated_at": moment,
        "summary": "new",
        "jobctl_op": mutation.op_id,
    }
    assert raw.zrange(keys.index, 0, -1, withscores=True) == [("job-1", SCORE)]
    assert 0 <= WEEK.total_seconds() - raw.ttl(keys.job("job-1")) <= 5
    [(entry_id, fields)] = under_test.audit()
    assert entry_id == "1-0"
    del fields["hash"]
    assert fields == {
        "op_id": mutation.op_id,
        "actor": "tester",
        "action": "create",
        "job_id": "job-1",
        "from": "",
        "to": "queued",
        "reason": "because",
        "summary": "made",
        "at": "2026-03-01T12:00:00.250000Z",
        "prev": "0" * 64,
    }
    assert set(under_test.everything()) == {
        key.encode() for key in (keys.job("job-1"), keys.index, keys.audit)
    }


def test_a_creation_can_open_an_approval_and_push_both_queues(under_test: RedisUnderTest) -> None:
    under_test.store.apply(
        creation(
            to_status=JobStatus.AWAITING_APPROVAL,
            **window(),
            push_approval="approve me",
            push_processing="process me",
        )
    )
    keys, raw = under_test.keys, under_test.raw
    assert raw.zscore(keys.deadlines, "job-1") == SCORE + 4 * 3600
    assert raw.get(keys.token(approval_token())) == "job-1"
    assert 0 <= 4 * 3600 - raw.ttl(keys.token(approval_token())) <= 5
    assert raw.lrange(keys.approval_queue, 0, -1) == ["approve me"]
    assert raw.lrange(keys.processing_queue, 0, -1) == ["process me"]


def test_a_pushed_entry_is_the_last_that_workers_take(under_test: RedisUnderTest) -> None:
    under_test.raw.lpush(under_test.keys.processing_queue, "older")
    under_test.store.apply(creation(push_processing="newer"))
    assert under_test.raw.rpop(under_test.keys.processing_queue) == "older"


def test_closing_an_approval_takes_deadline_token_and_field_away(
    under_test: RedisUnderTest,
) -> None:
    awaiting = creation(to_status=JobStatus.AWAITING_APPROVAL, **window())
    under_test.store.apply(replace(awaiting, fields={**awaiting.fields, "approval_token": TOKEN}))
    under_test.store.apply(
        change(
            expected_status="awaiting_approval",
            closes_approval=True,
            held_token=Secret(TOKEN),
            removed_fields=("approval_token", "never_there"),
        )
    )
    keys, raw = under_test.keys, under_test.raw
    assert not raw.exists(keys.deadlines, keys.token(approval_token()))
    assert "approval_token" not in under_test.hash()


def test_a_removal_leaves_nothing_of_the_job_but_its_trail(under_test: RedisUnderTest) -> None:
    keys, raw = under_test.keys, under_test.raw
    mine, foreign = json.dumps({"job_id": "job-1"}), json.dumps({"job_id": "job-2"})
    under_test.write_job(status="failed", approval_token=TOKEN)
    under_test.write_job("job-2")
    raw.zadd(keys.deadlines, {"job-1": 1, "job-2": 2})
    raw.set(keys.token(approval_token()), "job-1")
    for queue in (keys.approval_queue, keys.processing_queue):
        raw.rpush(queue, mine, foreign, mine, "not json")
    entries = (approval_entry(mine, times=2), processing_entry(mine, times=2))

    under_test.store.apply(removal(held_token=Secret(TOKEN), drop_queue_entries=entries))

    assert not raw.exists(keys.job("job-1"), keys.token(approval_token()))
    assert raw.zrange(keys.index, 0, -1) == ["job-2"]
    assert raw.zrange(keys.deadlines, 0, -1) == ["job-2"]
    for queue in (keys.approval_queue, keys.processing_queue):
        assert raw.lrange(queue, 0, -1) == [foreign, "not json"]
    [(_, fields)] = under_test.audit()
    assert (fields["from"], fields["to"]) == ("failed", "")


def test_without_a_lifetime_the_expiry_stays_and_with_one_it_is_set(
    under_test: RedisUnderTest,
) -> None:
    under_test.write_job(ttl=1000)
    under_test.store.apply(change())
    assert 990 <= under_test.raw.ttl(under_test.keys.job("job-1")) <= 1000
    under_test.store.apply(change(ttl=timedelta(seconds=50)))
    assert 45 <= under_test.raw.ttl(under_test.keys.job("job-1")) <= 50


@pytest.mark.parametrize(("stored", "kept"), [(SCORE + 9, SCORE + 9), (SCORE - 9, SCORE)])
def test_a_score_never_moves_backwards(
    under_test: RedisUnderTest, stored: float, kept: float
) -> None:
    under_test.write_job(score=stored)
    under_test.store.apply(change())
    assert under_test.raw.zscore(under_test.keys.index, "job-1") == kept


def test_the_trail_never_runs_backwards_in_time(under_test: RedisUnderTest) -> None:
    under_test.write_job()
    under_test.store.apply(change(at=AT))
    open_store(under_test.url, under_test.keys).apply(change(at=AT - timedelta(hours=1)))
    assert [fields["at"] for _, fields in under_test.audit()] == ["2026-03-01T12:00:00.250000Z"] * 2


def test_the_same_operation_is_made_once(under_test: RedisUnderTest) -> None:
    mutation = creation(push_processing="once")
    first = under_test.store.apply(mutation)
    before = under_test.everything()
    for store in (under_test.store, open_store(under_test.url, under_test.keys)):
        again = store.apply(mutation)
        assert again == Applied(op_id=mutation.op_id, audit_seq=first.audit_seq, replayed=True)
    assert under_test.everything() == before


@pytest.mark.parametrize(
    ("expected", "stored"),
    [
        (None, "queued"),
        ("queued", "processing"),
        ("queued", "QUEUED"),
        ("queued", None),
        ("", "queued"),
        ("absent", "queued"),
    ],
)
def test_a_status_that_changed_since_it_was_read_is_a_conflict(
    under_test: RedisUnderTest, expected: str | None, stored: str | None
) -> None:
    if stored is not None:
        under_test.write_job(status=stored)
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError) as conflict:
        under_test.store.apply(change(expected_status=expected))
    assert "job-1" in conflict.value.message
    assert "nothing was changed" in conflict.value.message
    assert under_test.everything() == before


def test_a_record_without_a_status_can_be_changed_as_it_was_read(
    under_test: RedisUnderTest,
) -> None:
    under_test.write_job()
    under_test.raw.hdel(under_test.keys.job("job-1"), "status")
    under_test.store.apply(change(expected_status=""))
    assert under_test.hash()["summary"] == "changed"


@pytest.mark.parametrize("stored", ["another-token", None])
def test_another_token_is_a_conflict(under_test: RedisUnderTest, stored: str | None) -> None:
    under_test.write_job()
    if stored is not None:
        under_test.raw.hset(under_test.keys.job("job-1"), "approval_token", stored)
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError, match="another token") as conflict:
        under_test.store.apply(change(held_token=Secret(TOKEN)))
    assert TOKEN not in repr(conflict.value) + str(conflict.value.hint)
    assert under_test.everything() == before


@pytest.mark.parametrize("mutation", [change(), removal(expected_status="queued")])
def test_a_decision_in_progress_is_a_conflict(
    under_test: RedisUnderTest, mutation: Mutation
) -> None:
    under_test.write_job()
    under_test.raw.set(under_test.keys.approval_lock("job-1"), "1", ex=60)
    before = under_test.everything()
    with pytest.raises(HeldError, match="being decided"):
        under_test.store.apply(mutation)
    assert under_test.everything() == before


def test_a_lock_on_another_job_is_none_of_ours(under_test: RedisUnderTest) -> None:
    under_test.write_job()
    under_test.raw.set(under_test.keys.approval_lock("job-2"), "1", ex=60)
    under_test.store.apply(change())


def test_a_deletion_that_was_begun_blocks_everything_but_its_end(
    under_test: RedisUnderTest,
) -> None:
    under_test.write_job(status="failed", cleanup_state="deleting")
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError, match="being deleted"):
        under_test.store.apply(change(expected_status="failed"))
    assert under_test.everything() == before
    under_test.store.apply(removal())
    assert under_test.hash() == {}


@pytest.mark.parametrize(
    ("expected", "stored"),
    [("pending", "pending"), ("", None), ("", ""), (None, "pending"), (None, None)],
)
def test_a_cleanup_state_that_is_as_it_was_read_is_no_obstacle(
    under_test: RedisUnderTest, expected: str | None, stored: str | None
) -> None:
    fields: dict[str, Any] = {} if stored is None else {"cleanup_state": stored}
    under_test.write_job(**fields)
    under_test.store.apply(change(expected_cleanup=expected, removed_fields=("cleanup_state",)))
    assert under_test.hash()["summary"] == "changed"
    assert "cleanup_state" not in under_test.hash()


@pytest.mark.parametrize(
    ("expected", "stored"),
    [("pending", None), ("pending", "another"), ("pending", ""), ("", "pending")],
)
def test_a_cleanup_state_that_changed_since_it_was_read_is_a_conflict(
    under_test: RedisUnderTest, expected: str, stored: str | None
) -> None:
    fields: dict[str, Any] = {} if stored is None else {"cleanup_state": stored}
    under_test.write_job(**fields)
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError, match="cleaned up by somebody else"):
        under_test.store.apply(change(expected_cleanup=expected))
    assert under_test.everything() == before


def test_of_two_that_finish_the_same_cleanup_one_does(under_test: RedisUnderTest) -> None:
    under_test.write_job(cleanup_state="pending")
    finish: dict[str, Any] = {
        "expected_cleanup": "pending",
        "removed_fields": ("cleanup_state",),
    }
    outcomes = under_test.store.apply_all([change(**finish), change(**finish)])
    assert [type(outcome) for outcome in outcomes] == [Applied, ChangedMeanwhileError]
