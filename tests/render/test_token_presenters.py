"""Tokens: printed once, where they are issued, and never again."""

import csv
import io
import json
from datetime import timedelta

import pytest

from jobctl.domain.job import Secret
from jobctl.render.output import write_result
from jobctl.services.ports import TokenKind
from jobctl.services.tokens import IssuedToken, TokenDetails
from jobctl.settings import OutputFormat
from tests.render.hostile import HOSTILE, unsafe
from tests.render.presented import FORMATS, MACHINE, NOW, streams, style, text_of

TOKEN = "-Zk3v_a-token-as-the-services-make-theirs-0123"


def issued(token: str = TOKEN, kind: TokenKind = TokenKind.APPROVAL) -> IssuedToken:
    return IssuedToken(job_id="job-1", kind=kind, token=Secret(token), expires_at=NOW, op_id="op-1")


def details(ttl: timedelta | None = timedelta(hours=4), status: str = "processing") -> TokenDetails:
    return TokenDetails(job_id="job-1", kind=TokenKind.STREAM, status=status, ttl=ttl)


@pytest.mark.parametrize("chosen", ["id", "table", "wide"])
def test_the_token_alone_goes_to_stdout_and_the_rest_is_a_note(chosen: OutputFormat) -> None:
    seen = streams()
    write_result(issued(), style(chosen), seen)
    assert text_of(seen.out) == f"{TOKEN}\n"
    assert text_of(seen.err).startswith("approval token of job job-1, good until 2026-03-01")


@pytest.mark.parametrize("chosen", FORMATS)
def test_the_token_is_printed_once_and_never_on_stderr(chosen: OutputFormat) -> None:
    seen = streams()
    write_result(issued(), style(chosen), seen)
    assert text_of(seen.out).count(TOKEN) == 1
    assert TOKEN not in text_of(seen.err)


@pytest.mark.parametrize("chosen", FORMATS)
def test_a_quiet_issue_says_nothing_but_the_token(chosen: OutputFormat) -> None:
    seen = streams()
    write_result(issued(), style(chosen, quiet=True), seen)
    assert text_of(seen.err) == ""


@pytest.mark.parametrize("chosen", MACHINE)
def test_an_issued_token_is_one_document(chosen: OutputFormat) -> None:
    seen = streams()
    write_result(issued(kind=TokenKind.STREAM), style(chosen), seen)
    assert json.loads(text_of(seen.out)) == {
        "schema": "jobctl/v1",
        "kind": "Token",
        "id": "job-1",
        "token_kind": "stream",
        "token": TOKEN,
        "expires_at": "2026-03-01T12:00:00Z",
        "op_id": "op-1",
    }
    assert text_of(seen.err) == ""


@pytest.mark.parametrize("token", [TOKEN, "=SUM(1)", "+x", "@x", "_x"])
@pytest.mark.parametrize("chosen", ["csv", "tsv"])
def test_an_issued_token_is_a_row_and_exactly_itself(chosen: OutputFormat, token: str) -> None:
    """What a spreadsheet might make of it matters less than that it still opens the decision."""
    seen = streams()
    write_result(issued(token), style(chosen), seen)
    delimiter = "," if chosen == "csv" else "\t"
    header, row = csv.reader(io.StringIO(text_of(seen.out)), delimiter=delimiter)
    assert header == ["token", "id", "kind", "expires"]
    assert row[:3] == [token, "job-1", "approval"]


def test_off_a_terminal_the_bare_token_is_what_a_script_gets() -> None:
    assert IssuedToken.off_terminal == "id"


def test_an_issued_token_hides_in_its_own_representation() -> None:
    assert TOKEN not in f"{issued()!r} {issued()}"


@pytest.mark.parametrize("chosen", MACHINE)
@pytest.mark.parametrize(
    ("ttl", "seconds"), [(timedelta(hours=4), 14_400), (timedelta(0), 0), (None, None)]
)
def test_the_details_of_a_token_are_one_document(
    chosen: OutputFormat, ttl: timedelta | None, seconds: int | None
) -> None:
    seen = streams()
    write_result(details(ttl), style(chosen), seen)
    assert json.loads(text_of(seen.out)) == {
        "schema": "jobctl/v1",
        "kind": "TokenDetails",
        "id": "job-1",
        "token_kind": "stream",
        "status": "processing",
        "ttl_seconds": seconds,
    }


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("id", "job-1\n"),
        ("tsv", "id\tkind\tstatus\tgood for\njob-1\tstream\tprocessing\t4h\n"),
        ("csv", "id,kind,status,good for\njob-1,stream,processing,4h\n"),
        ("table", "ID     KIND    STATUS      GOOD FOR\njob-1  stream  processing  4h\n"),
    ],
)
def test_the_details_of_a_token_are_a_row(chosen: OutputFormat, shown: str) -> None:
    seen = streams()
    write_result(details(), style(chosen), seen)
    assert (text_of(seen.out), text_of(seen.err)) == (shown, "")


def test_a_token_without_an_end_has_no_time() -> None:
    seen = streams()
    write_result(details(None), style("tsv"), seen)
    assert text_of(seen.out).endswith("\tprocessing\t\n")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("chosen", FORMATS)
def test_an_unknown_status_acts_upon_no_terminal(chosen: OutputFormat, text: str) -> None:
    seen = streams()
    write_result(details(status=text), style(chosen), seen)
    assert unsafe(text_of(seen.out).replace("\n", "").replace("\t", "")) == []
