import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import pytest

from jobctl.render.machine import to_json, to_json_line, write_json_lines, write_list_document
from tests.render.hostile import HOSTILE, random_texts, unsafe


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Status(StrEnum):
    FAILED = "failed"


def strict(text: str) -> Any:
    """*text* as a strict parser reads it: valid UTF-8, no NaN, no lone surrogate, no twin keys."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    value = json.loads(
        text.encode("utf-8"), object_pairs_hook=unique, parse_constant=refuse, strict=True
    )
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def document(head: dict[str, object], items: list[object], tail: dict[str, object]) -> str:
    out = io.StringIO()
    write_list_document(out, head, iter(items), lambda: tail)
    return out.getvalue()


def readable(text: str) -> str:
    return "".join(
        "\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1, "b": None}, '{"a":1,"b":null}'),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), '"2026-01-31T12:00:00Z"'),
        (datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2))), '"2026-01-31T10:00:00Z"'),
        (timedelta(minutes=2), "120"),
        (timedelta(milliseconds=1_500), "1.5"),
        (Colour.RED, '"red"'),
        (Level.HIGH, "3"),
        (Status.FAILED, '"failed"'),
        ({Status.FAILED: 1}, '{"failed":1}'),
        (MappingProxyType({"a": (1, 2)}), '{"a":[1,2]}'),
        ([float("nan"), float("inf"), -float("inf"), 1.5], "[null,null,null,1.5]"),
        (
            {"a": MappingProxyType({"b": (float("nan"), Status.FAILED)})},
            '{"a":{"b":[null,"failed"]}}',
        ),
        ([float("nan"), timedelta(seconds=1), Colour.RED, Level.HIGH], '[null,1,"red",3]'),
        (2**70, str(2**70)),
        ("Größe 漢字 👩\u200d💻", '"Größe 漢字 👩\u200d💻"'),
        ("\x1b\x7f\x9b", r'"\u001b\u007f\u009b"'),
        ("\u202e\u2028", r'"\u202e\u2028"'),
        ("\U000e0041", r'"\udb40\udc41"'),
        ("a\udc80b", '"a\ufffdb"'),
    ],
)
def test_to_json(value: object, text: str) -> None:
    assert to_json(value) == text
    assert to_json_line(value) == text + "\n"


def test_pretty_json_is_indented_and_equal() -> None:
    value = {"a": [1, {"b": "\x9b"}], "c": float("nan")}
    text = to_json(value, pretty=True)
    assert text.startswith('{\n  "a": [\n    1,\n')
    assert strict(text) == {"a": [1, {"b": "\x9b"}], "c": None}


@dataclass
class Unsupported:
    name: str = "x"


@pytest.mark.parametrize("value", [Unsupported(), {1, 2}, b"bytes", object()])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="not a JSON value"):
        to_json({"a": [value]})


@pytest.mark.parametrize("pretty", [False, True])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_are_safe_to_print_and_read_back(text: str, *, pretty: bool) -> None:
    printed = to_json({"key": text, text: [text]}, pretty=pretty)
    assert unsafe(printed.replace("\n", "")) == []
    assert strict(printed) == {"key": readable(text), readable(text): [readable(text)]}


def test_random_texts_read_back() -> None:
    for text in random_texts(2_000, seed=4):
        printed = to_json(text)
        assert unsafe(printed) == []
        assert strict(printed) == readable(text)


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_list_document_is_one_valid_document(count: int) -> None:
    items: list[object] = [{"id": f"{index}", "name": HOSTILE["link"]} for index in range(count)]
    text = document({"schema": "jobctl/v1", "kind": "JobList"}, items, {"total": count})
    assert strict(text) == {
        "schema": "jobctl/v1",
        "kind": "JobList",
        "items": items,
        "total": count,
    }
    assert text.endswith("}\n")
    assert unsafe(text.replace("\n", "")) == []


def test_list_document_has_an_item_a_line() -> None:
    assert document({"kind": "L"}, [{"a": 1}, {"a": 2}], {"n": 2}) == (
        '{"kind":"L","items":[\n{"a":1},\n{"a":2}\n],"n":2}\n'
    )
    assert document({}, [], {}) == '{"items":[]}\n'


def test_tail_is_called_after_the_items() -> None:
    seen: list[int] = []

    def items() -> Iterator[int]:
        for index in range(3):
            seen.append(index)
            yield index

    out = io.StringIO()
    write_list_document(out, {}, items(), lambda: {"total": len(seen)})
    assert strict(out.getvalue()) == {"items": [0, 1, 2], "total": 3}


def test_items_are_written_as_they_come() -> None:
    out = io.StringIO()

    def items() -> Iterator[str]:
        yield "first"
        yield "second"
        assert '"first"' in out.getvalue()
        yield "third"

    write_list_document(out, {}, items(), dict)
    assert strict(out.getvalue())["items"] == ["first", "second", "third"]


def test_a_failure_before_the_first_item_prints_nothing() -> None:
    def store_down(_index: int) -> object:
        raise ConnectionError

    out = io.StringIO()
    with pytest.raises(ConnectionError):
        write_list_document(out, {"kind": "L"}, map(store_down, range(1)), dict)
    assert out.getvalue() == ""


def test_json_lines_are_a_line_each() -> None:
    out = io.StringIO()
    write_json_lines(out, ({"name": text} for text in HOSTILE.values()))
    lines = out.getvalue().split("\n")[:-1]
    assert [strict(line)["name"] for line in lines] == list(map(readable, HOSTILE.values()))
    assert out.getvalue().splitlines() == lines
