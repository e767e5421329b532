"""Outcomes of many changes: each told as it is done, and done whoever still looks."""

import csv
import io
import json
from collections.abc import Callable, Iterator

import pytest

from jobctl.errors import (
    ConflictError,
    ExitCode,
    JobctlError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
)
from jobctl.render.output import write_result
from jobctl.services.operations import Operation, OperationList
from jobctl.settings import OutputFormat
from tests.render.hostile import HOSTILE, unsafe
from tests.render.presented import (
    FORMATS,
    MACHINE,
    ROWS,
    failure,
    lines,
    operation,
    streams,
    style,
    text_of,
)

GONE = UnavailableError("the bucket does not answer", hint="look at it")
CONFLICT = ConflictError("job job-2 is denied", hint="a decision is final", job_id="job-2")


def several(
    *, first: JobctlError | None = None, last: JobctlError | None = None
) -> Iterator[Operation]:
    if first is not None:
        raise first
    yield operation(1, notes=("first", "second"))
    yield failure(CONFLICT, 2)
    yield operation(3, changed=False, op_id=None, status="queued")
    if last is not None:
        raise last


def test_json_is_one_document_with_every_outcome_and_their_sum() -> None:
    shown = streams()
    result = OperationList(several(), requested=3)
    write_result(result, style("json"), shown)
    document = json.loads(text_of(shown.out))
    assert (document["schema"], document["kind"]) == ("jobctl/v1", "OperationList")
    assert document["dry_run"] is False
    assert document["summary"] == {
        "requested": 3,
        "changed": 1,
        "unchanged": 1,
        "failed": 1,
        "not_tried": 0,
    }
    assert document["items"][0] == {
        "id": "job-1",
        "action": "cancel",
        "changed": True,
        "previous_status": "queued",
        "status": "cancelled",
        "op_id": "op-1",
        "notes": ["first", "second"],
        "error": None,
    }
    assert document["items"][1]["error"] == {
        "code": "conflict",
        "message": "job job-2 is denied",
        "hint": "a decision is final",
    }
    assert [item.keys() for item in document["items"]] == [document["items"][0].keys()] * 3
    assert result.exit_code == ExitCode.PARTIAL


def test_json_lines_are_one_operation_each() -> None:
    shown = streams()
    write_result(OperationList(several(), requested=3), style("jsonl"), shown)
    found = lines(text_of(shown.out))
    assert [(one["kind"], one["id"]) for one in found] == [
        ("Operation", f"job-{number}") for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("chosen", MACHINE)
def test_an_error_is_told_on_stderr_as_an_object_of_its_own(chosen: OutputFormat) -> None:
    shown = streams()
    write_result(OperationList(several(), requested=3), style(chosen), shown)
    (error,) = lines(text_of(shown.err))
    assert (error["kind"], error["code"], error["id"]) == ("Error", "conflict", "job-2")


@pytest.mark.parametrize("chosen", ROWS)
def test_an_error_is_told_on_stderr_and_is_no_row(chosen: OutputFormat) -> None:
    shown = streams()
    write_result(OperationList(several(), requested=3), style(chosen), shown)
    assert text_of(shown.err) == "jobctl: job job-2 is denied\n        a decision is final\n"
    assert "job-1" in text_of(shown.out)
    assert "job-3" in text_of(shown.out)
    assert "job-2" not in text_of(shown.out)


def test_a_row_says_what_became_of_the_job() -> None:
    shown = streams()
    write_result(OperationList(several(), requested=3), style("csv"), shown)
    assert [*csv.reader(io.StringIO(text_of(shown.out)))] == [
        ["id", "action", "changed", "from", "to", "notes"],
        ["job-1", "cancel", "yes", "queued", "cancelled", "first; second"],
        ["job-3", "cancel", "no", "queued", "queued", ""],
    ]


@pytest.mark.parametrize("chosen", ROWS)
def test_where_all_failed_there_are_no_rows(chosen: OutputFormat) -> None:
    shown = streams()
    result = OperationList([failure(CONFLICT, 2), failure(CONFLICT, 2)])
    write_result(result, style(chosen), shown)
    assert text_of(shown.out) == ""
    assert text_of(shown.err).count("job job-2 is denied") == 2
    assert result.exit_code == ExitCode.CONFLICT


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("table", ""),
        ("id", ""),
        ("jsonl", ""),
        ("tsv", "id\taction\tchanged\tfrom\tto\tnotes\n"),
        ("csv", "id,action,changed,from,to,notes\n"),
    ],
)
def test_no_jobs_are_an_empty_list(chosen: OutputFormat, shown: str) -> None:
    seen = streams()
    result = OperationList((), requested=0)
    write_result(result, style(chosen), seen)
    assert (text_of(seen.out), text_of(seen.err)) == (shown, "")
    assert result.exit_code == ExitCode.DONE


def test_no_jobs_are_an_empty_document() -> None:
    seen = streams()
    write_result(OperationList((), requested=0), style("json"), seen)
    document = json.loads(text_of(seen.out))
    assert document["items"] == []
    assert set(document["summary"].values()) == {0}


@pytest.mark.parametrize("chosen", ["json", "jsonl", "csv", "tsv", "id"])
def test_an_outcome_is_told_before_the_next_job_is_touched(chosen: OutputFormat) -> None:
    seen = streams()
    told: list[bool] = []

    def each() -> Iterator[Operation]:
        for number in range(1, 60):
            told.append(f"job-{number - 1}" in text_of(seen.out))
            yield operation(number)

    write_result(OperationList(each(), requested=59), style(chosen), seen)
    assert told == [False] + [True] * 58


@pytest.mark.parametrize("chosen", FORMATS)
def test_an_error_is_told_before_the_next_job_is_touched(chosen: OutputFormat) -> None:
    seen = streams()
    told: list[int] = []

    def each() -> Iterator[Operation]:
        for _ in range(5):
            told.append(text_of(seen.err).count("is denied"))
            yield failure(CONFLICT, 2)

    write_result(OperationList(each(), requested=5), style(chosen), seen)
    assert told == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("chosen", FORMATS)
def test_what_keeps_the_first_from_being_tried_is_a_failure_and_prints_nothing(
    chosen: OutputFormat,
) -> None:
    seen = streams()
    with pytest.raises(UnavailableError) as failed:
        write_result(OperationList(several(first=GONE), requested=9), style(chosen), seen)
    assert failed.value is GONE
    assert (text_of(seen.out), text_of(seen.err)) == ("", "")


@pytest.mark.parametrize("chosen", FORMATS)
def test_what_keeps_the_rest_from_being_tried_is_told_behind_what_is_done(
    chosen: OutputFormat,
) -> None:
    seen = streams()
    result = OperationList(several(last=GONE), requested=1_003)
    write_result(result, style(chosen), seen)
    assert "job-3" in text_of(seen.out)
    assert (result.halted, result.not_tried) == (GONE, 1_000)
    assert result.exit_code == ExitCode.PARTIAL
    if chosen in MACHINE:
        assert [one["code"] for one in lines(text_of(seen.err))] == ["conflict", "unavailable"]
    else:
        assert text_of(seen.err).endswith(
            "jobctl: the bucket does not answer\n        look at it\n1,000 jobs not tried\n"
        )
    if chosen == "json":
        assert json.loads(text_of(seen.out))["summary"]["not_tried"] == 1_000


@pytest.mark.parametrize("chosen", FORMATS)
def test_a_signal_that_ended_the_work_is_the_exit_code(chosen: OutputFormat) -> None:
    seen = streams()
    result = OperationList([operation()], requested=2, interrupted=lambda: ExitCode.INTERRUPTED)
    write_result(result, style(chosen), seen)
    assert result.exit_code == ExitCode.INTERRUPTED
    assert text_of(seen.err) == ("" if chosen in MACHINE else "1 job not tried\n")


def test_a_signal_that_came_when_all_was_done_changes_nothing() -> None:
    result = OperationList([operation()], requested=1, interrupted=lambda: ExitCode.INTERRUPTED)
    write_result(result, style("json"), streams())
    assert result.exit_code == ExitCode.DONE


@pytest.mark.parametrize(
    ("items", "exit_code"),
    [
        ([operation()], ExitCode.DONE),
        ([operation(changed=False)], ExitCode.DONE),
        ([failure(CONFLICT)], ExitCode.CONFLICT),
        ([failure(CONFLICT), failure(CONFLICT, 3)], ExitCode.CONFLICT),
        ([failure(CONFLICT), failure(NotFoundError("no job"))], ExitCode.PARTIAL),
        ([failure(CONFLICT), operation()], ExitCode.PARTIAL),
        ([failure(CONFLICT), operation(changed=False)], ExitCode.PARTIAL),
        ([operation(), failure(OutcomeUnknownError("?", op_id="x"))], ExitCode.OUTCOME_UNKNOWN),
    ],
)
def test_the_exit_code_is_that_of_all_failures_alike_or_partly_done(
    items: list[Operation], exit_code: ExitCode
) -> None:
    result = OperationList(items)
    write_result(result, style("json"), streams())
    assert result.exit_code == exit_code


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("chosen", FORMATS)
def test_notes_are_for_people_and_errors_for_all(chosen: OutputFormat, quiet: bool) -> None:
    seen = streams()
    result = OperationList(several(last=GONE), requested=9, dry_run=True)
    write_result(result, style(chosen, quiet=quiet), seen)
    told = text_of(seen.err)
    for text in ("dry run: nothing was changed", "6 jobs not tried"):
        assert (text in told) is not (quiet or chosen in MACHINE)
    assert "is denied" in told
    assert "does not answer" in told


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("chosen", FORMATS)
def test_no_text_of_a_stranger_acts_upon_the_terminal(chosen: OutputFormat, text: str) -> None:
    seen = streams()
    error = ConflictError(f"job is {text}", hint=text)
    items = [
        operation(1, notes=(text,), previous_status=text, status=text),
        failure(error, 2, previous_status=text),
    ]
    write_result(OperationList(items), style(chosen), seen)
    for shown in (text_of(seen.out), text_of(seen.err)):
        assert unsafe(shown.replace("\n", "").replace("\t", "")) == []


@pytest.mark.parametrize("make", [list, tuple, iter])
def test_operations_are_read_once(make: Callable[[list[Operation]], list[Operation]]) -> None:
    result = OperationList(make([operation(1), operation(2)]))
    assert [one.id for one in result] == ["job-1", "job-2"]
    assert [*result] == []
    assert result.changed == 2
