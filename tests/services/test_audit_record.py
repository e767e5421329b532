"""`audit record`: a job as it was at one moment, which the trail confirms."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from jobctl.domain.audit import AuditEntry
from jobctl.errors import (
    ChangedMeanwhileError,
    ConflictError,
    ExitCode,
    NotFoundError,
    UnavailableError,
)
from jobctl.services.audit_list import PAGE_SIZE
from jobctl.services.audit_record import JobSnapshot, JobSnapshotList, RecordJobs, audit_record
from jobctl.services.authors import Author
from jobctl.services.bulk import Bulk
from jobctl.services.operations import Operation
from tests.services.audit_listing import Counted, write
from tests.services.deciding import server_time
from tests.services.world import World
from tests.storage.redis_under_test import (
    assert_sound_chain,
    change,
    creation,
    removal,
)

REASON = "request 2026-17"


class Watched:
    """A job store in front of which something happens whenever a batch is about to be written."""

    def __init__(self, world: World, happens: Callable[[], object], times: int = 1) -> None:
        self._store: Any = world.redis.store
        self._happens = happens
        self._times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def apply_all(self, mutations: Sequence[Any]) -> Any:
        if self._times:
            self._times -= 1
            self._happens()
        return self._store.apply_all(mutations)


def recording(
    world: World,
    audit_log: Counted,
    *ids: str,
    jobs: Any = None,
    reason: str = REASON,
    **bulk: Any,
) -> JobSnapshotList:
    request = RecordJobs(
        bulk=Bulk(ids=ids, **bulk),
        author=Author(actor="auditor", new_op_id=world.op_id),
        reason=reason,
    )
    return audit_record(request, jobs=jobs or world.redis.store, audit_log=audit_log)


def taken(found: JobSnapshotList) -> list[tuple[Operation, JobSnapshot]]:
    return [(one, found.snapshot_of(one)) for one in found if one.error is None]


def only(found: JobSnapshotList) -> JobSnapshot:
    [(_, snapshot)] = taken(found)
    return snapshot


def last_seq(snapshot: JobSnapshot) -> int | None:
    assert snapshot.last is not None
    return snapshot.last.seq


def test_a_job_is_recorded_as_it_is(world: World, audit_log: Counted) -> None:
    store = world.redis.store
    store.apply(creation())
    store.apply(change(fields={"confidence_score": 0.5}))
    before, record = server_time(world), world.redis.hash()
    snapshot = only(recording(world, audit_log, "job-1"))
    assert snapshot.job is not None
    assert (snapshot.job.shown_status, snapshot.job.confidence_score) == ("queued", 0.5)
    assert (last_seq(snapshot), snapshot.reason) == (2, REASON)
    assert before <= snapshot.taken_at <= server_time(world)
    assert world.redis.hash() == record, "taking it changes nothing of the job"


def test_taking_it_is_recorded(world: World, audit_log: Counted) -> None:
    world.redis.store.apply(creation())
    [(operation, snapshot)] = taken(recording(world, audit_log, "job-1"))
    entries = world.redis.audit()
    assert_sound_chain(entries)
    _, entry = entries[-1]
    assert (entry["action"], entry["actor"], entry["reason"]) == ("audit-record", "auditor", REASON)
    assert (entry["from"], entry["to"], entry["job_id"]) == ("queued", "queued", "job-1")
    assert entry["op_id"] == operation.op_id
    assert (operation.changed, last_seq(snapshot)) == (True, 1)


def test_a_dry_run_takes_none(world: World, audit_log: Counted) -> None:
    world.redis.store.apply_all(
        [creation(), creation("gone"), removal("gone", expected_status="queued")]
    )
    before = world.redis.everything()
    found = recording(world, audit_log, "job-1", "gone", dry_run=True)
    assert [(one.op_id, one.changed) for one, _ in taken(found)] == [(None, False)] * 2
    assert found.exit_code is ExitCode.DONE
    assert world.redis.everything() == before


def test_an_earlier_taking_is_not_what_the_trail_has_last(world: World, audit_log: Counted) -> None:
    world.redis.store.apply(creation())
    for _ in range(2):
        assert last_seq(only(recording(world, audit_log, "job-1"))) == 1


def test_a_job_that_is_gone_is_told_of_by_the_trail(world: World, audit_log: Counted) -> None:
    store = world.redis.store
    store.apply_all([creation(), removal(expected_status="queued", reason="asked for")])
    for _ in range(2):
        snapshot = only(recording(world, audit_log, "job-1"))
        assert snapshot.job is None
        assert snapshot.last is not None
        assert (snapshot.last.action, snapshot.last.reason) == ("delete", "asked for")
    assert world.redis.actions() == ["create", "delete", "audit-record", "audit-record"]
    assert not world.redis.hash()
    world.redis.raw.xtrim(world.redis.keys.audit, minid="3-0", approximate=False)
    assert last_seq(only(recording(world, audit_log, "job-1"))) == 4, "better than nothing"


def test_a_job_that_nobody_knows_is_not_found(world: World, audit_log: Counted) -> None:
    store = world.redis.store
    store.apply(creation())
    found = recording(world, audit_log, "nobody", "job-1", "job-1")
    assert [one.id for one, _ in taken(found)] == ["job-1"]
    assert (found.exit_code, found.failed, found.requested) == (ExitCode.NOT_FOUND, 1, 2)
    assert world.redis.actions() == ["create", "audit-record"]
    [operation] = recording(world, audit_log, "nobody")
    assert isinstance(operation.error, NotFoundError)


def test_a_job_of_the_service_has_nothing_in_the_trail(world: World, audit_log: Counted) -> None:
    world.redis.write_job("job-1", status="paused")
    snapshot = only(recording(world, audit_log, "job-1"))
    assert snapshot.last is None
    assert world.redis.audit()[-1][1]["from"] == "paused"


def test_the_trail_is_read_back_until_all_are_found(world: World, audit_log: Counted) -> None:
    amount = 3 * PAGE_SIZE
    write(world, amount, alter=lambda number: {"job_id": f"job-{number}"})
    ids = [f"job-{amount}", f"job-{amount - PAGE_SIZE - 1}"]
    found = recording(world, audit_log, *ids, dry_run=True)
    assert [last_seq(one) for _, one in taken(found)] == [amount, amount - PAGE_SIZE - 1]
    assert audit_log.sizes == [PAGE_SIZE, PAGE_SIZE]


def test_later_batches_read_no_more_than_what_came_since(world: World, audit_log: Counted) -> None:
    store = world.redis.store
    store.apply_all([creation(f"job-{number}") for number in range(4)])
    found = iter(recording(world, audit_log, *(f"job-{n}" for n in range(4)), batch=2))
    next(found)
    assert audit_log.sizes == [4]
    store.apply(change("job-3"))
    list(found)
    assert audit_log.sizes == [4, 3], "two takings and the change"


def test_what_changes_while_it_is_taken_is_looked_at_again(
    world: World, audit_log: Counted
) -> None:
    store = world.redis.store
    store.apply(creation())
    jobs = Watched(world, lambda: store.apply(change(fields={"percentage": 40, "updated_at": "x"})))
    snapshot = only(recording(world, audit_log, "job-1", jobs=jobs))
    assert snapshot.job is not None
    assert (snapshot.job.percentage, last_seq(snapshot)) == (40, 2)
    assert world.redis.actions() == ["create", "update", "audit-record"]


def test_a_job_that_is_deleted_while_it_is_taken_is_told_of_as_gone(
    world: World, audit_log: Counted
) -> None:
    store = world.redis.store
    store.apply(creation())
    jobs = Watched(world, lambda: store.apply(removal(expected_status="queued")))
    snapshot = only(recording(world, audit_log, "job-1", jobs=jobs))
    assert snapshot.job is None
    assert snapshot.last is not None
    assert snapshot.last.action == "delete"


def test_a_job_that_never_stands_still_is_a_conflict(world: World, audit_log: Counted) -> None:
    world.redis.store.apply(creation())
    stamps: Iterator[int] = iter(range(99))

    def moved() -> None:
        key = world.redis.keys.job("job-1")
        world.redis.raw.hset(key, "updated_at", f"2026-01-01T00:00:{next(stamps):02}Z")

    [operation] = recording(world, audit_log, "job-1", jobs=Watched(world, moved, times=99))
    assert isinstance(operation.error, ChangedMeanwhileError)
    assert isinstance(operation.error, ConflictError)
    assert world.redis.actions() == ["create"]


def test_a_job_that_the_service_decides_on_can_be_recorded(
    world: World, audit_log: Counted
) -> None:
    world.redis.store.apply_all([creation(), creation("gone")])
    world.redis.store.apply(removal("gone", expected_status="queued"))
    for job_id in ("job-1", "gone"):
        world.redis.raw.set(world.redis.keys.approval_lock(job_id), "service", ex=60)
    assert len(taken(recording(world, audit_log, "job-1", "gone"))) == 2


@pytest.mark.parametrize("state", ["pending", "deleting"])
def test_a_job_that_is_being_cleaned_up_can_be_recorded(
    state: str, world: World, audit_log: Counted
) -> None:
    world.redis.write_job("job-1", status="denied", cleanup_state=state)
    assert only(recording(world, audit_log, "job-1")).job is not None


def test_what_is_no_hash_is_named(world: World, audit_log: Counted) -> None:
    world.redis.raw.set(world.redis.keys.job("job-1"), "text")
    world.redis.store.apply(creation("job-2"))
    found = recording(world, audit_log, "job-1", "job-2")
    assert [one.id for one, _ in taken(found)] == ["job-2"]
    assert found.exit_code is ExitCode.PARTIAL


def test_names_that_were_found_and_tokens_are_masked_in_reasons(
    world: World, audit_log: Counted
) -> None:
    token = "t" * 43
    name = "Xanthippe Quandt"
    world.redis.store.apply(creation(reason=f"of {name}"))
    finding = f'[{{"entity_type": "PERSON", "text": "{name}"}}]'
    world.redis.raw.hset(world.redis.keys.job("job-1"), "pii_findings", finding)
    snapshot = only(recording(world, audit_log, "job-1", reason=f"{name} asks, {token}"))
    assert snapshot.reason == "[PERSON] asks, [token]"
    assert world.redis.audit()[-1][1]["reason"] == snapshot.reason
    assert isinstance(snapshot.last, AuditEntry)
    assert snapshot.last.reason == "of [PERSON]"


def test_an_outage_before_anything_was_taken_is_raised(world: World, audit_log: Counted) -> None:
    def gone() -> None:
        raise UnavailableError("redis is gone")

    world.redis.store.apply(creation())
    with pytest.raises(UnavailableError):
        list(recording(world, audit_log, "job-1", jobs=Watched(world, gone)))


def test_a_signal_ends_it_between_batches(world: World, audit_log: Counted) -> None:
    world.redis.store.apply_all([creation(f"job-{number}") for number in range(4)])
    signals = iter([None, ExitCode.INTERRUPTED])
    stopped = lambda: next(signals, ExitCode.INTERRUPTED)  # noqa: E731
    ids = [f"job-{number}" for number in range(4)]
    found = recording(world, audit_log, *ids, batch=2, interrupted=stopped)
    assert len(taken(found)) == 2
    assert found.exit_code is ExitCode.INTERRUPTED
