import io
import re
import time
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence

import pytest
from rich.cells import cell_len

from jobctl.render.drawing import Pen
from jobctl.render.layout import cut, learn
from jobctl.render.rows import Column
from jobctl.render.sanitise import clean
from jobctl.render.table import write_table
from tests.render.hostile import HOSTILE, random_texts, unsafe

ID = "7f3c2b1a-1111-2222-3333-444455556666"
SGR = re.compile(r"\x1b\[[0-9;]*m")


def paint(status: str) -> str | None:
    return {"failed": "red", "completed": "bold green"}.get(status)


COLUMNS = [
    Column(name="id"),
    Column(name="name"),
    Column(name="status", style=paint, keep=True),
    Column(name="pct", right=True),
    Column(name="note"),
]


def table(
    rows: Iterable[Sequence[str]],
    *,
    columns: Sequence[Column] = COLUMNS,
    width: int | None = 100,
    color: bool = False,
) -> list[str]:
    out = io.StringIO()
    write_table(out, columns, rows, width=width, color=color)
    assert not out.getvalue() or out.getvalue().endswith("\n")
    return out.getvalue().split("\n")[:-1]


def row(index: int, name: str = "report.pdf", note: str = "") -> list[str]:
    return [f"{index:08d}{ID[8:]}", name, ("failed", "completed")[index % 2], str(index), note]


def offset(line: str, text: str) -> int:
    """The terminal column at which *text* begins."""
    assert text in line
    return cell_len(line[: line.index(text)])


def test_no_rows_print_nothing() -> None:
    assert table([]) == []


def test_header_and_gutters() -> None:
    assert table([row(1), row(20, note="late")], width=120) == [
        "ID" + " " * 36 + "NAME        STATUS     PCT  NOTE",
        f"{row(1)[0]}  report.pdf  completed    1",
        f"{row(20)[0]}  report.pdf  failed      20  late",
    ]


def test_lines_fit_the_width_and_only_the_widest_column_is_cut() -> None:
    lines = table([row(1, name="n" * 90, note="short")], width=90)
    assert max(map(cell_len, lines)) == 90
    assert "n…  completed    1  short" in lines[1]


def test_the_first_column_and_kept_ones_are_whole_on_any_width() -> None:
    for width in (1, 10, 40, 60):
        lines = table([row(1, name="n" * 90, note="some note")], width=width)
        assert len(lines) == 2
        assert lines[1].startswith(ID.replace("7f3c2b1a", "00000001") + "  ")
        assert "  completed  " in lines[1]


def test_without_a_width_nothing_is_cut() -> None:
    long = [row(index, name=HOSTILE["long"] + "end") for index in range(150)]
    lines = table([row(0), *long], width=None)
    assert len(lines) == 152
    assert all(f"{HOSTILE['long']}end  " in line for line in lines[2:])


def test_one_very_long_kept_cell_does_not_widen_the_other_rows() -> None:
    lines = table([["i" * 5_000, "a"], ["j", "b"]], columns=COLUMNS[:2], width=80)
    assert lines[1] == "i" * 5_000 + "  a"
    assert len(lines[2]) < 300


@pytest.mark.parametrize("variable", ["COLUMNS", "TERM", "NO_COLOR", "FORCE_COLOR"])
def test_the_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    values = {"COLUMNS": "20", "TERM": "dumb", "NO_COLOR": "1", "FORCE_COLOR": "1"}
    rows = [row(index, name="n" * 50) for index in range(120)]
    expected = [table(rows, width=150, color=color) for color in (False, True)]
    monkeypatch.setenv(variable, values[variable])
    assert [table(rows, width=150, color=color) for color in (False, True)] == expected
    assert expected[0][1].count("n" * 50) == 1


def test_streamed_rows_line_up_with_the_first_ones() -> None:
    names = ["report.pdf", HOSTILE["wide"], HOSTILE["emoji"], "Größe.pdf", "\x1b[31m", ""]
    rows = [row(i, name=names[i % len(names)], note=f"@{i % 7}") for i in range(400)]
    lines = table(rows, width=120)
    assert len(lines) == 401
    assert {offset(line, "@") for line in lines[1:]} == {offset(lines[0], "NOTE")}
    assert {
        offset(line, ("completed", "failed")[i % 2]) for i, line in enumerate(lines[1:], 1)
    } == {offset(lines[0], "STATUS")}


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("width", [None, 50, 90, 200])
def test_both_ways_to_draw_give_the_same_bytes(width: int | None, *, color: bool) -> None:
    texts = [clean(text)[:90].rstrip() for text in [*HOSTILE.values(), *random_texts(300, seed=3)]]
    rows = [[f"id{i}", text, "failed", texts[-i], texts[i // 2]] for i, text in enumerate(texts)]
    layout = learn(COLUMNS, rows, width)
    assert layout.holds(rows)
    drawn, streamed = io.StringIO(), io.StringIO()
    Pen(drawn, color=color).draw(layout, rows)
    pen = Pen(streamed, color=color)
    pen.header(layout)
    pen.stream(layout, rows)
    assert drawn.getvalue().split("\n") == streamed.getvalue().split("\n")


@pytest.mark.parametrize("position", ["first", "later"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_cells_stay_inert(text: str, position: str) -> None:
    rows = [row(index) for index in range(150)]
    rows[3 if position == "first" else 120][1] = text
    lines = table(rows, width=120)
    assert len(lines) == 151
    assert unsafe("".join(lines)) == []
    assert {cell_len(line[: line.rindex("ed  ")]) for line in lines[1:]} <= {
        offset(lines[0], "STATUS") + len("fail"),
        offset(lines[0], "STATUS") + len("complet"),
    }


def test_hostile_first_cells_and_headers_stay_inert() -> None:
    columns = [Column(name="id"), Column(name="metadata.\x1b[2J[/x]")]
    lines = table([[text, text] for text in HOSTILE.values()] * 5, columns=columns)
    assert unsafe("".join(lines)) == []
    assert len(lines) == len(HOSTILE) * 5 + 1


def test_markup_is_printed_as_it_is() -> None:
    assert f"  {HOSTILE['markup']}  " in table([row(1, name=HOSTILE["markup"])], width=None)[1]


def test_color_is_sgr_alone_around_the_styled_cells() -> None:
    rows = [row(index, name=HOSTILE["link"]) for index in range(150)]
    lines = table(rows, width=150, color=True)
    for index in (2, 148):
        assert "\x1b[1;32mcompleted\x1b[0m  " in lines[index]
        assert "\x1b[31mfailed\x1b[0m     " in lines[index + 1]
    plain = [SGR.sub("", line) for line in lines]
    assert plain == table(rows, width=150)


def test_a_longer_later_cell_is_cut_or_when_kept_pushes_its_row() -> None:
    rows = [row(0) for _ in range(100)]
    later = [row(0, name="a-much-longer-name.pdf"), [ID, "a", "awaiting_approval", "1", "n"]]
    lines = table([*rows, *later], width=100)
    assert "  a-much-lo…  failed  " in lines[101]
    assert lines[102] == f"{ID}  a           awaiting_approval    1  n"


def test_the_last_column_has_the_rest_of_the_line_for_later_rows() -> None:
    rows = [row(0) for _ in range(100)]
    lines = table([*rows, row(0, note="n" * 15), row(0, note="n" * 500)], width=100)
    assert lines[101].endswith("  " + "n" * 15)
    assert cell_len(lines[102]) == 100


def test_trailing_blanks_do_not_move_a_right_aligned_cell() -> None:
    rows = [["a", "1  "], ["b", "1\xa0"], ["c", "123"]] * 50
    lines = table(rows, columns=[COLUMNS[0], COLUMNS[3]])
    assert set(lines[1:]) == {"a     1", "b     1", "c   123"}


def test_a_row_of_another_length_is_a_bug() -> None:
    with pytest.raises(ValueError, match="zip"):
        table([["a", "b"]])


@pytest.mark.parametrize(
    ("cell", "width", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 4, "abc…"),
        ("ab cdef", 4, "ab…"),
        ("漢字報告", 8, "漢字報告"),
        ("漢字報告", 7, "漢字報…"),
        ("漢字報告", 6, "漢字…"),
    ],
)
def test_cut(cell: str, width: int, shown: str) -> None:
    assert cut(cell, width) == shown


def test_many_rows_are_fast_and_need_no_memory() -> None:
    class Discard(io.StringIO):
        def write(self, text: str) -> int:
            return len(text)

    def rows(count: int) -> Iterator[list[str]]:
        return (row(index, name=f"Größe-{index}.pdf") for index in range(count))

    write_table(Discard(), COLUMNS, rows(200), width=100, color=True)
    started = time.process_time()
    write_table(Discard(), COLUMNS, rows(10_000), width=100, color=True)
    assert time.process_time() - started < 0.5
    tracemalloc.start()
    try:
        write_table(Discard(), COLUMNS, rows(200), width=100, color=True)
        _, few = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        write_table(Discard(), COLUMNS, rows(6_000), width=100, color=True)
        _, many = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert many < few + 2_000_000


def test_a_column_may_be_wider_than_what_is_there_where_there_is_room() -> None:
    columns = [Column(name="a"), Column(name="b", least=12), Column(name="c")]
    layout = learn(columns, [["x", "y", "z"]], 80)
    assert layout.widths == (1, 12, 1)
    assert learn(columns, [["x", "y", "z"]], 12).widths == (1, 6, 1)
    assert learn(columns, [["x", "y" * 20, "z"]], 80).widths == (1, 20, 1)
