"""Durations, moments and stored timestamps."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from jobctl.domain.moments import (
    format_duration,
    format_rfc3339,
    format_stored,
    from_unix,
    parse_duration,
    parse_moment,
    parse_timestamp,
)
from jobctl.errors import InvalidUsageError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("90s", 90),
        ("15m", 900),
        ("2h", 7_200),
        ("7d", 604_800),
        ("4w", 2_419_200),
        ("1h30m", 5_400),
        ("1d2h3m4s", 93_784),
        ("007d", 604_800),
        ("5200w", 5_200 * 604_800),
        ("36500d", 36_500 * 86_400),
    ],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "30",
        "0",
        "",
        " ",
        "d",
        "7 d",
        " 7d",
        "7d ",
        "7d\n",
        "-7d",
        "+7d",
        "1.5h",
        "1,5h",
        "7D",
        "7days",
        "7dd",
        "h1",
        "1h30",
        "P7D",
        "1e3s",
        "1_000s",
        "٣d",
        "1234567890s",
        "0s",
        "0h0m",
        "36501d",
        "999999999w",
        "999999999w" * 50,
    ],
)
def test_anything_else_is_not_a_duration(text: str) -> None:
    with pytest.raises(InvalidUsageError):
        parse_duration(text)


def test_a_bare_number_is_refused_with_the_units() -> None:
    with pytest.raises(InvalidUsageError) as refusal:
        parse_duration("30")
    assert "'30'" in refusal.value.message
    assert "7d" in (refusal.value.hint or "")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOW),
        ("7d", NOW - timedelta(days=7)),
        ("1h30m", NOW - timedelta(minutes=90)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.25+02:00", datetime(2026, 1, 31, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-01-31 12:00:00-05:30", datetime(2026, 1, 31, 17, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_rfc_3339_a_date_a_duration_or_now(text: str, moment: datetime) -> None:
    found = parse_moment(text, now=NOW)
    assert found == moment
    assert found.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "30",
        "1700000000",
        "20260131",
        "2026-01-31T12:00:00",
        "2026-01-32",
        "2026-13-01T00:00:00Z",
        "2026-01",
        "yesterday",
        "NOW",
        "7days",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-01-31\n2026-01-31",
    ],
)
def test_anything_else_is_not_a_moment(text: str) -> None:
    with pytest.raises(InvalidUsageError):
        parse_moment(text, now=NOW)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T12:00:00+00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.000001+00:00", datetime(2026, 1, 31, 12, 0, 0, 1, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+05:45", datetime(2026, 1, 31, 6, 15, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z\n", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_a_stored_timestamp_is_read_as_aware_utc(text: str, moment: datetime) -> None:
    found = parse_timestamp(text)
    assert found == moment
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "None",
        "null",
        "2026-01-31T12:00:00",
        "2026-01-31",
        "1700000000",
        "1700000000.5",
        "-1",
        "31.01.2026 12:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "0000-00-00T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31T12:00:00Z garbage",
        "2026-01-31\udcff12:00:00",
        "2026-01-3\udcff",
        "9" * 10_000 + "-",
    ],
)
def test_a_naive_or_unreadable_timestamp_is_none_and_never_guessed(text: str | None) -> None:
    assert parse_timestamp(text) is None


def test_moments_are_stored_and_printed_in_utc_whatever_their_zone() -> None:
    moment = datetime(2026, 1, 31, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert format_stored(moment) == "2026-01-31T12:00:00.000005+00:00"
    assert format_rfc3339(moment) == "2026-01-31T12:00:00.000005Z"
    assert parse_timestamp(format_stored(moment)) == moment
    assert format_rfc3339(datetime(2026, 1, 31, tzinfo=UTC)) == "2026-01-31T00:00:00Z"


def test_unix_seconds_are_aware_utc() -> None:
    assert from_unix(1_700_000_000.5) == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(milliseconds=900), "0s"),
        (timedelta(milliseconds=-900), "0s"),
        (timedelta(seconds=45), "45s"),
        (timedelta(hours=4, minutes=12, seconds=3), "4h12m"),
        (timedelta(days=30), "30d"),
        (timedelta(days=1, minutes=5), "1d"),
        (timedelta(hours=1, seconds=1), "1h"),
        (timedelta(hours=-2), "-2h"),
        (timedelta(days=400, hours=23, minutes=59), "400d23h"),
    ],
)
def test_a_duration_is_shown_by_its_two_largest_units(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text
