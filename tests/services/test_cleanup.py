"""The sweep `retention` deletes exactly what has outlived its policy."""

import json

import pytest

from jobctl.domain.status import JobStatus
from jobctl.services.left_alone import Oddity
from tests.services.cleaning import (
    DAY,
    LONG_AGO,
    actions_on,
    done,
    job_of_the_past,
    planned,
    revive,
    swept,
)
from tests.services.deciding import contents, neighbours, server_time, token_key
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, RESULTS, World

ID = "0f5c2b1e-9a37-4c55-8b1a-6c3f5d7e9a10"


def test_a_deleted_job_leaves_nothing_but_its_audit_records(world: World) -> None:
    keys, raw = world.redis.keys, world.redis.raw
    job_of_the_past(world, "job-1", approval_token="its-own-token-of-this-test")
    raw.set(token_key(world, "its-own-token-of-this-test"), "job-1", ex=100)
    raw.zadd(keys.deadlines, {"job-1": 1.0})
    for queue in (keys.approval_queue, keys.processing_queue):
        raw.lpush(queue, json.dumps({"job_id": "job-1"}))
    world.put(DOCUMENTS, "temp/job-1/a", "job-1/pages/1.png", "debug/job-1/log")
    world.put(RESULTS, "results/job-1/out.md", "job-1.md")
    neighbours(world)
    before = contents(world)
    report, [operation] = swept(world)
    assert (operation.changed, operation.status, operation.objects) == (True, "deleted", 4)
    after = contents(world)
    assert actions_on(world, "job-1") == ["delete-intent", "delete"]
    del after["audit"], before["job:job-1"]
    del before["approval-token:its-own-token-of-this-test"]
    del before["jobs-by-updated"]["job-1"], before["timeouts:approval"]["job-1"]
    for queue in ("queue:approval", "queue:processing"):
        before[queue].remove('{"job_id": "job-1"}')
    assert after == before
    assert world.keys_in(DOCUMENTS) == {"temp/job-1-other.pdf", "temp/job-10.pdf"}
    assert world.keys_in(RESULTS) == {"results/job-1/out.md", "job-1.md"}
    assert (report.exit_code, report.done["delete"], report.objects) == (0, 1, 4)


def test_results_go_only_on_request(world: World) -> None:
    job_of_the_past(world, ID)
    world.put(RESULTS, f"results/{ID}/out.md", f"{ID}-page.md", f"{ID}.md", f"{ID}x.md")
    swept(world, results=True)
    assert world.keys_in(RESULTS) == {f"{ID}x.md"}


def test_exactly_the_due_jobs_of_many_are_deleted(world: World) -> None:
    """More than a batch, and more than are looked up one by one."""
    due = [job_of_the_past(world, f"old-{number}") for number in range(120)]
    kept = [job_of_the_past(world, f"new-{number}", age=DAY) for number in range(20)]
    _, operations = swept(world)
    assert sorted(done(operations)) == sorted((job_id, "delete") for job_id in due)
    assert world.keys_in(DOCUMENTS) == {f"temp/{job_id}.pdf" for job_id in kept}
    assert set(world.redis.raw.zrange(world.redis.keys.index, 0, -1)) == set(kept)
    assert [actions_on(world, job_id) for job_id in due] == [["delete-intent", "delete"]] * 120


def test_a_job_that_ended_a_moment_ago_is_kept_however_old_it_is(world: World) -> None:
    ended = server_time(world) - DAY
    job_of_the_past(world, "job-1")
    world.redis.raw.hset(world.redis.keys.job("job-1"), "updated_at", ended.isoformat())
    assert swept(world)[1] == []
    assert world.redis.hash()["status"] == "completed"


@pytest.mark.parametrize("status", ["queued", "waiting_for_remote_worker", "paused", "QUEUED"])
def test_a_job_that_has_not_ended_is_never_deleted(world: World, status: str) -> None:
    job_of_the_past(world, "job-1", status)
    assert swept(world)[1] == []
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}


def test_a_record_that_never_expires_is_deleted_like_any_other(world: World) -> None:
    job_of_the_past(world, "job-1")
    world.redis.raw.persist(world.redis.keys.job("job-1"))
    assert done(swept(world)[1]) == [("job-1", "delete")]


def test_a_record_without_a_time_of_change_is_deleted_by_its_creation(world: World) -> None:
    job_of_the_past(world, "job-1")
    world.redis.raw.hdel(world.redis.keys.job("job-1"), "updated_at")
    assert done(swept(world)[1]) == [("job-1", "delete")]
    assert world.redis.hash() == {}


def test_a_deletion_without_a_time_of_change_is_finished_too(world: World) -> None:
    job_of_the_past(world, "job-1")
    world.redis.raw.hdel(world.redis.keys.job("job-1"), "updated_at")
    world.objects.broken.add("delete")
    swept(world)
    world.objects.broken.clear()
    assert done(swept(world)[1]) == [("job-1", "delete")]
    assert actions_on(world, "job-1") == ["delete-intent", "delete"]


@pytest.mark.parametrize("stamp", ["yesterday", "2026-01-01T00:00:00"])
def test_a_job_that_nobody_can_date_is_kept_and_reported(world: World, stamp: str) -> None:
    job_of_the_past(world, "job-1", updated_at=stamp)
    report, operations = swept(world)
    assert (operations, report.plan.header.left_alone[Oddity.UNDATABLE].count) == ([], 1)
    assert world.redis.hash()["updated_at"] == stamp


def test_an_unindexed_record_is_left_to_the_repair_of_the_index(world: World) -> None:
    job_of_the_past(world, "job-1")
    world.redis.raw.zrem(world.redis.keys.index, "job-1")
    assert swept(world)[1] == []
    assert world.redis.hash()["status"] == "completed"


def test_a_job_that_changes_before_the_mark_is_not_touched(world: World) -> None:
    job_of_the_past(world, "job-1")
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, lambda: revive(world, "job-1"))
    _, [operation] = swept(world, jobs=jobs)
    assert not operation.changed
    assert operation.error is None
    assert operation.notes == ("not due any more: it has changed since",)
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
    assert actions_on(world, "job-1") == []


def test_a_job_that_is_revived_while_its_documents_are_looked_for_is_not_even_marked(
    world: World,
) -> None:
    job_of_the_past(world, "job-1")
    world.objects.before["list"] = lambda: revive(world, "job-1")
    report, [operation] = swept(world)
    assert (operation.changed, operation.error, report.exit_code) == (False, None, 0)
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
    assert actions_on(world, "job-1") == []


@pytest.mark.parametrize("status", ["processing", "completed"])
def test_a_job_that_is_revived_behind_its_mark_keeps_its_documents(
    world: World, status: str
) -> None:
    job_of_the_past(world, "job-1")
    jobs = ObservedJobs(world)
    jobs.at("peek", 1, lambda: revive(world, "job-1", status))
    report, [operation] = swept(world, jobs=jobs)
    assert operation.error is not None
    assert operation.error.exit_code == 5
    assert report.exit_code == 5
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
    assert world.redis.hash()["status"] == status
    assert actions_on(world, "job-1") == ["delete-intent"]


def test_the_next_run_lets_a_revived_job_go(world: World) -> None:
    job_of_the_past(world, "job-1")
    jobs = ObservedJobs(world)
    jobs.at("peek", 1, lambda: revive(world, "job-1"))
    swept(world, jobs=jobs)
    report, operations = swept(world)
    assert done(operations) == [("job-1", "delete-abandon")]
    assert report.exit_code == 0
    assert not {"cleanup_state", "cleanup_stamp"} & world.redis.hash().keys()
    assert world.redis.hash()["status"] == "processing"
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
    assert actions_on(world, "job-1") == ["delete-intent", "delete-abandon"]
    assert swept(world)[1] == []


def test_a_job_that_a_worker_revives_by_its_status_alone_is_let_go_too(world: World) -> None:
    job_of_the_past(world, "job-1")
    world.objects.broken.add("delete")
    swept(world)
    world.objects.broken.clear()
    world.redis.raw.hset(world.redis.keys.job("job-1"), "status", "processing")
    assert done(swept(world)[1]) == [("job-1", "delete-abandon")]
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}


def test_a_job_that_is_revived_after_its_documents_are_gone_keeps_its_record(
    world: World,
) -> None:
    job_of_the_past(world, "job-1")
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 2, lambda: revive(world, "job-1"))
    report, [operation] = swept(world, jobs=jobs)
    assert operation.error is not None
    assert (operation.error.exit_code, report.exit_code) == (3, 3)
    assert world.redis.hash()["status"] == "processing"
    assert actions_on(world, "job-1") == ["delete-intent"]


def test_the_newest_that_have_ended_can_be_kept(world: World) -> None:
    for number in range(5):
        job_of_the_past(world, f"job-{number}", age=LONG_AGO + number * DAY)
    job_of_the_past(world, "busy", "queued", age=DAY)
    plan = planned(world, keep_last=3)
    assert [due.job_id for due in plan.entries()] == ["job-3", "job-4"]


def test_a_policy_may_keep_a_status_for_ever(world: World) -> None:
    job_of_the_past(world, "job-1", "completed")
    job_of_the_past(world, "job-2", "failed")
    _, operations = swept(world, keep={JobStatus.FAILED: DAY})
    assert done(operations) == [("job-2", "delete")]


def test_a_document_that_was_registered_by_its_key_stays(world: World) -> None:
    job_of_the_past(world, "job-1", document=False, s3_key="inbox/letter.pdf")
    world.put(DOCUMENTS, "inbox/letter.pdf")
    _, [operation] = swept(world)
    assert operation.objects == 0
    assert "stays" in operation.notes[-1]
    assert world.keys_in(DOCUMENTS) == {"inbox/letter.pdf"}
