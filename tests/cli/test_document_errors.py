"""Documents and buckets that are not what `create` and `delete` need; nothing is left half done."""

import os
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import assert_failed, assert_refused, unchanged
from tests.cli.world import World, new_id
from tests.servers.s3 import OUTSIDER, READ_ONLY


def credentials(pair: tuple[str, str]) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": pair[0], "AWS_SECRET_ACCESS_KEY": pair[1]}


def test_a_missing_file(world: World) -> None:
    with unchanged(world):
        assert_refused(world.run("create", "no-such-file.pdf"), ExitCode.NOT_FOUND)


def test_a_directory_as_the_file(world: World, tmp_path: Path) -> None:
    with unchanged(world):
        assert_refused(world.run("create", str(tmp_path)), ExitCode.USAGE)


def test_an_empty_file_and_empty_standard_input(world: World) -> None:
    with unchanged(world):
        assert_refused(world.run("create", world.file(content=b"")), ExitCode.USAGE)
        assert_refused(world.run("create", "-"), ExitCode.USAGE)


def test_a_path_through_a_file(world: World) -> None:
    with unchanged(world):
        assert_refused(world.run("create", world.file() + "/x"), ExitCode.NOT_FOUND)


def test_a_pipe_as_the_file_is_read_like_standard_input(world: World) -> None:
    """`jobctl create <(pandoc …)`: the shell names a pipe."""
    reading, writing = os.pipe()
    os.write(writing, b"from a pipe")
    os.close(writing)
    try:
        outcome = world.run("create", f"/dev/fd/{reading}")
    finally:
        os.close(reading)
    assert outcome.exit_code == 0, outcome.stderr
    assert list(world.objects.values()) == [b"from a pipe"]


def test_an_object_that_is_not_there(world: World) -> None:
    with unchanged(world):
        outcome = world.run("create", "--s3-key", "temp/nothing.pdf")
        assert_refused(outcome, ExitCode.NOT_FOUND)
    assert f"s3://{world.documents}/temp/nothing.pdf" in outcome.stderr


def test_a_missing_bucket(strict_world: World) -> None:
    world = strict_world
    with unchanged(world):
        outcome = world.run("create", world.file(), JOBCTL_DOCUMENTS_BUCKET="no-such-bucket")
        assert_refused(outcome, ExitCode.NOT_FOUND)
    assert "no-such-bucket" in outcome.stderr


@pytest.mark.parametrize("who", [READ_ONLY, OUTSIDER], ids=["reader", "outsider"])
def test_no_permission_on_the_bucket(who: tuple[str, str], strict_world: World) -> None:
    world = strict_world
    with unchanged(world):
        outcome = world.run("create", world.file(), **credentials(who))
        assert_refused(outcome, ExitCode.NOT_PERMITTED)
    assert world.documents in outcome.stderr
    assert who[1] not in outcome.everything


@pytest.mark.parametrize(
    "pair",
    [("AKADMIN", "wrong-secret-0451"), ("NOBODY", "wrong-secret-0451")],
    ids=["wrong secret", "unknown key"],
)
def test_wrong_s3_credentials(pair: tuple[str, str], strict_world: World) -> None:
    world = strict_world
    with unchanged(world):
        outcome = world.run("create", world.file(), **credentials(pair))
        assert_refused(outcome, ExitCode.NOT_PERMITTED)
        debugged = world.run("--debug", "create", world.file(), **credentials(pair))
    assert "wrong-secret-0451" not in outcome.everything + debugged.everything


def test_no_s3_credentials_at_all(world: World) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    with unchanged(world):
        assert_refused(world.run("create", world.file(), **nobody), ExitCode.NOT_PERMITTED)


def test_s3_down(world: World) -> None:
    with unchanged(world):
        outcome = world.run("create", world.file(), JOBCTL_S3_ENDPOINT_URL="http://127.0.0.1:1")
        assert_refused(outcome, ExitCode.UNAVAILABLE)
    assert "http://127.0.0.1:1" in outcome.stderr


def test_an_endpoint_that_is_not_a_url(world: World) -> None:
    with unchanged(world):
        outcome = world.run("create", world.file(), JOBCTL_S3_ENDPOINT_URL="nonsense")
        assert_refused(outcome, ExitCode.BAD_CONFIGURATION)


def test_the_object_exists_with_other_content(world: World) -> None:
    job_id = new_id()
    world.bucket.put_object(Bucket=world.documents, Key=f"temp/{job_id}.pdf", Body=b"other")
    with unchanged(world):
        assert_refused(world.run("create", world.file(), "--id", job_id), ExitCode.CONFLICT)


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("JOBCTL_S3_ENDPOINT_URL", "http://127.0.0.1:1", ExitCode.UNAVAILABLE),
        ("JOBCTL_DOCUMENTS_BUCKET", "no-such-bucket", ExitCode.NOT_FOUND),
        ("AWS_SECRET_ACCESS_KEY", "wrong", ExitCode.NOT_PERMITTED),
    ],
    ids=["down", "no bucket", "wrong secret"],
)
def test_delete_changes_nothing_when_the_documents_cannot_even_be_listed(
    setting: str, value: str, code: ExitCode, strict_world: World
) -> None:
    world = strict_world
    job_id = world.seed("completed")
    with unchanged(world):
        assert_failed(world.run("delete", job_id, **{setting: value}), code)


def test_delete_that_fails_half_way_is_partly_done_and_is_finished_by_the_same_command(
    strict_world: World,
) -> None:
    world = strict_world
    job_id = world.create()
    world.foreign.update_job_status(job_id, "completed")
    objects = world.objects
    outcome = world.run("delete", job_id, **credentials(READ_ONLY))
    assert_failed(outcome, ExitCode.PARTIAL)
    assert world.objects == objects
    assert world.job(job_id)["status"] == "completed"
    anomalies = world.run("status", job_id, "-o", "json").json["anomalies"]
    assert [one["code"] for one in anomalies] == ["cleanup_pending"]
    assert world.run("delete", job_id).exit_code == 0
    assert (world.objects, world.job(job_id)) == ({}, {})
    assert [entry["action"] for entry in world.audit] == ["create", "delete-intent", "delete"]
