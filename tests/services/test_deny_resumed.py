"""`deny` when the decision stands and its documents do not go as they should."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from jobctl.errors import ConflictError, ExitCode, PartlyDoneError, UnavailableError
from jobctl.services.operations import Operation, OperationList
from tests.cli.foreign import ForeignJobService
from tests.services.deciding import awaiting, contents, denied, lives, only, records, snapshot
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, World
from tests.storage.redis_under_test import assert_sound_chain, open_store

OWN = {"temp/job-1.pdf", "temp/job-1/1.png", "job-1/pages/1.png", "debug/job-1/trace.json"}
DOWN = UnavailableError("redis is gone")


def with_documents(world: World) -> None:
    awaiting(world)
    world.put(DOCUMENTS, *OWN - {"temp/job-1.pdf"})


def service(world: World) -> ForeignJobService:
    return ForeignJobService(world.redis.raw, world.redis.keys.namespace)


def assert_decided(world: World) -> None:
    stored = world.redis.hash()
    assert (stored["status"], stored["cleanup_state"]) == ("denied", "pending")
    assert "denial_decision" in stored
    assert world.redis.actions() == ["deny"]


def assert_finished(world: World, *, changes: int = 1) -> None:
    """The same request again has something to do once, and then nothing."""
    finished = [only(denied(world, "job-1")) for _ in range(changes + 1)]
    assert [one.changed for one in finished] == [True] * changes + [False]
    assert [one.error for one in finished] == [None] * (changes + 1)
    stored = world.redis.hash()
    assert stored["status"] == "denied"
    assert "cleanup_state" not in stored
    assert world.redis.actions() == ["deny", "deny-cleanup"]
    assert world.keys_in(DOCUMENTS) & OWN == set()
    assert_sound_chain(world.redis.audit())


def assert_partly_done(found: OperationList) -> Operation:
    operation = only(found)
    assert isinstance(operation.error, PartlyDoneError)
    assert operation.error.message.startswith("job job-1 was denied")
    assert operation.error.job_id == "job-1"
    assert operation.status == "denied"
    assert found.exit_code == ExitCode.PARTIAL
    return operation


def test_one_document_that_cannot_be_deleted_is_named_and_deleted_next_time(world: World) -> None:
    with_documents(world)
    world.objects.stuck = {"job-1/pages/1.png"}
    operation = assert_partly_done(denied(world, "job-1"))
    assert operation.changed
    assert operation.error
    assert "1 of 4 objects" in operation.error.message
    assert "job-1/…" in operation.error.message
    assert world.keys_in(DOCUMENTS) == {"job-1/pages/1.png"}
    assert_decided(world)

    again = assert_partly_done(denied(world, "job-1"))
    assert again.error
    assert "1 of 1 object " in again.error.message
    assert not again.changed
    assert_decided(world)

    world.objects.stuck = set()
    assert_finished(world)
    assert records(world)[1]["summary"] == "1 object deleted"


@pytest.mark.parametrize("method", ["list", "delete"])
def test_while_documents_cannot_be_reached_the_decision_stands(world: World, method: str) -> None:
    with_documents(world)
    world.objects.broken.add(method)
    for changed in (True, False, False):
        operation = assert_partly_done(denied(world, "job-1"))
        assert operation.changed is changed
        assert world.keys_in(DOCUMENTS) == OWN
        assert_decided(world)
    world.objects.broken.clear()
    assert_finished(world)


def test_a_cleanup_that_is_finished_later_leaves_the_job_in_its_place(world: World) -> None:
    with_documents(world)
    world.objects.broken.add("list")
    only(denied(world, "job-1"))
    world.redis.raw.expire(world.redis.keys.job("job-1"), 1234)
    before = contents(world)
    world.objects.broken.clear()
    operation = only(denied(world, "job-1"))
    after = contents(world)
    assert after.pop("audit")[:1] == before.pop("audit")
    del before["job:job-1"]["cleanup_state"]
    assert after == before | {"job:job-1": before["job:job-1"] | {"jobctl_op": operation.op_id}}
    assert lives(world, timedelta(seconds=1234))
    assert operation.notes == ("denied already, cleanup finished", "4 objects deleted")
    assert records(world)[1]["op_id"] == operation.op_id


@pytest.mark.parametrize("spelled", ["DENIED", "Denied "])
def test_a_cleanup_is_finished_though_the_status_is_spelled_anew(
    world: World, spelled: str
) -> None:
    with_documents(world)
    world.objects.broken.add("list")
    only(denied(world, "job-1"))
    world.redis.raw.hset(world.redis.keys.job("job-1"), "status", spelled)
    world.objects.broken.clear()
    assert only(denied(world, "job-1")).changed
    assert "cleanup_state" not in world.redis.hash()
    assert records(world)[1]["from"] == spelled
    assert not only(denied(world, "job-1")).changed


@pytest.mark.parametrize("method", ["read", "apply_all"])
def test_a_store_that_goes_away_behind_the_decision_leaves_it_partly_done(
    world: World, method: str
) -> None:
    with_documents(world)
    jobs = ObservedJobs(world)
    jobs.fail(method, 2, DOWN)
    operation = assert_partly_done(denied(world, "job-1", jobs=jobs))
    assert operation.changed
    assert_decided(world)
    assert_finished(world)


@pytest.mark.parametrize(("method", "number"), [("read", 2), ("apply_all", 1)])
def test_a_store_that_goes_away_while_a_cleanup_is_resumed_leaves_it_partly_done(
    world: World, method: str, number: int
) -> None:
    """Its documents may be gone by then: an answer that nothing was changed would be untrue."""
    with_documents(world)
    world.objects.broken.add("list")
    only(denied(world, "job-1"))
    world.objects.broken.clear()
    jobs = ObservedJobs(world)
    jobs.fail(method, number, DOWN)
    assert not assert_partly_done(denied(world, "job-1", jobs=jobs)).changed
    assert_decided(world)
    assert_finished(world)


def test_a_lock_that_the_service_takes_behind_the_decision_does_not_keep_it_from_its_end(
    world: World,
) -> None:
    """The service locks denied jobs too, before it looks at them."""
    with_documents(world)
    jobs, lock = ObservedJobs(world), world.redis.keys.approval_lock("job-1")
    jobs.at("apply_all", 2, lambda: world.redis.raw.set(lock, "processing"))
    assert only(denied(world, "job-1", jobs=jobs)).error is None
    assert world.redis.actions() == ["deny", "deny-cleanup"]
    assert "cleanup_state" not in world.redis.hash()
    assert world.redis.raw.get(lock) == "processing"


@pytest.mark.parametrize("status", ["processing", "queued", "awaiting_approval", "paused"])
def test_a_job_that_is_revived_between_decision_and_deletion_keeps_its_documents(
    world: World, status: str
) -> None:
    with_documents(world)
    jobs = ObservedJobs(world)
    jobs.at("read", 2, lambda: service(world).update_job_status("job-1", status))
    found = denied(world, "job-1", jobs=jobs)
    error = only(found).error
    assert isinstance(error, ConflictError)
    assert "its documents were left" in error.message
    assert found.exit_code == ExitCode.CONFLICT
    assert world.keys_in(DOCUMENTS) == OWN
    assert world.redis.hash()["status"] == status
    assert world.redis.actions() == ["deny"]


def test_a_record_that_disappears_behind_the_decision_is_not_brought_back(world: World) -> None:
    with_documents(world)
    jobs, key = ObservedJobs(world), world.redis.keys.job("job-1")
    jobs.at("read", 2, lambda: world.redis.raw.delete(key))
    assert only(denied(world, "job-1", jobs=jobs)).error is not None
    assert world.redis.hash() == {}
    assert world.keys_in(DOCUMENTS) == OWN


def test_a_job_that_is_revived_while_its_documents_go_is_not_touched_again_but_told_of(
    world: World,
) -> None:
    with_documents(world)
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 2, lambda: service(world).update_job_status("job-1", "processing"))
    error = only(denied(world, "job-1", jobs=jobs)).error
    assert isinstance(error, PartlyDoneError)
    assert "processing meanwhile" in error.message
    assert world.redis.hash()["status"] == "processing"
    assert world.redis.actions() == ["deny", "deny-cleanup"]
    _, last = world.redis.audit()[-1]
    assert (last["from"], last["summary"]) == (
        "processing",
        "4 objects deleted, and the job was revived",
    )


@pytest.mark.parametrize("resumed", [False, True])
def test_denials_of_one_job_at_once_decide_once_and_clean_up_once(
    world: World, resumed: bool
) -> None:
    with_documents(world)
    if resumed:
        world.objects.broken.add("list")
        only(denied(world, "job-1"))
        world.objects.broken.clear()

    def attempt(_: int) -> Operation:
        store = open_store(world.redis.url, world.redis.keys)
        try:
            return only(denied(world, "job-1", jobs=store))
        finally:
            store.close()

    with ThreadPoolExecutor(6) as pool:
        operations = [*pool.map(attempt, range(6))]
    assert [one.error for one in operations] == [None] * 6
    assert any(one.changed for one in operations)
    told = [one.op_id for one in operations if one.op_id]
    assert len(told) == len(set(told))
    assert set(told) <= {record["op_id"] for record in records(world)}
    assert world.redis.actions() == ["deny", "deny-cleanup"]
    assert "cleanup_state" not in world.redis.hash()
    assert world.keys_in(DOCUMENTS) == set()


def test_a_run_that_finds_the_cleanup_finished_by_another_has_changed_nothing(
    world: World,
) -> None:
    with_documents(world)
    world.objects.broken.add("list")
    only(denied(world, "job-1"))
    world.objects.broken.clear()
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, lambda: only(denied(world, "job-1")))
    operation = only(denied(world, "job-1", jobs=jobs))
    assert (operation.changed, operation.error, operation.op_id) == (False, None, None)
    assert operation.notes == ("denied already",)
    assert world.redis.actions() == ["deny", "deny-cleanup"]


def test_one_stuck_document_keeps_no_other_job_from_being_finished(world: World) -> None:
    with_documents(world)
    awaiting(world, "job-2")
    awaiting(world, "job-3")
    world.objects.stuck = {"temp/job-2.pdf"}
    found = denied(world, "job-1", "job-2", "job-3")
    first, second, third = found
    assert (first.error, third.error) == (None, None)
    assert isinstance(second.error, PartlyDoneError)
    assert (found.requested, found.changed, found.unchanged, found.failed) == (3, 2, 0, 1)
    assert world.keys_in(DOCUMENTS) == {"temp/job-2.pdf"}
    marks = [world.redis.hash(one).get("cleanup_state") for one in ("job-1", "job-2", "job-3")]
    assert marks == [None, "pending", None]


def test_documents_that_cannot_be_reached_stop_a_long_run_behind_the_batch(world: World) -> None:
    ids = [f"job-{number}" for number in range(1, 103)]
    for job_id in ids:
        awaiting(world, job_id)
    world.objects.broken.add("list")
    found = denied(world, *ids)
    operations = [*found]
    assert len(operations) == 100
    assert isinstance(found.halted, UnavailableError)
    assert (found.not_tried, found.failed, found.unchanged) == (2, 100, 0)
    assert found.exit_code == ExitCode.PARTIAL
    assert world.redis.hash("job-101")["status"] == "awaiting_approval"


def test_a_refused_denial_touches_no_document(world: World) -> None:
    with_documents(world)
    before = snapshot(world)
    operation = only(denied(world, "job-1", reason="x", expect_status="queued"))
    assert isinstance(operation.error, ConflictError)
    assert snapshot(world) == before
