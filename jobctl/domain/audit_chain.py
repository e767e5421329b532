"""Follows the audit chain record by record and tells where it is broken.

A record is vouched for by the one behind it, which pins its hash. Where a link is broken, either
side of it may be the false one; so what is intact ends before the record that is not vouched for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from jobctl.domain.audit import COVERED, GENESIS, AuditHead, chain_hash
from jobctl.domain.moments import format_rfc3339, parse_timestamp


class Breach(StrEnum):
    """What can be wrong."""

    FOREIGN = "foreign"
    MISSING = "missing"
    ALTERED = "altered"
    UNLINKED = "unlinked"
    MALFORMED = "malformed"
    BACKWARDS = "backwards"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"
    SEGMENT = "segment"
    SIGNATURE = "signature"
    JOB = "job"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`seq` is the first record that it concerns; None where it concerns none."""

    breach: Breach
    seq: int | None
    text: str
    job_id: str | None = None


# As an entry of the stream; its id says the sequence number.
STORED = frozenset(COVERED) - {"seq"} | {"prev", "hash"}


class ChainCheck:
    """*after* is the record that the first one has to follow; None where nobody can tell.

    `head` is the last record that was taken, `first` the sequence number of the first one.
    """

    def __init__(self, after: AuditHead | None) -> None:
        self.head = after or AuditHead()
        self._knows_head = after is not None
        self.first: int | None = None
        self.records = 0
        self.intact_to = self.head.seq
        self.is_broken = False

    def take(self, place: str, fields: Mapping[str, str]) -> list[Finding]:
        """What is wrong with the next record; *place* is its entry id, `<seq>-0`."""
        number, _, part = place.partition("-")
        seq = int(number)
        if part != "0" or "hash" not in fields:
            return self._broken(
                [_finding(Breach.FOREIGN, seq, f"entry {place} was not written by jobctl")]
            )
        if self.first is None:
            self.first = seq
        at = parse_timestamp(fields.get("at"))
        found = self._misplaced(seq, fields) + _spoilt(seq, fields, at)
        if at is not None and self.head.at is not None and at < self.head.at:
            text = f"record {seq} is older than the one before it"
            found.append(_finding(Breach.BACKWARDS, seq, text))
        self._broken(found)
        self.head = AuditHead(seq=seq, hash=fields["hash"], at=at or self.head.at)
        self._knows_head = True
        self.records += 1
        if not self.is_broken:
            self.intact_to = seq
        return found

    def _broken(self, found: list[Finding]) -> list[Finding]:
        """The record before a breach is not vouched for: what pins it is not to be trusted."""
        if found and not self.is_broken:
            self.is_broken = True
            self.intact_to = max(self.head.seq - 1, 0)
        return found

    def _misplaced(self, seq: int, fields: Mapping[str, str]) -> list[Finding]:
        if not self._knows_head:
            follows_nothing = seq == 1 and fields.get("prev") != GENESIS
            text = "record 1 does not begin the chain: something stood before it"
            return [_finding(Breach.UNLINKED, 1, text)] if follows_nothing else []
        expected = self.head.seq + 1
        if seq > expected:
            gap = f"record {expected} is" if seq == expected + 1 else _span(expected, seq - 1)
            return [_finding(Breach.MISSING, expected, f"{gap} missing")]
        if seq < expected:
            text = f"record {seq} stands behind record {self.head.seq}"
            return [_finding(Breach.UNLINKED, seq, text)]
        if fields.get("prev") != self.head.hash:
            before = f"record {seq - 1}" if seq > 1 else "the beginning of the chain"
            text = f"record {seq} does not follow from {before}: one of them was rewritten"
            return [_finding(Breach.UNLINKED, seq, text)]
        return []


def _spoilt(seq: int, fields: Mapping[str, str], at: datetime | None) -> list[Finding]:
    if fields.keys() != STORED or at is None or format_rfc3339(at) != fields["at"]:
        return [_finding(Breach.MALFORMED, seq, f"record {seq} is not in the form of a record")]
    if chain_hash(fields["prev"], {**fields, "seq": str(seq)}) != fields["hash"]:
        return [_finding(Breach.ALTERED, seq, f"record {seq} is not what its hash says")]
    return []


def _finding(breach: Breach, seq: int, text: str) -> Finding:
    return Finding(breach=breach, seq=seq, text=text)


def _span(first: int, last: int) -> str:
    return f"records {first} to {last} are"
