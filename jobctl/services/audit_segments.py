"""Segments of the audit trail: numbered, immutable files that each pin the one before.

A segment is JSON lines, compressed with gzip: a header, the records as they are stored, and a seal
over all lines before it. Where a key signs, it signs the seal.
"""

import gzip
import json
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Protocol

from jobctl.domain.audit import AuditHead, number_of
from jobctl.services.audit_trail import StoredRecord

SCHEMA = "jobctl/v1"
_LARGEST = 1 << 28
_PLACE = re.compile(r"[1-9][0-9]{0,19}-0", re.ASCII)
_SIGNED = b"jobctl audit segment\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What the next segment says of this one. `sha256` is over the file as it is stored, `version`
    the version id that the bucket gave it; None where it gives none."""

    number: int
    sha256: str
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentHead:
    """`after` is the last record before the segment."""

    namespace: str
    number: int
    after: AuditHead
    previous: Pin | None
    exported_at: str
    exported_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """`sealed` are the bytes that a signature is over; `signature` is None for an unsigned one."""

    head: SegmentHead
    records: Sequence[StoredRecord]
    sealed: bytes
    signature: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentVersion:
    """One of the versions of a segment's file; a marker stands for a deletion."""

    version: str | None
    is_marker: bool = False


class SegmentError(Exception):
    """A file that is no segment, or no longer what it was; the text says how it differs."""


class SegmentStore(Protocol):
    """Where segments are kept. Failures are JobctlErrors that name the place and the remedy."""

    def versions(self) -> Mapping[int, Sequence[SegmentVersion]]:
        """By number, the oldest version first."""

    def read(self, number: int, version: str | None) -> bytes: ...

    def write(self, number: int, body: bytes) -> SegmentVersion | None:
        """None where there is one of that number, by somebody else. Atomic: of several writers
        one wins, and no reader sees half a segment."""

    def locate(self, number: int) -> str:
        """How a person names it."""


class Signer(Protocol):
    def sign(self, message: bytes) -> bytes: ...


class Verifier(Protocol):
    def verify(self, message: bytes, signature: bytes) -> bool: ...


def pack(head: SegmentHead, records: Sequence[StoredRecord], signer: Signer | None) -> bytes:
    """The file of a segment; the same for the same arguments."""
    about = {
        "schema": SCHEMA,
        "kind": "AuditSegment",
        "namespace": head.namespace,
        "number": head.number,
        "first": number_of(records[0][0]),
        "last": number_of(records[-1][0]),
        "after": {"seq": head.after.seq, "hash": head.after.hash},
        "previous": asdict(head.previous) if head.previous else None,
        "exported_at": head.exported_at,
        "exported_by": head.exported_by,
    }
    lines = [_line(about), *(_line({"id": place, **fields}) for place, fields in records)]
    body = b"".join(lines)
    sealed = _SIGNED + sha256(body).digest()
    signature = b64encode(signer.sign(sealed)).decode() if signer else None
    seal = {"kind": "AuditSeal", "sha256": sha256(body).hexdigest(), "signature": signature}
    return gzip.compress(body + _line(seal), compresslevel=6, mtime=0)


def unpack(body: bytes) -> Segment:
    """SegmentError unless it is whole and as it was sealed."""
    try:
        return _unpacked(body)
    except (OSError, EOFError, zlib.error) as error:
        raise SegmentError("it cannot be decompressed") from error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise SegmentError("it cannot be read") from error
    except RecursionError as error:
        raise SegmentError("it cannot be read") from error


def _unpacked(body: bytes) -> Segment:
    *lines, last = _decompressed(body).splitlines(keepends=True)
    seal, about = json.loads(last), json.loads(lines[0])
    digest = sha256(b"".join(lines))
    if seal["sha256"] != digest.hexdigest():
        raise SegmentError("its seal is not over what it holds")
    records = [_record(json.loads(line)) for line in lines[1:]]
    if (about["first"], about["last"]) != (number_of(records[0][0]), number_of(records[-1][0])):
        raise SegmentError("its header does not tell what it holds")
    return Segment(
        head=_head(about),
        records=records,
        sealed=_SIGNED + digest.digest(),
        signature=b64decode(seal["signature"]) if seal["signature"] else None,
    )


def _decompressed(body: bytes) -> bytes:
    """Not more than a segment can have, whatever is in there."""
    stream = zlib.decompressobj(wbits=31)
    text = stream.decompress(body, _LARGEST)
    if not stream.eof or stream.unused_data:
        raise SegmentError("it is cut short, too large, or goes on behind its end")
    return text


def _head(about: Mapping[str, Any]) -> SegmentHead:
    if (about["schema"], about["kind"]) != (SCHEMA, "AuditSegment"):
        raise SegmentError("it is no segment of an audit trail")
    after, previous = about["after"], about["previous"]
    return SegmentHead(
        namespace=str(about["namespace"]),
        number=int(about["number"]),
        after=AuditHead(seq=int(after["seq"]), hash=str(after["hash"])),
        previous=Pin(**previous) if previous else None,
        exported_at=str(about["exported_at"]),
        exported_by=str(about["exported_by"]),
    )


def _record(values: dict[str, str]) -> StoredRecord:
    if not all(isinstance(one, str) for one in values.values()):
        raise SegmentError("a record in it has a value that is no text")
    place = values.pop("id")
    if not _PLACE.fullmatch(place):
        raise SegmentError("a record in it has no number")
    return place, values


def _line(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode("ascii") + b"\n"
