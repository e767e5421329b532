"""`delete`: only what has ended, only what the job owns, documents first and the record last."""

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import assert_failed, only_refused, unchanged
from tests.cli.world import World, new_id


def _put(world: World, bucket: str, *keys: str) -> None:
    for key in keys:
        world.bucket.put_object(Bucket=bucket, Key=key, Body=b"x")


def test_delete_removes_exactly_what_the_job_owns(any_world: World) -> None:
    world = any_world
    job_id = new_id()
    world.seed("completed", job_id=job_id)
    owned = [f"temp/{job_id}.pdf", f"temp/{job_id}/a", f"{job_id}/pages/1.png", f"debug/{job_id}/x"]
    others = [
        f"temp/{job_id}-other.pdf",
        f"temp/{job_id}0.pdf",
        f"{job_id}-2/pages/1.png",
        f"debug/{job_id}-2/x",
    ]
    _put(world, world.documents, *owned, *others)
    _put(world, world.results, f"results/{job_id}/r.md")
    outcome = world.run("delete", job_id, "--reason", "asked for", "-o", "json")
    assert outcome.exit_code == 0
    (item,) = outcome.json["items"]
    assert (item["changed"], item["previous_status"], item["status"]) == (
        True,
        "completed",
        "deleted",
    )
    kept = {f"{world.documents}/{key}" for key in others}
    assert set(world.objects) == kept | {f"{world.results}/results/{job_id}/r.md"}
    assert world.keys == [world.key("audit")]
    assert [entry["action"] for entry in world.audit] == ["delete-intent", "delete"]
    assert {entry["reason"] for entry in world.audit} == {"asked for"}


def test_results_go_only_on_request(world: World) -> None:
    job_id = world.seed("completed")
    owned = [f"results/{job_id}/r.md", f"{job_id}.md", f"{job_id}-v2.md", f"{job_id}/old.md"]
    _put(world, world.results, *owned, "results/another/r.md")
    assert world.run("delete", job_id, "--results").exit_code == 0
    assert set(world.objects) == {f"{world.results}/results/another/r.md"}


@pytest.mark.parametrize(
    "status", ["queued", "processing", "awaiting_approval", "Running", "hibernating"]
)
def test_a_job_that_has_not_ended_is_refused(status: str, world: World) -> None:
    job_id = world.seed(status)
    _put(world, world.documents, f"temp/{job_id}.pdf")
    with only_refused(world, "delete"):
        assert_failed(world.run("delete", job_id), ExitCode.CONFLICT)


def test_a_dry_run_of_delete_counts_and_changes_nothing(world: World) -> None:
    job_id = world.seed("failed")
    _put(world, world.documents, f"temp/{job_id}.pdf", f"temp/{job_id}/a")
    with unchanged(world):
        outcome = world.run("delete", job_id, "--dry-run", "-o", "json")
    (item,) = outcome.json["items"]
    assert (item["changed"], item["notes"]) == (False, ["would delete 2 objects"])


def test_some_of_several_is_partly_done(world: World) -> None:
    ended, active = world.seed("denied"), world.seed("processing")
    outcome = world.run("delete", ended, active, "no-such-job", "-o", "json")
    assert outcome.exit_code == ExitCode.PARTIAL
    document = outcome.json
    assert document["summary"] == {
        "requested": 3,
        "changed": 1,
        "unchanged": 0,
        "failed": 2,
        "not_tried": 0,
    }
    codes = [item["error"] and item["error"]["code"] for item in document["items"]]
    assert codes == [None, "conflict", "not_found"]
    assert world.job(ended) == {}
    assert world.job(active)


def test_the_same_id_twice_is_one_deletion(world: World) -> None:
    job_id = world.seed("denied")
    document = world.run("delete", job_id, job_id, "-o", "json").json
    assert document["summary"]["requested"] == 1


def test_a_registered_document_stays_and_is_named(world: World) -> None:
    _put(world, world.documents, "temp/shared.pdf")
    job_id = world.run("create", "--s3-key", "temp/shared.pdf").stdout.strip()
    world.foreign.update_job_status(job_id, "completed")
    outcome = world.run("delete", job_id)
    assert outcome.exit_code == 0
    assert f"{world.documents}/temp/shared.pdf" in world.objects
    assert f"s3://{world.documents}/temp/… was registered" in outcome.stdout


def test_a_job_without_any_document_is_deleted(world: World) -> None:
    job_id = world.seed("failed")
    assert world.run("delete", job_id).exit_code == 0
    assert world.job(job_id) == {}


def test_deleting_again_is_not_found(world: World) -> None:
    job_id = world.seed("failed")
    world.run("delete", job_id)
    with only_refused(world, "delete"):
        assert_failed(world.run("delete", job_id), ExitCode.NOT_FOUND)


def test_a_failed_job_that_was_cancelled_and_a_record_that_never_expires(world: World) -> None:
    job_id = world.seed("failed", cancelled_at="2026-01-02T03:04:05+00:00")
    world.redis.persist(world.key("job", job_id))
    assert world.run("delete", job_id).exit_code == 0
    assert world.keys == [world.key("audit")]
