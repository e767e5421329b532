"""`audit list --checkpoint`: what cron exports, nothing lost and nothing twice."""

import json
import os
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from jobctl.storage.checkpoint_file import CheckpointFile
from tests.cli.expect import assert_failed, assert_refused
from tests.cli.runner import clean_environment, command, start
from tests.cli.world import World
from tests.servers.proxy import FaultProxy
from tests.storage.audit_trail import FOREIGN, write_trail
from tests.waiting import PATIENCE, wait_until


@pytest.fixture
def trail(any_world: World) -> World:
    write_trail(any_world.redis, any_world.key("audit"), 60)
    return any_world


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.checkpoint"


def kept(file: Path) -> str:
    place: str = json.loads(file.read_text())["place"]
    return place


def exported(world: World, file: Path, *options: str) -> list[int]:
    outcome = world.run("audit", "list", "--checkpoint", str(file), "-o", "jsonl", *options)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    return [line["seq"] for line in outcome.lines]


def test_every_run_exports_what_came_since_the_last(trail: World, file: Path) -> None:
    assert exported(trail, file) == [*range(1, 61)], "all of it, whatever the usual limit"
    stored = json.loads(file.read_text())
    assert stored == {
        "schema": "jobctl/v1",
        "kind": "AuditCheckpoint",
        "namespace": trail.namespace,
        "place": "60-0",
        "hash": trail.audit[-1]["hash"],
    }
    assert exported(trail, file) == []
    assert json.loads(file.read_text()) == stored
    assert trail.run("update", trail.seed(), "--summary", "x").exit_code == 0
    assert exported(trail, file) == [61]


@pytest.mark.parametrize("output", ["table", "wide", "json", "jsonl", "csv", "tsv", "id"])
def test_the_place_is_kept_in_every_format(output: str, trail: World, file: Path) -> None:
    outcome = trail.run("audit", "--checkpoint", str(file), "-o", output)
    assert outcome.exit_code == 0
    assert kept(file) == "60-0"
    assert outcome.stdout.index("op-1" if output == "id" else "reason 1") < outcome.stdout.index(
        "op-60" if output == "id" else "reason 60"
    )


def test_a_limit_is_gone_on_from(trail: World, file: Path) -> None:
    assert exported(trail, file, "-n", "25") == [*range(1, 26)]
    assert kept(file) == "25-0"
    outcome = trail.run("audit", "--checkpoint", str(file), "-n", "25")
    assert outcome.stderr == "showing 25; the next run goes on behind them\n"
    assert exported(trail, file, "--all") == [*range(51, 61)]


def test_filters_keep_the_place_of_what_they_drop(trail: World, file: Path) -> None:
    assert exported(trail, file, "--job", "job-7") == [7, 17, 27, 37, 47, 57]
    assert kept(file) == "60-0"
    file.unlink()
    assert exported(trail, file, "--actor", "nobody") == []
    assert kept(file) == "60-0"


def test_a_reader_that_has_gone_leaves_the_file_as_it_was(trail: World, file: Path) -> None:
    exported(trail, file, "-n", "5")
    arguments = ("audit", "--checkpoint", str(file), "-o", "jsonl")
    reading, writing = os.pipe()
    os.close(reading)
    with start(*arguments, env=trail.env, stdout=writing) as process:
        os.close(writing)
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(PATIENCE)) == (b"", 0)
    assert kept(file) == "5-0"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_leaves_the_file_as_it_was(trail: World, file: Path) -> None:
    exported(trail, file, "-n", "5")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("audit", "--checkpoint", str(file)), env=clean_environment(trail.env),
            stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert done.returncode == ExitCode.PARTIAL
    assert kept(file) == "5-0"


def test_no_standard_output_leaves_the_file_as_it_was(trail: World, file: Path) -> None:
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *command("audit", "--checkpoint", str(file))]
    done = subprocess.run(
        shell, env=clean_environment(trail.env), capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0
    assert not file.exists()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_the_file_as_it_was(
    sent: int, far_world: World, proxy: FaultProxy, file: Path
) -> None:
    write_trail(far_world.redis, far_world.key("audit"), 1_200)
    exported(far_world, file, "-n", "5")
    proxy.drop_reply(matching=b"(505-0", mode="stall")
    with start("audit", "--checkpoint", str(file), env=far_world.env) as process:
        wait_until(lambda: bool(proxy.dropped))
        process.send_signal(sent)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + sent
    assert kept(file) == "5-0"


def test_an_outage_half_way_leaves_the_file_as_it_was(
    far_world: World, proxy: FaultProxy, file: Path
) -> None:
    write_trail(far_world.redis, far_world.key("audit"), 1_200)
    exported(far_world, file, "-n", "5")
    proxy.drop_reply(matching=b"(505-0", times=3)  # as often as it is asked
    outcome = far_world.run("audit", "--checkpoint", str(file))
    assert_failed(outcome, ExitCode.UNAVAILABLE)
    assert kept(file) == "5-0"
    assert exported(far_world, file) == [*range(6, 1_201)]


@pytest.mark.parametrize("change", ["rewritten", "rolled back", "gone", "taken out"])
def test_another_trail_is_refused(change: str, trail: World, file: Path) -> None:
    exported(trail, file)
    stream, before = trail.key("audit"), file.read_text()
    if change == "taken out":
        trail.redis.xdel(stream, "60-0")
        trail.redis.xadd(stream, FOREIGN, id="61-0")
    else:
        trail.redis.delete(stream)
        amount = {"rewritten": 70, "rolled back": 59, "gone": 0}[change]
        write_trail(trail.redis, stream, amount, lambda _: {"actor": "nobody"})
    outcome = trail.run("audit", "--checkpoint", str(file))
    assert_refused(outcome, ExitCode.FINDINGS)
    assert "audit record 60 " in outcome.stderr
    assert file.read_text() == before
    document = trail.run("audit", "--checkpoint", str(file), "-o", "json")
    assert document.error["code"] == "findings"


def test_what_was_trimmed_away_is_said(trail: World, file: Path) -> None:
    exported(trail, file, "-n", "5")
    trail.redis.xtrim(trail.key("audit"), minid="20-0", approximate=False)
    arguments = ("audit", "--checkpoint", str(file), "-q", "-n", "1")
    assert trail.run(*arguments).stderr.splitlines() == [
        "jobctl: 14 records behind 5 were trimmed away before they were read",
        "        this goes on from 20, the oldest that is kept",
    ]
    file.write_text(file.read_text().replace("20-0", "5-0").replace(
        trail.audit[0]["hash"], "0" * 64
    ))  # fmt: skip
    outcome = trail.run(*arguments, "-o", "jsonl")
    assert (outcome.exit_code, outcome.error["code"]) == (0, "records_missing")
    assert [line["seq"] for line in outcome.lines] == [20]


def test_two_runs_at_once(trail: World, file: Path) -> None:
    with closing(CheckpointFile(file, namespace=trail.namespace)):
        assert_refused(trail.run("audit", "--checkpoint", str(file)), ExitCode.LOCKED)
    assert exported(trail, file) == [*range(1, 61)]


def test_the_file_of_another_namespace_is_refused(trail: World, file: Path) -> None:
    exported(trail, file)
    before = file.read_text()
    outcome = trail.run("audit", "--checkpoint", str(file), JOBCTL_NAMESPACE="other")
    assert_refused(outcome, ExitCode.REFUSED)
    assert file.read_text() == before


def test_a_damaged_file_is_refused(trail: World, file: Path) -> None:
    file.write_text("{")
    assert_refused(trail.run("audit", "--checkpoint", str(file)), ExitCode.BAD_CONFIGURATION)
    assert file.read_text() == "{"


def test_a_file_that_cannot_be_replaced_is_said(
    trail: World, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    outcome = trail.run("audit", "--checkpoint", str(file))
    assert_failed(outcome, ExitCode.PARTIAL)
    assert len(outcome.rows) == 60
    assert not file.exists()


@pytest.mark.parametrize(
    "options", [["--checkpoint", ""], ["--checkpoint", "x", "--cursor", "3"], ["--checkpoint"]]
)
def test_a_wrong_command_line_is_refused(options: list[str], world: World) -> None:
    assert_refused(world.run("audit", *options), ExitCode.USAGE)


def test_a_directory_that_there_is_not(world: World, tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "file")
    assert_refused(world.run("audit", "--checkpoint", path), ExitCode.NOT_FOUND)
