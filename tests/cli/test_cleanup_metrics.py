"""`cleanup --textfile`: the metrics of every run that has judged its jobs, whatever its end."""

import re
import stat
import time
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import with_document
from tests.cli.expect import assert_refused, unchanged
from tests.cli.runner import Outcome
from tests.cli.world import World, new_id

DAY = 86_400
LONG_AGO = 60 * DAY
SAMPLE = re.compile(r'jobctl_cleanup_[a-z_]+\{namespace="[^"]*"(,[a-z]+="[^"]*")?\} -?[0-9.]+')


def _old(world: World) -> str:
    at = time.time() - LONG_AGO
    return with_document(world, world.seed("completed", job_id=new_id(), at=at))


def _cleaned(world: World, file: Path, *options: str, **env: str) -> Outcome:
    return world.run("cleanup", "--yes", "--textfile", str(file), *options, **env)


def _exit_code_in(file: Path) -> int:
    found = re.search(r"^jobctl_cleanup_exit_code\{.*\} (\d+)$", file.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_metrics_are_valid_and_written_in_one_step(world: World) -> None:
    world.seed("processing", at=time.time() - DAY)
    job_id = _old(world)
    file = world.directory / "jobctl.prom"
    file.write_text("old")
    before = file.stat().st_ino
    with file.open() as reader:
        assert world.run("cleanup", "--yes", "--textfile", str(file)).exit_code == 0
        assert reader.read() == "old"
    assert file.stat().st_ino != before
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [one.name for one in world.directory.iterdir()] == [file.name]
    text = file.read_text()
    assert job_id not in text
    assert text.endswith("\n")
    _assert_valid(text)
    space = f'namespace="{world.namespace}"'
    assert f"jobctl_cleanup_exit_code{{{space}}} 0\n" in text
    assert f'jobctl_cleanup_due_jobs{{{space},sweep="retention"}} 1\n' in text
    assert f'jobctl_cleanup_done_jobs{{{space},action="delete"}} 1\n' in text
    assert f'jobctl_cleanup_done_jobs{{{space},action="fail-stuck"}} 1\n' in text


def _assert_valid(text: str) -> None:
    """Each family in one piece, with its help and type in front; each series once."""
    families: list[str] = []
    series: list[str] = []
    for line in text.splitlines():
        if line.startswith("# HELP "):
            families.append(line.split()[2])
        elif line.startswith("# TYPE "):
            assert line.split()[2:] == [families[-1], "gauge"]
        else:
            assert SAMPLE.fullmatch(line), line
            assert line.partition("{")[0] == families[-1]
            series.append(line.rpartition(" ")[0])
    assert len(set(families)) == len(families)
    assert len(set(series)) == len(series) > 0


@pytest.mark.parametrize("place", ["none/jobctl.prom", "."])
def test_a_file_that_cannot_be_written_is_told_before_anything_is_done(
    world: World, place: str
) -> None:
    _old(world)
    with unchanged(world):
        assert_refused(_cleaned(world, world.directory / place), ExitCode.USAGE)
    assert [*world.directory.iterdir()] == []


def test_a_dry_run_writes_none_and_says_so(world: World) -> None:
    file = world.directory / "jobctl.prom"
    file.write_text("of yesterday")
    for options in (["--dry-run", "--yes"], []):
        outcome = world.run("cleanup", "--textfile", str(file), *options)
        assert outcome.exit_code == 0
        assert "a dry run writes no metrics" in outcome.stderr
    assert file.read_text() == "of yesterday"


def test_metrics_that_fail_behind_the_work_leave_the_report_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = _old(world)
    file = world.directory / "jobctl.prom"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    outcome = _cleaned(world, file, "-o", "json")
    assert outcome.exit_code == ExitCode.PARTIAL
    assert [one["id"] for one in outcome.json["items"]] == [job_id]
    assert "its metrics are not there" in outcome.stderr
    assert not world.job(job_id)
    assert [*world.directory.iterdir()] == []


def test_a_run_that_is_refused_tells_the_watchers(world: World) -> None:
    _old(world)
    file = world.directory / "jobctl.prom"
    assert_refused(_cleaned(world, file, "--max-delete", "0"), ExitCode.REFUSED)
    assert _exit_code_in(file) == ExitCode.REFUSED
    _assert_valid(file.read_text())
    assert f'jobctl_cleanup_left_jobs{{namespace="{world.namespace}"}} 1\n' in file.read_text()


def test_a_run_that_finds_another_at_work_tells_the_watchers(world: World) -> None:
    file = world.directory / "jobctl.prom"
    world.redis.set(world.key("jobctl:lease:cleanup"), "op somebody else")
    assert_refused(_cleaned(world, file), ExitCode.LOCKED)
    assert _exit_code_in(file) == ExitCode.LOCKED


def test_a_run_without_the_object_store_tells_the_watchers(world: World) -> None:
    _old(world)
    file = world.directory / "jobctl.prom"
    outcome = _cleaned(world, file, JOBCTL_S3_ENDPOINT_URL="http://127.0.0.1:1")
    assert outcome.exit_code == ExitCode.UNAVAILABLE
    assert _exit_code_in(file) == ExitCode.UNAVAILABLE


def test_a_run_that_has_judged_nothing_writes_nothing(world: World) -> None:
    file = world.directory / "jobctl.prom"
    assert_refused(
        _cleaned(world, file, JOBCTL_REDIS_URL="redis://127.0.0.1:1/0"), ExitCode.UNAVAILABLE
    )
    assert not file.exists()
