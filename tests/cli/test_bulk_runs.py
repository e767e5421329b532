"""Many jobs at once: what is told of them in each format, and runs that do not come to an end."""

import csv
import io
import json
import os
import signal
import time
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    CHANGES,
    WHY,
    arguments_of,
    at_keyboard,
    job_for,
    request_approval,
    slow_documents,
    statuses,
    summary,
)
from tests.cli.runner import Outcome, start
from tests.cli.world import World, new_id
from tests.waiting import PATIENCE

each_verb = pytest.mark.parametrize("verb", CHANGES)
SIGNALS = [(signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED)]
FINISHING = b"jobctl: finishing what is under way; once more stops at once\n"
COUNTS = ("requested", "changed", "unchanged", "failed", "not_tried")


def wait_until_delivered(pid: int) -> None:
    """Until no signal is on its way to the process any more."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        pending = dict(line.split(":", 1) for line in lines)
        if int(pending["SigPnd"], 16) == int(pending["ShdPnd"], 16) == 0:
            return
    raise AssertionError("the signal was not delivered")


@each_verb
@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_the_documents_of_what_was_done(output: str, verb: str, world: World) -> None:
    job_id, unknown = job_for(verb, world), new_id()
    outcome = world.run(*arguments_of(verb), job_id, unknown, "-o", output)
    assert outcome.exit_code == ExitCode.PARTIAL
    done, failed = _items(outcome, output)
    assert isinstance(done.pop("notes"), list)
    before, after = CHANGES[verb]
    op_id = next(one["op_id"] for one in world.audit if one["action"] == verb)
    told = {"id": job_id, "action": verb, "changed": True, "op_id": op_id, "error": None}
    assert done == told | {"previous_status": before, "status": after}
    error = {
        "code": "not_found",
        "message": f"no job {unknown}",
        "hint": "changing a job needs its full id",
    }
    nothing: dict[str, object] = {"previous_status": None, "status": None, "op_id": None}
    told = {"id": unknown, "action": verb, "changed": False, "error": error}
    assert failed == told | nothing | {"notes": []}
    rest = {"schema": "jobctl/v1", "kind": "Error", "exit_code": 4, "id": unknown, "op_id": None}
    assert outcome.error == rest | error


def _items(outcome: Outcome, output: str) -> list[dict[str, object]]:
    """What was told of each of two jobs, one of which failed; the frame is checked."""
    if output == "jsonl":
        items: list[dict[str, object]] = outcome.lines
        frames = [(one.pop("schema"), one.pop("kind")) for one in items]
        assert frames == [("jobctl/v1", "Operation")] * 2
        return items
    document = outcome.json
    assert list(document) == ["schema", "kind", "dry_run", "items", "summary"]
    assert (document["schema"], document["kind"]) == ("jobctl/v1", "OperationList")
    assert document["dry_run"] is False
    assert document["summary"] == dict(zip(COUNTS, (2, 1, 0, 1, 0), strict=True))
    return list(document["items"])


@each_verb
@pytest.mark.parametrize("output", ["table", "wide", "tsv", "csv", "id"])
def test_the_rows_of_what_was_done(output: str, verb: str, world: World) -> None:
    job_id, unknown = job_for(verb, world), new_id()
    outcome = world.run(*arguments_of(verb), job_id, unknown, "-o", output)
    assert outcome.exit_code == ExitCode.PARTIAL
    assert outcome.stderr == (
        f"jobctl: no job {unknown}\n        changing a job needs its full id\n"
    )
    if output == "id":
        assert outcome.stdout == f"{job_id}\n"
        return
    header = ["id", "action", "changed", "from", "to", "notes"]
    begin = [job_id, verb, "yes", *CHANGES[verb]]
    if output in ("csv", "tsv"):
        separator = "," if output == "csv" else "\t"
        first, row = csv.reader(io.StringIO(outcome.stdout), delimiter=separator)
        assert (first, row[:5]) == (header, begin)
    else:
        first_line, line = outcome.stdout.splitlines()
        assert first_line.lower().split() == header
        assert line.split()[:5] == begin


@each_verb
@pytest.mark.parametrize("output", ["table", "tsv", "csv", "id"])
def test_where_all_fail_there_is_not_even_a_header(output: str, verb: str, world: World) -> None:
    outcome = world.run(*arguments_of(verb), new_id(), new_id(), "-o", output)
    assert (outcome.exit_code, outcome.stdout) == (ExitCode.NOT_FOUND, "")


@each_verb
def test_a_reader_that_has_seen_enough_stops_nothing(verb: str, world: World) -> None:
    """`jobctl approve … | head -1`: decided is decided."""
    ids = [job_for(verb, world) for _ in range(120)]
    reading, writing = os.pipe()
    os.close(reading)
    with start(*arguments_of(verb), *ids, env=world.env, stdout=writing) as process:
        os.close(writing)
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait(PATIENCE)) == (b"", 0)
    assert set(statuses(world, *ids)) == {CHANGES[verb][1]}


@pytest.mark.parametrize("output", ["tsv", "json", "jsonl", "id"])
def test_a_reader_that_goes_away_half_way_stops_nothing_and_hides_no_failure(
    output: str, world: World
) -> None:
    ids, unknown = [request_approval(world) for _ in range(250)], new_id()
    with (
        slow_documents(world, pause_at=150) as documents,
        start("approve", *ids, unknown, *WHY, "-o", output, env=world.env) as process,
    ):
        assert documents.reached.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()
        documents.go_on.set()
        assert process.stderr is not None
        assert unknown.encode() in process.stderr.read()
        assert process.wait(PATIENCE) == ExitCode.PARTIAL
    assert set(statuses(world, *ids)) == {"processing_queued"}


@pytest.mark.parametrize(("sent", "code"), SIGNALS)
@pytest.mark.parametrize("output", ["tsv", "json"])
def test_a_signal_ends_a_run_behind_its_batch(
    output: str, sent: signal.Signals, code: ExitCode, world: World
) -> None:
    ids = [request_approval(world) for _ in range(300)]
    with (
        slow_documents(world, pause_at=150) as documents,
        start("approve", *ids, *WHY, "-o", output, env=world.env) as process,
    ):
        assert documents.reached.wait(PATIENCE)
        process.send_signal(sent)
        assert process.stderr is not None
        if output == "tsv":
            assert process.stderr.read(len(FINISHING) + 1) == b"\n" + FINISHING
        else:  # stderr holds nothing but errors
            wait_until_delivered(process.pid)
        documents.go_on.set()
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert statuses(world, *ids) == ["processing_queued"] * 200 + ["awaiting_approval"] * 100
    if output == "tsv":
        assert [line.split(b"\t")[0].decode() for line in stdout.splitlines()[1:]] == ids[:200]
        assert stderr == b"100 jobs not tried\n"
    else:
        document = json.loads(stdout)
        assert [item["id"] for item in document["items"]] == ids[:200]
        assert document["summary"]["not_tried"] == 100
        assert stderr == b""
    again = world.run("approve", *ids, *WHY, "--no-verify", "-o", "json")
    assert summary(again) == {"requested": 300, "changed": 100, "unchanged": 200}


@pytest.mark.parametrize(("sent", "code"), SIGNALS)
def test_a_second_signal_stops_at_once(sent: signal.Signals, code: ExitCode, world: World) -> None:
    """The documents never answer, and nobody has to wait for them."""
    ids = [request_approval(world) for _ in range(300)]
    with (
        slow_documents(world, pause_at=150) as documents,
        start("approve", *ids, *WHY, env=world.env) as process,
    ):
        assert documents.reached.wait(PATIENCE)
        process.send_signal(sent)
        assert process.stderr is not None
        assert process.stderr.read(len(FINISHING) + 1) == b"\n" + FINISHING
        process.send_signal(sent)
        _, stderr = process.communicate(timeout=PATIENCE)
        assert not documents.go_on.is_set()
    assert (process.returncode, stderr) == (code, b"")
    assert statuses(world, *ids) == ["processing_queued"] * 100 + ["awaiting_approval"] * 200


def test_ctrl_c_at_the_keyboard_leaves_nothing_of_the_progress_line(world: World) -> None:
    ids = [request_approval(world) for _ in range(300)]
    with slow_documents(world, pause_at=150) as documents:
        command = ["--color", "never", "approve", *ids, *WHY]
        with at_keyboard(*command, env=world.env) as keyboard:
            assert documents.reached.wait(PATIENCE)
            keyboard.expect(ids[99])  # Ctrl-C makes a terminal forget what nobody has read yet
            keyboard.type("\x03")
            keyboard.expect(FINISHING.decode().strip())
            documents.go_on.set()
            assert keyboard.end() == ExitCode.INTERRUPTED
    assert keyboard.screen[-1] == "100 jobs not tried"
    assert len([row for row in keyboard.screen if row.split()[0] in ids]) == 200


def test_a_caller_that_ignores_interrupts_is_not_interrupted(world: World) -> None:
    """`nohup jobctl …`, or `jobctl … &` in a script: Ctrl-C is meant for somebody else."""
    ids = [request_approval(world) for _ in range(250)]
    with slow_documents(world, pause_at=150) as documents:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process = start("approve", *ids, *WHY, env=world.env)
        finally:
            signal.signal(signal.SIGINT, before)
        with process:
            assert documents.reached.wait(PATIENCE)
            process.send_signal(signal.SIGINT)
            documents.go_on.set()
            _, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (0, b"")
    assert set(statuses(world, *ids)) == {"processing_queued"}


@pytest.mark.parametrize(("sent", "code"), SIGNALS)
def test_a_signal_stops_a_single_job_at_once(
    sent: signal.Signals, code: ExitCode, world: World
) -> None:
    job_id = request_approval(world)
    with (
        slow_documents(world, pause_at=1) as documents,
        start("approve", job_id, *WHY, env=world.env) as process,
    ):
        assert documents.reached.wait(PATIENCE)
        process.send_signal(sent)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stdout, stderr) == (code, b"", b"")
    assert statuses(world, job_id) == ["awaiting_approval"]
