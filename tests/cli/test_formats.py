"""Every command in every format: exit code, stdout as its reader parses it, a silent stderr."""

import csv
import json
from collections.abc import Sequence
from io import StringIO

import pytest

from tests.cli.runner import Outcome
from tests.cli.world import World, new_id

FORMATS = ("table", "wide", "json", "jsonl", "csv", "tsv", "id")
COMMANDS = ("create", "status", "list", "update", "delete", "config", "doctor")
# What the rows of each command are known by.
FIRST_COLUMN = {"config": "setting", "doctor": "check"}


def _arguments(command: str, world: World, job_id: str) -> Sequence[str]:
    match command:
        case "create":
            return ["create", world.file(), "--id", new_id()]
        case "status":
            return ["status", job_id]
        case "update":
            return ["update", job_id, "--percentage", "40"]
        case "delete":
            world.foreign.update_job_status(job_id, "completed")
            return ["delete", job_id]
        case _:
            return [command]


def _run(command: str, output: str, world: World) -> tuple[Outcome, str]:
    job_id = world.seed(document_name="Übersicht, Teil 1.pdf")
    arguments = _arguments(command, world, job_id)
    if command == "create":
        job_id = arguments[-1]
    return world.run(*arguments, "-o", output, "-q"), job_id


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("output", FORMATS)
def test_every_command_in_every_format(command: str, output: str, world: World) -> None:
    outcome, job_id = _run(command, output, world)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stderr == ""
    assert outcome.stdout.endswith("\n")
    assert "\x1b" not in outcome.stdout
    first = FIRST_COLUMN.get(command, "id")
    match output:
        case "json":
            document = outcome.json
            assert document["schema"] == "jobctl/v1"
            assert document["kind"]
        case "jsonl":
            assert outcome.lines
        case "csv":
            rows = list(csv.DictReader(StringIO(outcome.stdout)))
            assert all(row[first] for row in rows)
            assert "\r" not in outcome.stdout
        case "tsv":
            assert all(row[first] for row in outcome.rows)
        case "id":
            assert all(line and "\t" not in line for line in outcome.stdout.splitlines())
        case _:
            assert not outcome.stdout.startswith("\n")
    if command in ("create", "status", "list", "update", "delete"):
        assert job_id in outcome.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_each_line_of_jsonl_is_a_document_with_schema_and_kind(command: str, world: World) -> None:
    outcome, _ = _run(command, "jsonl", world)
    for document in outcome.lines:
        assert document["schema"] == "jobctl/v1"
        assert document["kind"]


def test_off_a_terminal_the_default_is_tsv_with_a_header_and_nothing_cut(world: World) -> None:
    name = "a very long name of a document " * 10 + ".pdf"
    job_id = world.seed(document_name=name)
    (row,) = world.run("list").rows
    assert row["id"] == job_id
    assert row["name"] == name
    assert row["status"] == "queued"
    assert row["updated"].endswith("Z")


def test_create_prints_the_bare_id_off_a_terminal(world: World) -> None:
    job_id = new_id()
    outcome = world.run("create", world.file(), "--id", job_id)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, f"{job_id}\n", "")


def test_a_tab_and_a_line_feed_in_a_name_keep_a_record_on_one_line(world: World) -> None:
    world.seed(document_name="first\tsecond\nthird")
    (row,) = world.run("list").rows
    assert row["name"] == r"first\tsecond\nthird"


def test_csv_quotes_what_a_spreadsheet_would_evaluate(world: World) -> None:
    world.seed(document_name="=HYPERLINK(1)")
    (row,) = csv.DictReader(StringIO(world.run("list", "-o", "csv").stdout))
    assert row["name"] == "'=HYPERLINK(1)"


def test_several_jobs_come_as_a_list_document(world: World) -> None:
    ids = [world.seed(), world.seed()]
    document = world.run("status", *ids, "-o", "json").json
    assert document["kind"] == "JobList"
    assert [item["id"] for item in document["items"]] == ids
    assert document["total"] == len(ids)
    assert document["next_cursor"] is None


def test_an_empty_list_is_done_and_says_so_only_on_stderr(world: World) -> None:
    rows = world.run("list")
    assert (rows.exit_code, rows.rows) == (0, [])
    assert rows.stderr == "no jobs found\n"
    document = world.run("list", "-o", "json")
    assert document.json["items"] == []
    assert document.json["total"] == 0
    assert document.stderr == ""
    ids = world.run("list", "-o", "id")
    assert (ids.exit_code, ids.stdout) == (0, "")


def test_no_ids_on_standard_input_are_no_jobs_never_all(world: World) -> None:
    job_id = world.seed("completed")
    for command in ("status", "delete"):
        outcome = world.run(command, "-", "-o", "json", stdin="\n")
        assert outcome.exit_code == 0
        assert outcome.json["items"] == []
    assert world.job(job_id)


def test_ids_come_from_standard_input_as_lines_and_as_json_lines(world: World) -> None:
    ids = [world.seed(), world.seed()]
    lines = f"{ids[0]}\n\n{json.dumps({'id': ids[1], 'status': 'queued'})}\n"
    document = world.run("status", "-", "-o", "json", stdin=lines).json
    assert [item["id"] for item in document["items"]] == ids


def test_the_output_of_one_command_is_the_input_of_the_next(world: World) -> None:
    ids = {world.seed("completed"), world.seed("completed")}
    listed = world.run("list", "--status", "completed", "-o", "jsonl")
    deleted = world.run("delete", "-", "-o", "json", stdin=listed.stdout)
    assert deleted.exit_code == 0
    assert {item["id"] for item in deleted.json["items"]} == ids
    assert world.run("list", "--count").stdout == "0\n"
