"""`cleanup` on the command line: what it shows, what it asks, and how it ends."""

import json
import re
import stat
import time

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import actions, at_keyboard, request_approval, with_document
from tests.cli.expect import assert_refused, unchanged
from tests.cli.world import World, new_id

DAY = 86_400
LONG_AGO = 60 * DAY


def _old(world: World, status: str = "completed", age: float = LONG_AGO) -> str:
    return with_document(world, world.seed(status, job_id=new_id(), at=time.time() - age))


def test_without_a_terminal_and_without_yes_it_only_shows(world: World) -> None:
    job_id = _old(world)
    with unchanged(world):
        outcome = world.run("cleanup")
    assert outcome.exit_code == 0
    [row] = outcome.rows
    assert (row["id"], row["action"], row["changed"]) == (job_id, "delete", "no")
    assert outcome.stderr.startswith("dry run, nothing was changed: 1 job examined")
    assert "due: retention 1" in outcome.stderr


@pytest.mark.parametrize("answer", ["y\n", "n\n", "\n", "\x04"])
def test_at_a_terminal_it_asks(world: World, answer: str) -> None:
    job_id = _old(world)
    with at_keyboard("cleanup", env=world.env) as keyboard:
        keyboard.expect("[y/N] ")
        assert "retention 1" in keyboard.shown
        assert "Clean up 1 job? [y/N]" in keyboard.shown
        assert world.job(job_id)
        keyboard.type(answer)
        assert keyboard.end() == (0 if answer == "y\n" else ExitCode.REFUSED)
    assert bool(world.job(job_id)) is (answer != "y\n")
    assert actions(world) == (["delete-intent", "delete"] if answer == "y\n" else [])


@pytest.mark.parametrize("options", [["--dry-run"], ["--dry-run", "--yes"]])
def test_a_dry_run_changes_nothing(world: World, options: list[str]) -> None:
    _old(world)
    with unchanged(world):
        assert world.run("cleanup", *options).exit_code == 0


def test_with_yes_it_does_what_the_dry_run_has_shown(world: World) -> None:
    due = {_old(world): "delete", _old(world, "processing", DAY): "fail-stuck"}
    due[request_approval(world, approval_expires_at="2026-01-01T00:00:00+00:00")] = "time-out"
    _old(world, age=DAY)
    *shown, planned = world.run("cleanup", "-o", "jsonl").lines
    done = world.run("cleanup", "--yes", "-o", "jsonl")
    assert {one["id"]: one["action"] for one in shown} == due
    *lines, summary = done.lines
    assert {one["id"]: one["action"] for one in lines if one["changed"]} == due
    assert done.exit_code == 0
    assert [one["kind"] for one in (planned, summary)] == ["CleanupSummary"] * 2
    assert (planned["dry_run"], summary["dry_run"]) == (True, False)
    assert planned["due"] == summary["due"]
    assert summary["done"] == {"delete": 1, "fail-stuck": 1, "time-out": 1}
    [nothing] = world.run("cleanup", "--yes", "-o", "jsonl").lines
    assert nothing["done"] == {}


def test_the_summary_is_one_line_on_stderr(world: World) -> None:
    _old(world)
    outcome = world.run("cleanup", "--yes")
    [line] = outcome.stderr.splitlines()
    assert line.startswith("1 job examined, done: delete 1, 1 object deleted, ")
    assert world.run("cleanup", "--yes", "--quiet").stderr == ""


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_the_summary_is_there_for_cron_also_beside_json(world: World, form: str) -> None:
    _old(world)
    shown = world.run("cleanup", "-o", form)
    done = world.run("cleanup", "--yes", "-o", form)
    for outcome, begins in ((shown, "dry run, nothing was changed"), (done, "1 job examined")):
        [line] = outcome.stderr.splitlines()
        note = json.loads(line)
        assert (note["schema"], note["kind"]) == ("jobctl/v1", "Note")
        assert note["message"].startswith(begins)
    assert world.run("cleanup", "--yes", "-o", form, "-q").stderr == ""


def test_the_summary_line_is_no_id_for_other_commands(world: World) -> None:
    job_id = _old(world)
    lines = world.run("cleanup", "-o", "jsonl").stdout
    outcome = world.run("status", "-", "-o", "json", stdin=lines)
    assert outcome.json["id"] == job_id


@pytest.mark.parametrize("form", ["tsv", "json"])
def test_an_index_without_entries_is_named(world: World, form: str) -> None:
    outcome = world.run("cleanup", "--yes", "-o", form, JOBCTL_INDEX_KEY="eq-pdf:mistyped")
    assert outcome.exit_code == 0
    assert ("eq-pdf:mistyped has no entries" in outcome.stderr) is (form == "tsv")


def test_the_report_as_json(world: World) -> None:
    job_id = _old(world)
    _old(world, age=DAY)
    report = world.run("cleanup", "--yes", "-o", "json").json
    summary = report.pop("summary")
    [item] = report.pop("items")
    assert re.fullmatch(r"[-0-9]+T[:0-9.]+Z", report.pop("cutoff"))
    assert report == {
        "schema": "jobctl/v1",
        "kind": "CleanupReport",
        "dry_run": False,
        "namespace": world.namespace,
    }
    assert (item["id"], item["changed"], item["status"]) == (job_id, True, "deleted")
    assert summary.pop("seconds") >= 0
    assert summary == {
        "examined": 2,
        "undatable": 0,
        "gone_early": 0,
        "malformed": 0,
        "examples": {"undatable": [], "gone_early": [], "malformed": []},
        "due": {"approvals": 0, "stuck": 0, "retention": 1, "index": 0, "orphans": 0},
        "done": {"delete": 1},
        "unchanged": 0,
        "failed": 0,
        "left": 0,
        "objects_deleted": 1,
        "eviction_policy": "noeviction",
        "versioned_buckets": [],
        "versions_kept": {},
    }


@pytest.mark.parametrize("form", ["table", "wide", "tsv", "csv", "json", "jsonl", "id"])
def test_every_format_names_the_job(world: World, form: str) -> None:
    job_id = _old(world)
    outcome = world.run("cleanup", "--yes", "-o", form)
    assert outcome.exit_code == 0
    assert outcome.stdout.count(job_id) == 1


def test_sweeps_and_ages_can_be_chosen(world: World) -> None:
    failed, _ = _old(world, "failed", 3 * DAY), _old(world)
    _old(world, "processing", DAY)
    outcome = world.run(
        "cleanup", "--only", "retention", "--older", "failed=2d", "--older", "completed=never"
    )
    assert [row["id"] for row in outcome.rows] == [failed]


@pytest.mark.parametrize(
    "options",
    [
        ["--only", "everything"],
        ["--older", "failed"],
        ["--older", "queued=1d"],
        ["--older", "failed=5"],
        ["--max-delete", "101%"],
        ["--max-delete", "many"],
        ["--keep-last", "-1"],
        ["--rate", "0"],
        ["--rate", "nan"],
        ["--grace", "5m"],
        ["--archive-documents", "--yes"],
        ["--only", ""],
        ["--only", ","],
        ["--only", "", "--yes"],
        ["--archive", "", "--yes"],
        ["--archive", "s3://", "--yes"],
        ["--archive", "s3:///prefix", "--yes"],
        ["--archive", "gs://bucket/x", "--yes"],
        ["--archive", "S3://bucket/x", "--yes"],
        ["--archive", "s3:/bucket/x", "--yes"],
        ["--archive", "file:///srv/archive", "--yes"],
        ["--archive", "/dev/null", "--yes"],
        ["--archive", "~nobody-of-that-name/x", "--yes"],
        ["--textfile", "", "--yes"],
    ],
)
def test_what_makes_no_sense_is_bad_usage(world: World, options: list[str]) -> None:
    _old(world)
    with unchanged(world):
        assert_refused(world.run("cleanup", *options), ExitCode.USAGE)


def test_results_go_on_request(world: World) -> None:
    for options in ([], ["--results"]):
        job_id = _old(world)
        world.bucket.put_object(Bucket=world.results, Key=f"results/{job_id}/a.md", Body=b"#")
        assert world.run("cleanup", "--yes", *options).exit_code == 0
        left = f"{world.results}/results/{job_id}/a.md"
        assert (left in world.objects) is not bool(options)


def test_a_plan_is_written_and_carried_out(world: World) -> None:
    job_id = _old(world)
    plan = world.directory / "plan.jsonl"
    with unchanged(world):
        shown = world.run("cleanup", "--yes", "--plan-out", str(plan))
    assert [row["id"] for row in shown.rows] == [job_id]
    later = _old(world)
    done = world.run("cleanup", "--plan", str(plan), "--yes", "--max-delete", "1")
    assert [row["id"] for row in done.rows] == [job_id]
    assert (done.exit_code, bool(world.job(later))) == (0, True)
    again = world.run("cleanup", "--plan", str(plan), "--yes")
    assert (again.exit_code, "gone already" in again.stdout) == (0, True)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"{}\n"])
def test_a_file_that_is_no_plan_is_bad_usage(world: World, content: bytes) -> None:
    plan = world.file("plan.jsonl", content)
    assert_refused(world.run("cleanup", "--plan", plan, "--yes"), ExitCode.USAGE)


def test_an_altered_plan_is_refused(world: World) -> None:
    _old(world)
    plan = world.directory / "plan.jsonl"
    world.run("cleanup", "--plan-out", str(plan))
    plan.write_text(plan.read_text().replace("completed", "cancelled"))
    with unchanged(world):
        outcome = world.run("cleanup", "--plan", str(plan), "--yes")
    assert_refused(outcome, ExitCode.REFUSED)


def test_a_plan_excludes_other_choices_and_must_exist(world: World) -> None:
    plan = str(world.directory / "none.jsonl")
    assert_refused(world.run("cleanup", "--plan", plan, "--only", "index"), ExitCode.USAGE)
    assert_refused(world.run("cleanup", "--plan", plan), ExitCode.NOT_FOUND)


def test_the_name_of_a_registered_document_is_not_told(world: World) -> None:
    uploads = ("uploads/Jane Doe diagnosis.pdf", "uploads/../Jane Doe.pdf", "Jane Doe.pdf")
    for key in uploads:
        job_id = world.seed("completed", job_id=new_id(), at=time.time() - LONG_AGO)
        world.foreign.put_fields(job_id, s3_key=key)
    outcome = world.run("cleanup", "--yes", "-o", "json")
    told = outcome.stdout + outcome.stderr + repr(world.redis.xrange(world.key("audit")))
    assert "Jane" not in told
    assert f"s3://{world.documents}/uploads/… was registered, not uploaded: it stays" in told


def test_a_plan_is_for_its_owner_alone(world: World) -> None:
    _old(world)
    plan = world.directory / "plan.jsonl"
    for before in (None, 0o644):
        if before is not None:
            plan.chmod(before)
        assert world.run("cleanup", "--plan-out", str(plan)).exit_code == 0
        assert stat.S_IMODE(plan.stat().st_mode) == 0o600


def test_a_plan_has_its_own_grace(world: World) -> None:
    _old(world)
    plan = str(world.directory / "plan.jsonl")
    world.run("cleanup", "--plan-out", plan)
    with unchanged(world):
        outcome = world.run("cleanup", "--plan", plan, "--grace", "9d", "--yes")
    assert_refused(outcome, ExitCode.USAGE)
