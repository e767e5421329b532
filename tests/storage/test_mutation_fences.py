"""What a change of a cleanup compares besides the status: its lease, the stamp, the mark."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from jobctl.domain.status import JobStatus
from jobctl.errors import ChangedMeanwhileError, JobctlError, LockedError
from jobctl.services.ports import Applied, Mutation
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    AT,
    RedisUnderTest,
    assert_sound_chain,
    change,
    redis_under_test,
    removal,
)

CLAIM = "op-1 anna since noon"
STAMP = AT.isoformat()


@pytest.fixture
def under_test(any_redis: RedisServer, namespace: str) -> Iterator[RedisUnderTest]:
    with redis_under_test(any_redis.url, namespace) as entered:
        yield entered


def recorded(job_id: str = "job-1", **changes: object) -> Mutation:
    values = {"only_recorded": True, "fields": {}, "expected_status": None}
    return change(job_id, **(values | changes))


@pytest.mark.parametrize("held", [None, "op-2 berta since one", CLAIM + " "])
@pytest.mark.parametrize("kind", ["change", "removal", "recorded"])
def test_a_run_that_has_lost_its_lease_changes_nothing(
    under_test: RedisUnderTest, held: str | None, kind: str
) -> None:
    under_test.write_job()
    if held:
        under_test.raw.set(under_test.keys.lease, held)
    mutation = {
        "change": change(lease=CLAIM),
        "removal": removal(lease=CLAIM, expected_status="queued"),
        "recorded": recorded("nobody", lease=CLAIM),
    }[kind]
    before = under_test.everything()
    with pytest.raises(LockedError, match="its lease has run out"):
        under_test.store.apply(mutation)
    assert under_test.everything() == before


def test_a_lost_lease_ends_the_whole_burst(under_test: RedisUnderTest) -> None:
    ids = [f"job-{number}" for number in range(40)]
    for job_id in ids:
        under_test.write_job(job_id)
    before = under_test.everything()
    outcomes = under_test.store.apply_all([change(job_id, lease=CLAIM) for job_id in ids])
    assert all(isinstance(one, LockedError) for one in outcomes)
    assert under_test.everything() == before


def test_a_lease_that_is_held_lets_its_run_through(under_test: RedisUnderTest) -> None:
    under_test.write_job()
    under_test.raw.set(under_test.keys.lease, CLAIM)
    under_test.store.apply(change(lease=CLAIM))
    assert under_test.hash()["summary"] == "changed"
    assert under_test.raw.get(under_test.keys.lease) == CLAIM


@pytest.mark.parametrize("stored", [STAMP + "x", "", None])
@pytest.mark.parametrize("delete", [False, True])
def test_another_stamp_is_a_change_meanwhile(
    under_test: RedisUnderTest, stored: str | None, delete: bool
) -> None:
    under_test.write_job()
    if stored is None:
        under_test.raw.hdel(under_test.keys.job("job-1"), "updated_at")
    else:
        under_test.raw.hset(under_test.keys.job("job-1"), "updated_at", stored)
    make = removal if delete else change
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError, match="has changed since it was read"):
        under_test.store.apply(make(expected_status="queued", expected_stamp=STAMP))
    assert under_test.everything() == before


@pytest.mark.parametrize("stored", [STAMP, None])
def test_the_same_stamp_goes_through(under_test: RedisUnderTest, stored: str | None) -> None:
    """A record without a stamp is one whose stamp reads as empty."""
    under_test.write_job()
    if stored is None:
        under_test.raw.hdel(under_test.keys.job("job-1"), "updated_at")
    under_test.store.apply(removal(expected_status="queued", expected_stamp=stored or ""))
    assert under_test.hash() == {}
    assert under_test.raw.zscore(under_test.keys.index, "job-1") is None


def test_what_is_only_recorded_writes_the_record_alone(under_test: RedisUnderTest) -> None:
    under_test.raw.zadd(under_test.keys.index, {"job-1": 5})
    under_test.raw.zadd(under_test.keys.deadlines, {"job-1": 6})
    before = under_test.everything()
    applied = under_test.store.apply(
        recorded(summary="documents of no job", to_status=JobStatus.FAILED, ttl=timedelta(days=1))
    )
    after = under_test.everything()
    assert after.pop(under_test.keys.audit.encode())
    assert after == before
    ((_, record),) = under_test.audit()
    assert (record["job_id"], record["op_id"]) == ("job-1", applied.op_id)
    assert record["summary"] == "documents of no job"
    assert_sound_chain(under_test.audit())


def test_what_is_only_recorded_of_an_existing_job_leaves_it_as_it_is(
    under_test: RedisUnderTest,
) -> None:
    under_test.write_job(cleanup_state="deleting")
    before = under_test.everything()
    under_test.store.apply(recorded(expected_status="queued"))
    after = under_test.everything()
    del after[under_test.keys.audit.encode()]
    assert after == before


@pytest.mark.parametrize("stored", ["processing", None])
@pytest.mark.parametrize("held", [False, True])
def test_what_compares_nothing_is_recorded_whatever_the_job_is(
    under_test: RedisUnderTest, stored: str | None, held: bool
) -> None:
    if stored:
        under_test.write_job(status=stored, cleanup_state="deleting")
    if held:
        under_test.raw.set(under_test.keys.approval_lock("job-1"), "foreign", ex=60)
    before = under_test.everything()
    under_test.store.apply(recorded(expected_status="awaiting_approval", compares=False))
    after = under_test.everything()
    del after[under_test.keys.audit.encode()]
    assert after == before
    ((_, record),) = under_test.audit()
    assert (record["from"], record["to"]) == ("awaiting_approval", "awaiting_approval")
    assert_sound_chain(under_test.audit())


def test_what_compares_nothing_still_needs_its_lease(under_test: RedisUnderTest) -> None:
    with pytest.raises(LockedError):
        under_test.store.apply(recorded(lease=CLAIM, compares=False))
    assert under_test.everything() == {}


def test_an_intent_for_no_job_is_refused_where_there_is_one(under_test: RedisUnderTest) -> None:
    under_test.raw.hset(under_test.keys.job("job-1"), "s3_key", "temp/job-1.pdf")
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError):
        under_test.store.apply(recorded())
    assert under_test.everything() == before


def test_a_job_that_is_being_deleted_takes_no_other_change(under_test: RedisUnderTest) -> None:
    under_test.write_job(cleanup_state="deleting")
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError, match="is being deleted"):
        under_test.store.apply(change())
    assert under_test.everything() == before


@pytest.mark.parametrize("expected", ["", "pending"])
def test_an_untrue_word_about_the_deletion_does_not_help(
    under_test: RedisUnderTest, expected: str
) -> None:
    under_test.write_job(cleanup_state="deleting")
    before = under_test.everything()
    with pytest.raises(ChangedMeanwhileError):
        under_test.store.apply(change(expected_cleanup=expected))
    assert under_test.everything() == before


def test_whoever_knows_of_the_deletion_may_take_off_its_mark(under_test: RedisUnderTest) -> None:
    under_test.write_job(cleanup_state="deleting", cleanup_stamp=STAMP)
    under_test.store.apply(
        change(
            expected_cleanup="deleting",
            fields={},
            removed_fields=("cleanup_state", "cleanup_stamp"),
        )
    )
    assert not {"cleanup_state", "cleanup_stamp"} & set(under_test.hash())


def test_a_deletion_finishes_only_what_is_still_marked(under_test: RedisUnderTest) -> None:
    under_test.write_job()
    marked = removal(expected_status="queued", expected_cleanup="deleting")
    with pytest.raises(ChangedMeanwhileError, match="cleaned up by somebody else"):
        under_test.store.apply(marked)
    under_test.raw.hset(under_test.keys.job("job-1"), "cleanup_state", "deleting")
    under_test.store.apply(marked)
    assert under_test.hash() == {}


def test_in_a_burst_each_is_judged_on_its_own(under_test: RedisUnderTest) -> None:
    under_test.raw.set(under_test.keys.lease, CLAIM)
    for number in range(30):
        under_test.write_job(f"job-{number}", updated_at=STAMP if number % 3 else "moved on")
    outcomes: list[Applied | JobctlError] = [
        *under_test.store.apply_all(
            [change(f"job-{one}", expected_stamp=STAMP, lease=CLAIM) for one in range(30)]
        )
    ]
    assert [isinstance(one, Applied) for one in outcomes] == [bool(one % 3) for one in range(30)]
    assert len(under_test.audit()) == 20
    assert_sound_chain(under_test.audit())
