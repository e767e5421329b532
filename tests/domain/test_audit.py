"""The audit record: a canonical form that never changes, and a chain that pins each record."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest

from jobctl.domain.audit import (
    GENESIS,
    AuditHead,
    AuditRecord,
    parse_place,
    place_behind,
)

LAST = 2**64 - 1
RECORD = AuditRecord(
    seq=1,
    op_id="00112233445566778899",
    actor="ops@example",
    action="create",
    job_id="job-1",
    from_status="",
    to_status="queued",
    reason='say "no"\nÄ\U0001f600',
    summary="",
    at=datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
    prev=GENESIS,
)
CANONICAL = (
    r'{"action":"create","actor":"ops@example","at":"2026-01-31T12:00:00Z","from":"",'
    r'"job_id":"job-1","op_id":"00112233445566778899",'
    r'"reason":"say \"no\"\n\u00c4\ud83d\ude00","seq":"1","summary":"","to":"queued"}'
)


def test_the_digest_is_over_prev_and_the_canonical_json_byte_for_byte() -> None:
    assert RECORD.digest() == sha256(("0" * 64 + CANONICAL).encode()).hexdigest()


def test_the_digest_of_a_known_record_never_changes() -> None:
    golden = "b0b78dd519894419e5cf6ecef55d764b724c0f1ee2e440fff8305b51377d1373"
    assert RECORD.digest() == golden


def test_the_first_record_pins_sixty_four_zeros() -> None:
    assert GENESIS == "0" * 64
    assert AuditHead() == AuditHead(seq=0, hash=GENESIS, at=None)


@pytest.mark.parametrize(
    "changed",
    [
        replace(RECORD, seq=2),
        replace(RECORD, op_id="x"),
        replace(RECORD, actor="x"),
        replace(RECORD, action="x"),
        replace(RECORD, job_id="x"),
        replace(RECORD, from_status="x"),
        replace(RECORD, to_status="x"),
        replace(RECORD, reason="x"),
        replace(RECORD, summary="x"),
        replace(RECORD, at=RECORD.at + timedelta(microseconds=1)),
        replace(RECORD, prev="1" * 64),
    ],
)
def test_every_part_of_a_record_is_covered_by_its_digest(changed: AuditRecord) -> None:
    assert changed.digest() != RECORD.digest()


def test_text_cannot_move_from_one_field_to_the_next_unnoticed() -> None:
    one = replace(RECORD, reason='a","summary":"b', summary="")
    other = replace(RECORD, reason="a", summary="b")
    assert one.digest() != other.digest()


def test_the_digest_does_not_depend_on_the_zone_of_the_time() -> None:
    elsewhere = RECORD.at.astimezone(timezone(timedelta(hours=9)))
    assert replace(RECORD, at=elsewhere).digest() == RECORD.digest()


def test_bytes_that_are_not_utf_8_have_a_digest_too() -> None:
    assert len(replace(RECORD, reason="\udcff").digest()) == 64


def test_the_stream_entry_holds_what_the_hash_covers_and_nothing_else() -> None:
    assert set(RECORD.stream_fields()) == {
        "seq",
        "op_id",
        "actor",
        "action",
        "job_id",
        "from",
        "to",
        "reason",
        "summary",
        "at",
    }


def test_the_chain_never_runs_backwards_in_time() -> None:
    head = AuditHead(seq=1, hash="x", at=RECORD.at)
    earlier, later = RECORD.at - timedelta(hours=1), RECORD.at + timedelta(hours=1)
    assert head.not_before(earlier) == RECORD.at
    assert head.not_before(later) == later
    assert AuditHead().not_before(earlier) == earlier


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("7", "7-0"),
        ("007", "7-0"),
        ("7-0", "7-0"),
        ("0-1", "0-1"),
        (f"{LAST}-{LAST}", f"{LAST}-{LAST}"),
        *(
            (wrong, None)
            for wrong in ("", "0", "0-0", "7-", "-7", "x", "7-1-1", "\u0663", str(LAST + 1))
        ),
    ],
)
def test_a_place_is_read_as_it_is_printed(text: str, place: str | None) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    ("place", "behind"),
    [
        ("7-0", "7-1"),
        (f"7-{LAST}", "8-0"),
        (f"{LAST}-0", f"{LAST}-1"),
        (f"{LAST}-{LAST}", None),
    ],
)
def test_nothing_stands_between_a_place_and_the_one_behind_it(
    place: str, behind: str | None
) -> None:
    assert place_behind(place) == behind
