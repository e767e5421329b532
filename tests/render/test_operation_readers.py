"""Readers that go away in the middle: what was asked for is done all the same."""

from collections.abc import Iterator

import pytest

from jobctl.errors import ConflictError, ExitCode, NotFoundError
from jobctl.render.output import write_result
from jobctl.services.operations import Operation, OperationList
from jobctl.settings import OutputFormat
from tests.render.presented import FORMATS, Leaving, failure, operation, streams, style, text_of

CONFLICT = ConflictError("job job-2 is denied", job_id="job-2")


@pytest.mark.parametrize("patience", [0, 40, 100])
@pytest.mark.parametrize("chosen", FORMATS)
def test_a_reader_that_goes_away_keeps_nothing_from_being_done(
    chosen: OutputFormat, patience: int
) -> None:
    done: list[int] = []

    def each() -> Iterator[Operation]:
        for number in range(300):
            done.append(number)
            if number == 200:
                yield failure(NotFoundError("no job-200"), number)
            else:
                yield operation(number)

    seen = streams(out=Leaving(patience))
    result = OperationList(each(), requested=300)
    with pytest.raises(BrokenPipeError):
        write_result(result, style(chosen), seen)
    assert done == [*range(300)]
    assert (result.changed, result.failed, result.not_tried) == (299, 1, 0)
    assert text_of(seen.err).count("no job-200") == 1
    assert result.exit_code == ExitCode.PARTIAL


@pytest.mark.parametrize("chosen", FORMATS)
def test_where_nobody_reads_errors_either_everything_is_done(chosen: OutputFormat) -> None:
    result = OperationList([failure(CONFLICT), *map(operation, range(150))], requested=151)
    with pytest.raises(BrokenPipeError):
        write_result(result, style(chosen), streams(out=Leaving(), err=Leaving()))
    assert (result.changed, result.failed) == (150, 1)


@pytest.mark.parametrize("chosen", FORMATS)
def test_errors_that_nobody_reads_stop_no_output(chosen: OutputFormat) -> None:
    seen = streams(err=Leaving())
    write_result(OperationList([failure(CONFLICT), operation(5)]), style(chosen), seen)
    assert "job-5" in text_of(seen.out)
