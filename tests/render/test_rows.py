import csv
import io

import pytest

from jobctl.render.rows import Column, write_csv, write_ids, write_tsv
from tests.render.hostile import HOSTILE, random_texts, unsafe

COLUMNS = [Column(name="ID"), Column(name="Name"), Column(name="size", right=True)]


def tsv(*rows: list[str]) -> str:
    out = io.StringIO()
    write_tsv(out, COLUMNS, rows)
    return out.getvalue()


def csv_text(*rows: list[str]) -> str:
    out = io.StringIO()
    write_csv(out, COLUMNS, rows)
    return out.getvalue()


def csv_cell(cell: str) -> str:
    """What a reader of the CSV finds for *cell*."""
    (_, row) = csv.reader(io.StringIO(csv_text(["id", cell, "1"]), newline=""))
    return row[1]


def store_down(_index: int) -> list[str]:
    raise ConnectionError


def test_tsv_has_a_header_and_a_line_a_row() -> None:
    assert tsv(["7f3", "a b", ""], ["7f4", "", "2"]) == "id\tname\tsize\n7f3\ta b\t\n7f4\t\t2\n"


def test_tsv_is_never_cut() -> None:
    assert tsv(["i" * 36, HOSTILE["long"], "1"]).endswith("x" * 5_000 + "\t1\n")


def test_no_rows_leave_the_header() -> None:
    assert tsv() == "id\tname\tsize\n"
    assert csv_text() == "id,name,size\n"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_one_line_a_record_and_nothing_unsafe(text: str) -> None:
    lines = tsv([text, text, text]).encode("utf-8").decode().split("\n")
    assert len(lines) == 3
    assert lines[1].count("\t") == 2
    assert unsafe(lines[1].replace("\t", "")) == []
    lines = csv_text([text, text, text]).encode("utf-8").decode().split("\n")
    assert len(lines) == 3
    assert unsafe(lines[1]) == []


def test_random_cells_keep_their_rows_and_columns() -> None:
    texts = random_texts(1_200, seed=2)
    rows = [texts[index : index + 3] for index in range(0, len(texts), 3)]
    lines = tsv(*rows).splitlines()
    assert len(lines) == len(rows) + 1
    assert {line.count("\t") for line in lines} == {2}
    records = list(csv.reader(io.StringIO(csv_text(*rows), newline=""), strict=True))
    assert len(records) == len(rows) + 1
    assert {len(record) for record in records} == {3}
    assert not [cell for record in records for cell in record if cell.startswith(("=", "@"))]


@pytest.mark.parametrize(
    "formula",
    [
        "=1+1",
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "-",
        "--5",
        "-3.5%",
        "-1,5",
        "@SUM(A1)",
        " =1+1",
        '=HYPERLINK("https://evil.example","x")',
        "\uff1d1+1",
        "\uff20SUM(A1)",
        "-\u0663",
    ],
)
def test_csv_formulas_become_text(formula: str) -> None:
    assert csv_cell(formula) == "'" + formula


@pytest.mark.parametrize(
    ("cell", "read"), [("\t=1", r"'\t=1"), ("\r=1", r"'\r=1"), ("\n=1", r"'\n=1")]
)
def test_csv_blanks_before_a_formula_do_not_hide_it(cell: str, read: str) -> None:
    assert csv_cell(cell) == read


@pytest.mark.parametrize(
    "cell", ["-3.5", "+3", "-1e-7", "0", "12", "a=b", "a-b", "", "2026-01-31", "(=1)", 'say "x"']
)
def test_csv_leaves_numbers_and_other_text(cell: str) -> None:
    assert csv_cell(cell) == cell


def test_csv_quotes_by_rfc_4180() -> None:
    assert csv_text(['a"b', "c,d", "e"]).splitlines()[1] == '"a""b","c,d",e'


def test_csv_lines_end_in_a_line_feed_alone() -> None:
    assert "\r" not in csv_text(["a", "b\r\nc", "d"])


def test_ids_are_a_line_each() -> None:
    out = io.StringIO()
    write_ids(out, iter(["7f3", "evil\nid\x1b[2J"]))
    assert out.getvalue() == "7f3\n" + r"evil\nid\x1b[2J" + "\n"


@pytest.mark.parametrize("write", [write_tsv, write_csv])
def test_a_failure_before_the_first_row_leaves_no_header(write: object) -> None:
    assert callable(write)
    out = io.StringIO()
    with pytest.raises(ConnectionError):
        write(out, COLUMNS, map(store_down, range(1)))
    assert out.getvalue() == ""
