from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from jobctl.render.times import absolute, bar, number, relative, size

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(0), "now"),
        (timedelta(milliseconds=999), "now"),
        (timedelta(seconds=1), "1s ago"),
        (timedelta(seconds=59, milliseconds=999), "59s ago"),
        (timedelta(seconds=60), "1m ago"),
        (timedelta(minutes=59, seconds=59), "59m ago"),
        (timedelta(hours=23, minutes=59), "23h ago"),
        (timedelta(hours=24), "1d ago"),
        (timedelta(days=60), "60d ago"),
        (timedelta(days=60, seconds=1), "2026-01-30"),
        (timedelta(hours=-2), "in 2h"),
        (timedelta(seconds=-45), "in 45s"),
        (timedelta(days=-61), "2026-05-31"),
    ],
)
def test_relative(age: timedelta, text: str) -> None:
    assert relative(NOW - age, now=NOW) == text


def test_absent_values_are_empty() -> None:
    assert relative(None, now=NOW) == ""
    assert absolute(None) == ""
    assert size(None) == ""
    assert number(None) == ""
    assert number(float("nan")) == ""


def test_absolute_is_rfc_3339() -> None:
    assert absolute(NOW) == "2026-03-31T12:00:00Z"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1.0 KiB"),
        (1_992_294, "1.9 MiB"),
        (1_048_575, "1.0 MiB"),
        (1_024**3, "1.0 GiB"),
        (5 * 1_024**4, "5.0 TiB"),
        (3_000 * 1_024**5, "3000.0 PiB"),
    ],
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("percentage", "text"),
    [
        (0, "░░░░"),
        (None, "░░░░"),
        (float("nan"), "░░░░"),
        (-5, "░░░░"),
        (0.01, "▏░░░"),
        (50, "██░░"),
        (62.5, "██▌░"),
        (99.9, "███▉"),
        (100, "████"),
        (float("inf"), "████"),
    ],
)
def test_bar(percentage: float | None, text: str) -> None:
    assert bar(percentage, 4) == text


def test_bar_has_exactly_its_width() -> None:
    widths = [(p / 7, width) for p in range(-10, 750) for width in (0, 1, 10, 33)]
    assert all(cell_len(bar(percentage, width)) == width for percentage, width in widths)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12_345, "12345"),
        (2**70, str(2**70)),
        (10**400, "1" + "0" * 400),
        (3.0, "3"),
        (3.5, "3.5"),
        (45.333333, "45.33"),
        (100.0, "100"),
        (-0.001, "0"),
        (float("inf"), ""),
    ],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


def test_number_takes_the_count_of_decimals() -> None:
    assert number(0.98765, digits=3) == "0.988"
    assert number(120.4, digits=0) == "120"
