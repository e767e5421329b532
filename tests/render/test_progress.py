"""The line that says how far it is: on a terminal alone, never among the rows, gone at the end."""

import io
from collections.abc import Iterator
from itertools import count

import pytest

from jobctl.errors import ConflictError, NotFoundError, UnavailableError
from jobctl.render.output import write_result
from jobctl.services.operations import Operation, OperationList
from jobctl.settings import OutputFormat
from tests.render.presented import (
    FORMATS,
    Leaving,
    Terminal,
    failure,
    operation,
    streams,
    style,
    text_of,
)

CLEAR = "\r\x1b[K"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second passes at each look: the line is drawn every time."""
    seconds = count(1000)
    monkeypatch.setattr("jobctl.render.progress.time.monotonic", lambda: float(next(seconds)))


def hundred() -> Iterator[Operation]:
    return map(operation, range(1, 101))


def screen(written: str) -> str:
    """What a terminal shows of *written* in the end."""
    shown = ""
    for line in written.split("\n"):
        shown += line.rpartition(CLEAR)[2] + "\n"
    return shown.removesuffix("\n")


@pytest.mark.parametrize("chosen", FORMATS)
@pytest.mark.usefixtures("clock")
def test_the_line_counts_what_is_done_and_is_gone_at_the_end(chosen: OutputFormat) -> None:
    seen = streams(err=Terminal())
    write_result(OperationList(hundred(), requested=100), style(chosen), seen)
    drawn = text_of(seen.err)
    assert drawn.startswith(f"{CLEAR}0 of 100 jobs  0%{CLEAR}")
    assert f"{CLEAR}50 of 100 jobs  50%{CLEAR}" in drawn
    assert screen(drawn) == ""
    assert CLEAR not in text_of(seen.out)


@pytest.mark.usefixtures("clock")
def test_great_numbers_can_be_read() -> None:
    seen = streams(err=Terminal())
    write_result(OperationList(map(operation, range(1_300)), requested=2_600), style("id"), seen)
    assert "1,300 of 2,600 jobs  50%" in text_of(seen.err)


@pytest.mark.parametrize(
    ("err", "requested", "quiet"),
    [(io.StringIO, 100, False), (Terminal, 50, False), (Terminal, 100, True)],
    ids=["no terminal", "a screenful", "quiet"],
)
@pytest.mark.usefixtures("clock")
def test_there_is_no_line_where_nobody_needs_it(
    err: type[io.StringIO], requested: int, quiet: bool
) -> None:
    seen = streams(err=err())
    result = OperationList(map(operation, range(requested)), requested=requested)
    write_result(result, style("tsv", quiet=quiet), seen)
    assert text_of(seen.err) == ""
    assert text_of(seen.out).count("\n") == requested + 1


@pytest.mark.usefixtures("clock")
def test_the_line_never_stands_between_the_rows() -> None:
    """On a terminal both streams are one."""
    both = Terminal()
    write_result(OperationList(hundred(), requested=100), style("tsv"), streams(both, both))
    rows = [f"job-{number}\tcancel\tyes\tqueued\tcancelled\t" for number in range(1, 101)]
    header = "id\taction\tchanged\tfrom\tto\tnotes"
    assert screen(text_of(both)).splitlines() == [header, *rows]


@pytest.mark.usefixtures("clock")
def test_an_error_stands_on_a_line_of_its_own() -> None:
    seen = streams(err=Terminal())
    items = (failure(ConflictError("refused"), number) for number in range(60))
    write_result(OperationList(items, requested=60), style("tsv"), seen)
    assert screen(text_of(seen.err)) == "jobctl: refused\n" * 60


@pytest.mark.parametrize("after", [0, 1, 70])
@pytest.mark.parametrize("error", [UnavailableError("gone"), KeyboardInterrupt()])
@pytest.mark.usefixtures("clock")
def test_the_line_is_gone_when_the_work_ends_early(error: BaseException, after: int) -> None:
    def each() -> Iterator[Operation]:
        yield from map(operation, range(after))
        raise error

    seen = streams(err=Terminal())
    result = OperationList(each(), requested=100)
    try:
        write_result(result, style("id"), seen)
    except (UnavailableError, KeyboardInterrupt):
        pass
    else:
        assert result.halted is error
    assert "of 100 jobs" not in screen(text_of(seen.err))


@pytest.mark.usefixtures("clock")
def test_the_line_is_gone_when_the_reader_of_the_rows_goes_away() -> None:
    def each() -> Iterator[Operation]:
        yield from hundred()
        yield failure(NotFoundError("no job"), 101)

    seen = streams(out=Leaving(), err=Terminal())
    with pytest.raises(BrokenPipeError):
        write_result(OperationList(each(), requested=101), style("id"), seen)
    assert screen(text_of(seen.err)) == "jobctl: no job\n"


def test_the_line_is_not_drawn_more_often_than_an_eye_can_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hundredths = count(100_000)
    monkeypatch.setattr("jobctl.render.progress.time.monotonic", lambda: next(hundredths) / 100)
    seen = streams(err=Terminal())
    write_result(OperationList(hundred(), requested=100), style("id"), seen)
    assert text_of(seen.err).count("of 100 jobs") in (10, 11)
