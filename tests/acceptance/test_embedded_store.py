"""Nothing configured: jobs live in a store that starts by itself and outlives every process."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from jobctl.storage.embedded import EmbeddedServer
from tests.acceptance.embedded import (
    client_of,
    data_directory,
    server_is_gone,
    short_directory,
)
from tests.acceptance.warm import run_at_once
from tests.cli.expect import assert_failed, assert_refused
from tests.cli.runner import run, spawn

NOTE = "jobctl: using the embedded store in "


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "README.md"
    path.write_text("# A document\n")
    return str(path)


def test_a_first_job_and_other_processes_that_see_it(local: dict[str, str], file: str) -> None:
    created = spawn("create", file, env=local)
    assert created.exit_code == 0, created.stderr
    job_id = created.stdout.strip()
    assert spawn("list", "-o", "id", env=local).stdout == f"{job_id}\n"
    document = spawn("status", job_id, "-o", "json", env=local).json
    assert (document["id"], document["name"], document["anomalies"]) == (job_id, "README.md", [])
    listed = spawn("list", "-o", "json", env=local).json
    assert [item["id"] for item in listed["items"]] == [job_id]
    assert server_is_gone(local)


def test_the_whole_life_of_a_job_without_any_server(local: dict[str, str], file: str) -> None:
    local = local | {"JOBCTL_OUTPUT": "json"}
    job_id = run("create", file, "--type", "notes", env=local).json["id"]
    for arguments in (
        ["--status", "processing"],
        ["--percentage", "40"],
        ["--status", "completed", "--confidence", "0.9"],
    ):
        assert run("update", job_id, *arguments, env=local).exit_code == 0
    assert run("status", job_id, env=local).json["progress"]["percentage"] == 100
    assert run("doctor", env=local).exit_code == 0
    assert run("delete", job_id, env=local).exit_code == 0
    assert run("list", "--count", env=local).json["count"] == 0
    documents = data_directory(local) / "documents"
    assert [path for path in documents.rglob("*") if path.is_file()] == []


def test_the_store_is_named_in_one_line_unless_quiet_or_chosen(
    local: dict[str, str], file: str
) -> None:
    created = run("create", file, env=local)
    assert created.stderr.startswith(NOTE)
    assert len(created.stderr.splitlines()) == 1
    assert str(data_directory(local)) in created.stderr
    assert run("list", "-q", env=local).stderr == ""
    assert run("--context", "local", "list", env=local).stderr == ""


def test_an_error_in_json_is_alone_on_stderr_here_too(local: dict[str, str]) -> None:
    outcome = run("status", "no-such-job", "-o", "json", env=local)
    assert outcome.exit_code == ExitCode.NOT_FOUND
    assert outcome.error["code"] == "not_found"


def test_killing_the_server_loses_nothing(local: dict[str, str], file: str) -> None:
    with EmbeddedServer(data_directory(local)) as server:
        server.wait_ready()
        job_id = run("create", file, "-q", env=local).stdout.strip()
        with client_of(local) as client:
            pid = int(client.info("server")["process_id"])
        os.kill(pid, signal.SIGKILL)
        again = run("status", job_id, "-q", "-o", "id", env=local)
        assert (again.exit_code, again.stdout) == (0, f"{job_id}\n"), again.stderr
        second = run("create", file, "-q", env=local)
        assert second.exit_code == 0
    listed = run("list", "-q", "-o", "id", env=local).stdout.split()
    assert set(listed) == {job_id, second.stdout.strip()}
    assert server_is_gone(local)


def test_twenty_first_starts_at_once_all_succeed(local: dict[str, str], file: str) -> None:
    commands = [["create", file, "--id", f"job-{number}"] for number in range(20)]
    outcomes = run_at_once(commands, env=local)
    assert [one.stderr for one in outcomes if one.exit_code] == []
    listed = run("list", "-q", "-o", "id", env=local).stdout.split()
    assert set(listed) == {f"job-{number}" for number in range(20)}
    assert server_is_gone(local)


def test_many_creates_of_one_id_make_one_job_here_too(local: dict[str, str], file: str) -> None:
    outcomes = run_at_once([["create", file, "--id", "one", "-o", "json"]] * 20, env=local)
    assert [one.stderr for one in outcomes if one.exit_code] == []
    assert sum(one.json["created"] for one in outcomes) == 1
    documents = data_directory(local) / "documents"
    assert len([path for path in documents.rglob("one*") if path.is_file()]) == 1


@pytest.mark.parametrize("place", ["below a file", "not permitted"])
def test_a_data_directory_that_cannot_be_written(place: str, tmp_path: Path, file: str) -> None:
    blocked = tmp_path / "blocked"
    if place == "below a file":
        blocked.write_text("")
    else:
        blocked = Path("/proc/sys")  # nobody may make a directory there, root included
    for arguments in (["list"], ["create", file], ["doctor"]):
        outcome = run(*arguments, "-q", env={"XDG_DATA_HOME": str(blocked)})
        assert outcome.exit_code not in (0, 1), outcome.everything
        if arguments != ["doctor"]:
            assert_refused(outcome, ExitCode(outcome.exit_code))
            assert str(blocked) in outcome.stderr


def test_a_local_directory_of_ones_own(local: dict[str, str], tmp_path: Path, file: str) -> None:
    elsewhere = short_directory()
    try:
        own = local | {"JOBCTL_LOCAL_DIR": str(elsewhere / "store")}
        assert run("create", file, env=own).exit_code == 0
        assert (elsewhere / "store" / "documents").is_dir()
        assert not data_directory(local).exists()
    finally:
        shutil.rmtree(elsewhere)


def test_an_unknown_job_is_not_found_here_too(local: dict[str, str]) -> None:
    assert_failed(run("status", "no-such-job", "-q", env=local), ExitCode.NOT_FOUND)
    assert server_is_gone(local)


def test_what_needs_no_store_starts_none(local: dict[str, str], file: str) -> None:
    for arguments in (
        ["--help"],
        ["config"],
        ["create", "no-such-file"],
        ["status", "!"],
        ["list", "--older", "30"],
        ["--read-only", "create", file],
    ):
        run(*arguments, env=local)
        assert not data_directory(local).exists(), arguments
