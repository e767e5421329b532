"""Job ids: what passes, what is refused before any input or output."""

import pytest

from jobctl.domain.identifiers import (
    check_id_or_prefix,
    check_job_id,
    is_prefix,
    is_uuid,
)
from jobctl.errors import InvalidUsageError

UUID = "7f3c1a52-9d0e-4b7a-8a3f-0c2d4e6f8a1b"


@pytest.mark.parametrize(
    "text",
    ["a", "0", UUID, UUID.upper(), "job_1", "a.b", "a:b", "a-b-", "A" * 128, "x._:-", "1.2.3"],
)
def test_a_well_formed_id_is_returned_as_it_is(text: str) -> None:
    assert check_job_id(text) == text
    assert check_id_or_prefix(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "-a",
        "--all",
        ".a",
        "..",
        "_a",
        ":a",
        "a..b",
        "a..",
        "A" * 129,
        "a b",
        " a",
        "a ",
        "a\n",
        "\na",
        "a\x00",
        "a/b",
        "../a",
        "a\\b",
        "*",
        "a*",
        "a?",
        "[a]",
        "{" + UUID + "}",
        "ä",
        "a\u200b",
        "\uff41",
        "٣",
        "a\udcff",
        "a%2e%2e",
    ],
)
@pytest.mark.parametrize("id_format", ["any", "uuid"])
def test_a_malformed_id_is_refused(text: str, id_format: str) -> None:
    for check in (check_job_id, check_id_or_prefix):
        with pytest.raises(InvalidUsageError) as refusal:
            check(text, id_format="uuid" if id_format == "uuid" else "any")
        assert "malformed job id" in refusal.value.message


def test_a_long_malformed_id_is_not_repeated_in_full() -> None:
    with pytest.raises(InvalidUsageError) as refusal:
        check_job_id("x" * 100_000)
    assert len(refusal.value.message) < 200


@pytest.mark.parametrize(
    "text",
    [
        "job-1",
        UUID[:-1],
        UUID + "0",
        UUID.replace("-", ""),
        f"urn:uuid:{UUID}",
        UUID.replace("a", "g"),
        UUID[:8],
    ],
)
def test_only_uuids_pass_where_the_format_is_uuid(text: str) -> None:
    assert check_job_id(text) == text
    with pytest.raises(InvalidUsageError):
        check_job_id(text, id_format="uuid")


def test_a_uuid_passes_where_the_format_is_uuid_in_either_case() -> None:
    assert check_job_id(UUID, id_format="uuid") == UUID
    assert check_job_id(UUID.upper(), id_format="uuid") == UUID.upper()


@pytest.mark.parametrize("length", [8, 9, 13, 20, 35])
def test_reading_commands_take_the_beginning_of_a_uuid(length: int) -> None:
    assert check_id_or_prefix(UUID[:length], id_format="uuid") == UUID[:length]


@pytest.mark.parametrize(
    "text", [UUID[:7], "a", "job-2026-01", f"urn:uuid:{UUID}", UUID + "00", "zzzzzzzz"]
)
def test_what_begins_no_uuid_is_refused_where_the_format_is_uuid(text: str) -> None:
    with pytest.raises(InvalidUsageError):
        check_id_or_prefix(text, id_format="uuid")


def test_a_uuid_is_nothing_but_its_36_characters() -> None:
    assert is_uuid(UUID)
    assert not any(is_uuid(text) for text in (UUID + "\n", "{" + UUID + "}", f"urn:uuid:{UUID}"))


def test_a_prefix_has_eight_characters_or_more() -> None:
    assert is_prefix("a" * 8)
    assert not is_prefix("a" * 7)
