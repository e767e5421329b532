"""`delete`: documents first, record last; refused, resumed, and never beyond the job's own."""

from typing import Any

import pytest

from jobctl.domain.status import ACTIVE, TERMINAL, JobStatus
from jobctl.errors import (
    ConflictError,
    ExitCode,
    NotFoundError,
    OutcomeUnknownError,
    PartlyDoneError,
    UnavailableError,
)
from jobctl.services.delete import DeleteJobs, delete
from jobctl.services.operations import Operation, OperationList
from jobctl.services.ports import JobStore
from tests.services.world import DOCUMENTS, RESULTS, InterruptedJobs, World
from tests.storage.redis_under_test import approval_token

UUID = "7f3c1a52-9d0e-4b7a-8a3f-0c2d4e6f8a1b"


def run(
    world: World, *ids: str, jobs: JobStore | None = None, reason: str = "", **options: Any
) -> OperationList:
    request = DeleteJobs(ids=ids, actor="tester", new_op_id=world.op_id, reason=reason, **options)
    return delete(request, jobs=jobs or world.redis.store, documents=world.documents)


def only(found: OperationList) -> Operation:
    [operation] = found
    return operation


def own_documents(job_id: str) -> list[str]:
    return [
        f"temp/{job_id}.pdf",
        f"temp/{job_id}/page.png",
        f"{job_id}/pages/1.png",
        f"debug/{job_id}/trace.json",
    ]


def ended(world: World, job_id: str = "job-1", **fields: Any) -> None:
    stored = {"status": "failed", "s3_key": f"temp/{job_id}.pdf"} | fields
    world.redis.write_job(job_id, **stored)


def test_delete_removes_documents_record_and_everything_that_points_to_it(world: World) -> None:
    keys, raw = world.redis.keys, world.redis.raw
    ended(world, approval_token="the-token")
    raw.set(keys.token(approval_token("the-token")), "job-1")
    raw.zadd(keys.deadlines, {"job-1": 1})
    raw.lpush(keys.approval_queue, '{"job_id": "job-1"}', '{"job_id": "job-2"}')
    raw.lpush(keys.processing_queue, '{"job_id": "job-1"}')
    world.put(DOCUMENTS, *own_documents("job-1"))

    operation = only(run(world, "job-1", reason="because"))

    assert (operation.changed, operation.error) == (True, None)
    assert (operation.previous_status, operation.status) == ("failed", "deleted")
    assert world.keys_in(DOCUMENTS) == set()
    assert raw.lrange(keys.approval_queue, 0, -1) == ['{"job_id": "job-2"}']
    assert set(world.redis.everything()) == {keys.approval_queue.encode(), keys.audit.encode()}
    assert world.redis.actions() == ["delete-intent", "delete"]
    last = world.redis.audit()[-1][1]
    assert last["op_id"] == operation.op_id
    assert (last["reason"], last["from"], last["to"]) == ("because", "failed", "")
    assert "4 objects" in last["summary"]
    assert all(fields["reason"] == "because" for _, fields in world.redis.audit())


@pytest.mark.parametrize("status", sorted(ACTIVE))
def test_delete_refuses_an_active_job(world: World, status: JobStatus) -> None:
    ended(world, status=status.value)
    world.put(DOCUMENTS, *own_documents("job-1"))
    before = world.redis.everything()
    operation = only(run(world, "job-1"))
    assert isinstance(operation.error, ConflictError)
    assert status.value in operation.error.message
    assert world.redis.everything() == before
    assert world.keys_in(DOCUMENTS) == set(own_documents("job-1"))


@pytest.mark.parametrize("raw", ["paused", "", "Failed?"])
def test_delete_refuses_a_job_in_an_unknown_status(world: World, raw: str) -> None:
    ended(world, status=raw)
    before = world.redis.everything()
    assert isinstance(only(run(world, "job-1")).error, ConflictError)
    assert world.redis.everything() == before


@pytest.mark.parametrize("raw", [*sorted(TERMINAL), "FINISHED", "timeout", "canceled"])
def test_delete_removes_a_job_that_has_ended_however_that_is_spelled(
    world: World, raw: str
) -> None:
    ended(world, status=raw)
    assert only(run(world, "job-1")).changed
    assert world.redis.hash() == {}


def test_delete_leaves_alone_what_belongs_to_another_job(world: World) -> None:
    ended(world, "a", s3_key="temp/a.pdf")
    foreign = {
        "temp/a-other.pdf",
        "temp/a.b.pdf",
        "temp/ab.pdf",
        "temp/a-other/x",
        "ab/pages/1.png",
        "a/else/1.png",
        "debug/ab/t.json",
    }
    world.put(DOCUMENTS, *foreign, *own_documents("a"))
    assert only(run(world, "a")).changed
    assert world.keys_in(DOCUMENTS) == foreign


def test_delete_leaves_a_document_that_was_registered_by_its_key(world: World) -> None:
    ended(world, s3_key="inbox/contract.pdf")
    world.put(DOCUMENTS, "inbox/contract.pdf", "temp/job-1/page.png")
    operation = only(run(world, "job-1"))
    assert operation.changed
    assert world.keys_in(DOCUMENTS) == {"inbox/contract.pdf"}
    assert any("inbox/… was" in note and "stays" in note for note in operation.notes)


@pytest.mark.parametrize("results", [False, True])
def test_results_are_deleted_only_when_asked_for(world: World, results: bool) -> None:
    ended(world, UUID)
    mine = {f"results/{UUID}/out.md", f"{UUID}.md", f"{UUID}/x.json", f"{UUID}-corrected.md"}
    foreign = {"results/other/out.md", "other.md"}
    world.put(RESULTS, *mine, *foreign)
    assert only(run(world, UUID, results=results)).changed
    assert world.keys_in(RESULTS) == (foreign if results else mine | foreign)


def test_delete_without_any_object_removes_the_record(world: World) -> None:
    ended(world)
    operation = only(run(world, "job-1"))
    assert operation.changed
    assert operation.notes[0].startswith("0 objects")


def test_an_unknown_job_is_not_found_and_stops_no_other(world: World) -> None:
    ended(world)
    found = run(world, "nope", "job-1", "nope")
    assert [type(item.error) for item in found] == [NotFoundError, type(None)]
    assert found.exit_code == ExitCode.PARTIAL
    assert world.redis.hash() == {}


def test_a_dry_run_deletes_nothing(world: World) -> None:
    ended(world)
    world.put(DOCUMENTS, *own_documents("job-1"))
    before = world.redis.everything()
    found = run(world, "job-1", dry_run=True)
    assert found.dry_run
    operation = only(found)
    assert (operation.changed, operation.op_id) == (False, None)
    assert "4 objects" in operation.notes[0]
    assert world.redis.everything() == before
    assert world.keys_in(DOCUMENTS) == set(own_documents("job-1"))


def test_a_document_store_that_cannot_be_listed_changes_nothing(world: World) -> None:
    ended(world)
    world.put(DOCUMENTS, *own_documents("job-1"))
    before = world.redis.everything()
    world.objects.broken.add("list")
    assert isinstance(only(run(world, "job-1")).error, UnavailableError)
    assert world.redis.everything() == before
    assert world.keys_in(DOCUMENTS) == set(own_documents("job-1"))


def test_a_document_store_that_fails_keeps_the_job_and_the_command_can_be_repeated(
    world: World,
) -> None:
    ended(world)
    world.put(DOCUMENTS, *own_documents("job-1"))
    world.objects.broken.add("delete")
    for _ in range(3):
        operation = only(run(world, "job-1"))
        assert isinstance(operation.error, PartlyDoneError)
        assert isinstance(operation.error.__cause__, UnavailableError)
        assert not operation.changed
        assert world.redis.hash()["cleanup_state"] == "deleting"
    world.objects.broken.clear()
    assert only(run(world, "job-1")).changed
    assert world.redis.actions() == ["delete-intent", "delete"]
    assert world.keys_in(DOCUMENTS) == set()
    assert world.redis.hash() == {}


def test_one_object_that_cannot_be_deleted_keeps_the_job_and_is_named(world: World) -> None:
    ended(world)
    world.put(DOCUMENTS, *own_documents("job-1"))
    world.objects.stuck = {"job-1/pages/1.png"}
    operation = only(run(world, "job-1"))
    assert isinstance(operation.error, PartlyDoneError)
    assert operation.error.exit_code == ExitCode.PARTIAL
    assert "job-1/…" in operation.error.message
    assert "1 of 4" in operation.error.message
    assert world.keys_in(DOCUMENTS) == {"job-1/pages/1.png"}
    assert world.redis.hash()["status"] == "failed"
    world.objects.stuck = set()
    assert only(run(world, "job-1")).changed
    assert world.redis.actions() == ["delete-intent", "delete"]


@pytest.mark.parametrize(
    "failure", [UnavailableError("redis is gone"), OutcomeUnknownError("lost", op_id="op")]
)
@pytest.mark.parametrize("action", ["delete-intent", "delete"])
def test_a_failure_between_the_steps_is_finished_by_the_next_run(
    world: World, action: str, failure: UnavailableError | OutcomeUnknownError
) -> None:
    ended(world)
    world.put(DOCUMENTS, *own_documents("job-1"))
    jobs = InterruptedJobs(world)
    jobs.failing[action] = failure
    error = only(run(world, "job-1", jobs=jobs)).error
    begun = action == "delete" and isinstance(failure, UnavailableError)
    assert (error.__cause__ if begun and error else error) is failure
    assert isinstance(error, PartlyDoneError) is begun
    if action == "delete-intent":
        assert world.keys_in(DOCUMENTS) == set(own_documents("job-1"))
    assert world.redis.hash()["status"] == "failed"
    assert only(run(world, "job-1")).changed
    assert world.redis.actions() == ["delete-intent", "delete"]
    assert world.keys_in(DOCUMENTS) == set()


def test_no_object_is_deleted_before_the_intent_is_recorded(world: World) -> None:
    ended(world)
    world.put(DOCUMENTS, *own_documents("job-1"))
    seen: list[list[str]] = []
    world.objects.before["delete"] = lambda: seen.append(world.redis.actions())
    assert only(run(world, "job-1")).changed
    assert seen == [["delete-intent"]]


def test_a_job_that_is_retried_in_between_is_not_deleted(world: World) -> None:
    ended(world)
    world.put(DOCUMENTS, *own_documents("job-1"))
    jobs = InterruptedJobs(world)
    key = world.redis.keys.job("job-1")
    jobs.before["delete-intent"] = lambda: world.redis.raw.hset(key, "status", "queued")
    assert isinstance(only(run(world, "job-1", jobs=jobs)).error, ConflictError)
    assert world.redis.hash()["status"] == "queued"
    assert world.keys_in(DOCUMENTS) == set(own_documents("job-1"))


def test_an_id_that_is_given_twice_is_deleted_once(world: World) -> None:
    ended(world)
    found = run(world, "job-1", "job-1")
    assert [item.changed for item in found] == [True]
