"""`audit export`: appends what is new in the audit trail to its segments."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from jobctl.domain.audit import AuditHead, number_of
from jobctl.domain.audit_chain import ChainCheck
from jobctl.domain.moments import format_rfc3339
from jobctl.errors import ConflictError, ExitCode, FindingsError
from jobctl.services.audit_segments import (
    Pin,
    SegmentError,
    SegmentHead,
    SegmentStore,
    Signer,
    pack,
    unpack,
)
from jobctl.services.audit_trail import AuditTrail, StoredRecord

# Some four megabytes before they are compressed.
SEGMENT_RECORDS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportAudit:
    """*most* is how many records a segment holds. *pace* is called with the number of records
    after each segment. *interrupted* ends the work between two of them."""

    namespace: str
    actor: str
    at: datetime
    signer: Signer | None = None
    most: int = SEGMENT_RECORDS
    pace: Callable[[int], None] = lambda _: None
    interrupted: Callable[[], ExitCode | None] = lambda: None


@dataclass(slots=True, kw_only=True)
class AuditExport:
    """What this run has appended; `last` is the last record that segments hold, whoever wrote
    them, and `others` how many were written by another run meanwhile."""

    segments: int = 0
    records: int = 0
    others: int = 0
    first: int | None = None
    last: int = 0
    last_segment: int | None = None
    place: str | None = None
    stopped_by: ExitCode | None = None

    @property
    def exit_code(self) -> ExitCode:
        return self.stopped_by or ExitCode.DONE


def audit_export(request: ExportAudit, *, trail: AuditTrail, segments: SegmentStore) -> AuditExport:
    """Each segment is written whole or not at all; a run that is stopped is gone on with by the
    next. Of several runs at once each segment is written by one.

    FindingsError where the trail does not go on from its segments: nothing more is written.
    """
    return _Run(request, trail, segments).do()


class _Run:
    def __init__(self, request: ExportAudit, trail: AuditTrail, segments: SegmentStore) -> None:
        self._request = request
        self._trail = trail
        self._segments = segments
        self._report = AuditExport()

    def do(self) -> AuditExport:
        report = self._report
        head, pin = self._end()
        upto = self._check_continuity(head)
        while head.seq < upto and (chunk := self._chunk(head, upto)):
            report.stopped_by = self._request.interrupted()
            if report.stopped_by is not None:
                break
            written = self._write(chunk, head, pin)
            if written is None:
                head, pin = self._behind(head)
                report.others += 1
                continue
            head, pin = AuditHead(seq=number_of(chunk[-1][0]), hash=chunk[-1][1]["hash"]), written
            report.segments += 1
            report.records += len(chunk)
            report.first = report.first or number_of(chunk[0][0])
            self._request.pace(report.records)
        report.last = head.seq
        if pin is not None:
            report.last_segment, report.place = pin.number, self._segments.locate(pin.number)
        return report

    def _end(self) -> tuple[AuditHead, Pin | None]:
        """The last record that segments hold, and the segment that holds it."""
        versions = self._segments.versions()
        number = max(versions, default=0)
        if number == 0:
            return AuditHead(), None
        kept = [one for one in versions[number] if not one.is_marker]
        if len(versions) != number:
            gone = next(one for one, there in enumerate(sorted(versions), 1) if one != there)
            raise self._broken(f"segment {gone} is missing")
        if len(kept) != 1 or len(kept) != len(versions[number]):
            raise self._broken(f"segment {number} was overwritten or deleted")
        body = self._segments.read(number, kept[0].version)
        try:
            segment = unpack(body)
        except SegmentError as error:
            raise self._broken(f"segment {number} is spoilt: {error}") from error
        if (segment.head.number, segment.head.namespace) != (number, self._request.namespace):
            raise self._broken(f"segment {number} is another trail's")
        place, fields = segment.records[-1]
        pin = Pin(number=number, sha256=sha256(body).hexdigest(), version=kept[0].version)
        return AuditHead(seq=number_of(place), hash=fields["hash"]), pin

    def _behind(self, head: AuditHead) -> tuple[AuditHead, Pin | None]:
        """The end of what somebody else has written there before us."""
        found, pin = self._end()
        if found.seq <= head.seq:
            raise ConflictError(
                "a segment can neither be written nor found in the list of its place",
                hint="look into that place; the server may take the prefix for another one",
            )
        return found, pin

    def _check_continuity(self, head: AuditHead) -> int:
        """The last record that is there to be exported."""
        extent = self._trail.extent()
        if extent.written > extent.last:
            gone = f"records {extent.last + 1} to {extent.written}"
            raise self._broken(f"{gone} were written, and are not there")
        if extent.first > head.seq + 1:
            gone = f"records {head.seq + 1} to {extent.first - 1}"
            raise self._broken(f"{gone} are neither in the trail nor in its segments")
        if extent.last < head.seq:
            ends = f"the trail ends at record {extent.last}"
            raise self._broken(f"{ends}, and its segments at record {head.seq}")
        if head.seq and extent.first <= head.seq:
            place, fields = next(self._records(head.seq - 1))
            if (number_of(place), fields.get("hash")) != (head.seq, head.hash):
                raise self._broken(f"record {head.seq} is not the one that its segment holds")
        return extent.last

    def _chunk(self, head: AuditHead, upto: int) -> Sequence[StoredRecord]:
        """The next records up to one, each of which follows from the one before."""
        chain, chunk = ChainCheck(head), []
        for record in self._records(head.seq):
            found = chain.take(*record)
            if found:
                raise self._broken(found[0].text)
            chunk.append(record)
            if len(chunk) == self._request.most or number_of(record[0]) >= upto:
                break
        return chunk

    def _records(self, after: int) -> Iterator[StoredRecord]:
        for page in self._trail.stored(after=after):
            yield from page

    def _write(
        self, chunk: Sequence[StoredRecord], head: AuditHead, previous: Pin | None
    ) -> Pin | None:
        number = previous.number + 1 if previous else 1
        about = SegmentHead(
            namespace=self._request.namespace,
            number=number,
            after=head,
            previous=previous,
            exported_at=format_rfc3339(self._request.at),
            exported_by=self._request.actor,
        )
        body = pack(about, chunk, self._request.signer)
        written = self._segments.write(number, body)
        if written is None:
            return None
        return Pin(number=number, sha256=sha256(body).hexdigest(), version=written.version)

    def _broken(self, text: str) -> FindingsError:
        return FindingsError(
            f"the audit trail cannot be exported: {text}",
            hint="jobctl audit verify --anchors tells what is wrong",
        )
