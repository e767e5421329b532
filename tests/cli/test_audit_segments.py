"""`audit export`, `verify --anchors` and `trim`, with segments in S3 and in a directory."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import assert_failed, assert_refused, unchanged
from tests.cli.runner import run
from tests.cli.world import World
from tests.storage.audit_trail import write_trail


@pytest.fixture(params=["s3", "directory"])
def anchored(request: pytest.FixtureRequest, world: World) -> World:
    """A world with a trail of 30 records, and a place for segments."""
    place = str(world.directory / "segments")
    if request.param == "s3":
        place = f"s3://{world.documents}/prod"
    world.more["JOBCTL_AUDIT_BUCKET"] = place
    write_trail(world.redis, world.key("audit"), 30)
    return world


def test_what_is_new_is_exported_and_anchors_the_trail(anchored: World) -> None:
    first = anchored.run("audit", "export", "-o", "json").json
    assert (first["kind"], first["segments"], first["records"], first["last"]) == (
        "AuditExport", 1, 30, 30,
    )  # fmt: skip
    anchored.seed(job_id="job-1", status="processing")
    anchored.run("cancel", "job-1", "--reason", "nobody waits for it")
    (second,) = anchored.run("audit", "export").rows
    assert (second["segments"], second["first"], second["last_segment"]) == ("1", "31", "2")
    (third,) = anchored.run("audit", "export").rows
    assert (third["segments"], third["last"]) == ("0", second["last"])
    outcome = anchored.run("audit", "verify", "--anchors")
    assert outcome.exit_code == 0, outcome.everything
    assert f"anchored up to record {second['last']} by 2 segments" in outcome.stderr


def test_a_trail_that_is_rolled_back_is_found_by_its_segments(anchored: World) -> None:
    anchored.run("audit", "export")
    anchored.redis.delete(anchored.key("audit"))
    write_trail(anchored.redis, anchored.key("audit"), 12)
    assert anchored.run("audit", "verify").exit_code == ExitCode.DONE
    outcome = anchored.run("audit", "verify", "--anchors")
    assert outcome.exit_code == ExitCode.FINDINGS
    assert [one["breach"] for one in outcome.rows] == ["truncated"]
    assert_failed(anchored.run("audit", "export"), ExitCode.FINDINGS)


def test_old_records_leave_redis_once_they_are_anchored(anchored: World) -> None:
    anchored.run("audit", "export")
    with unchanged(anchored):
        preview = anchored.run("audit", "trim", "--older", "1d", "--dry-run", "-o", "json").json
    assert (preview["upto"], preview["due"], preview["removed"]) == (29, 29, 0)
    document = anchored.run("audit", "trim", "--older", "1d", "-o", "json").json
    assert (document["upto"], document["removed"], document["left"]) == (29, 29, 2)
    outcome = anchored.run("audit", "verify", "--anchors")
    assert outcome.exit_code == 0, outcome.everything
    assert "records up to 29 were trimmed" in outcome.stderr
    assert anchored.audit[-1]["op_id"] == document["op_id"]


def test_nothing_is_trimmed_without_segments(anchored: World) -> None:
    with unchanged(anchored):
        outcome = anchored.run("audit", "trim", "--older", "1d")
        assert_refused(outcome, ExitCode.FINDINGS)
    assert "no segment was found" in outcome.stderr
    checked = anchored.run("audit", "verify", "--anchors")
    assert checked.exit_code == ExitCode.FINDINGS
    assert [one["breach"] for one in checked.rows] == ["segment"]


def test_segments_are_signed_and_checked_by_keys_from_files(anchored: World) -> None:
    secret, public = anchored.directory / "audit.key", anchored.directory / "audit.pub"
    _openssl("genpkey", "-algorithm", "ed25519", "-out", str(secret))
    _openssl("pkey", "-in", str(secret), "-pubout", "-out", str(public))
    assert anchored.run("audit", "export", "--sign-key", str(secret)).exit_code == 0
    signed = anchored.run("audit", "verify", "--public-key", str(public))
    assert signed.exit_code == 0, signed.everything
    wrong = anchored.run("audit", "verify", "--public-key", str(secret))
    assert_refused(wrong, ExitCode.BAD_CONFIGURATION)


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def test_a_segment_is_lines_of_json_that_anybody_can_read(world: World) -> None:
    job_id = world.create("--name", "report", JOBCTL_ACTOR="maker@host")
    folder = world.directory / "segments"
    assert world.run("audit", "export", "--segments", str(folder)).exit_code == 0
    (file,) = folder.rglob("*.jsonl.gz")
    head, record, seal = map(json.loads, gzip.decompress(file.read_bytes()).splitlines())
    assert (head["kind"], head["number"], head["first"]) == ("AuditSegment", 1, 1)
    assert {"seq": record["id"], **record} == {"seq": "1-0", "id": "1-0", **world.audit[0]}
    assert record["job_id"] == job_id
    assert seal["kind"] == "AuditSeal"


@pytest.mark.parametrize(
    "command", [["export"], ["trim", "--older", "1d"], ["verify", "--anchors"]]
)
def test_without_a_place_for_segments_the_setting_is_named(
    world: World, command: list[str]
) -> None:
    outcome = world.run("audit", *command)
    assert_refused(outcome, ExitCode.BAD_CONFIGURATION)
    assert "audit_bucket" in outcome.stderr


@pytest.mark.parametrize("command", [["export"], ["trim", "--older", "1d"]])
def test_a_read_only_context_exports_and_trims_nothing(anchored: World, command: list[str]) -> None:
    with unchanged(anchored):
        assert_refused(anchored.run("--read-only", "audit", *command), ExitCode.REFUSED)


@pytest.mark.parametrize(
    "command",
    [
        ["trim"],
        ["trim", "--older", "90"],
        ["trim", "--older", "1d", "--keep-last", "0"],
        ["verify", "--public-key", "/nonexistent/key"],
        ["export", "--sign-key", "/nonexistent/key"],
    ],
)
def test_a_wrong_command_line_is_refused_before_anything_is_read(
    world: World, command: list[str]
) -> None:
    outcome = world.run("audit", *command, JOBCTL_REDIS_URL="redis://127.0.0.1:1")
    assert_refused(outcome, ExitCode.USAGE)


@pytest.mark.parametrize(
    "place", ["s3://", "s3://b//p", "s3://b/p//q", "s3://b/a/../c", "gs://b/x", "S3://b", " "]
)
def test_a_place_that_is_none_is_refused(world: World, place: str) -> None:
    for command in (["export"], ["verify"], ["trim", "--older", "1d"]):
        outcome = world.run("audit", *command, "--segments", place)
        assert_refused(outcome, ExitCode.USAGE)


def test_a_key_file_whose_name_is_too_long_is_refused(world: World) -> None:
    outcome = world.run("audit", "verify", "--public-key", "x" * 5_000)
    assert_refused(outcome, ExitCode.USAGE)


def test_of_two_trims_at_once_one_works(anchored: World) -> None:
    anchored.run("audit", "export")
    anchored.redis.set(anchored.key("jobctl:lease:audit-trim"), "another run", ex=60)
    with unchanged(anchored):
        assert_refused(anchored.run("audit", "trim", "--older", "1d"), ExitCode.LOCKED)


def test_a_bucket_that_is_not_there_is_told(world: World) -> None:
    write_trail(world.redis, world.key("audit"), 3)
    outcome = world.run("audit", "export", "--segments", "s3://no-such-bucket")
    assert_refused(outcome, ExitCode.NOT_FOUND)


def test_the_embedded_store_keeps_segments_beside_its_data(tmp_path: Path) -> None:
    env = {"XDG_DATA_HOME": str(tmp_path / "data")}
    made = run("create", "-", env=env, stdin=b"%PDF-1.7")
    assert made.exit_code == 0, made.stderr
    assert run("audit", "export", env=env).exit_code == 0
    assert run("audit", "verify", "--anchors", "--jobs", env=env).exit_code == 0
    assert [*(tmp_path / "data" / "jobctl" / "segments").rglob("00000001.jsonl.gz")]
