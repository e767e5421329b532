"""Checks the segments of an audit trail against each other, and hands out what they hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from jobctl.domain.audit import AuditHead, number_of
from jobctl.domain.audit_chain import Breach, ChainCheck, Finding
from jobctl.errors import NotFoundError
from jobctl.services.audit_segments import (
    Pin,
    Segment,
    SegmentError,
    SegmentStore,
    SegmentVersion,
    Verifier,
    unpack,
)
from jobctl.services.audit_trail import StoredRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """A record of a segment, with what is wrong with it there."""

    number: int
    record: StoredRecord
    findings: Sequence[Finding]

    @property
    def seq(self) -> int:
        return number_of(self.record[0])


class Anchors:
    """Read once, from the first segment on, with one segment in memory.

    `head` is the last record that was read, `last` the pin of the last segment, `segments` how
    many there were.
    """

    def __init__(
        self, store: SegmentStore, *, namespace: str, verifier: Verifier | None = None
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._verifier = verifier
        self._chain = ChainCheck(AuditHead())
        self._findings: list[Finding] = []
        self.last: Pin | None = None
        self.segments = 0

    @property
    def head(self) -> AuditHead:
        return self._chain.head

    def new_findings(self) -> Sequence[Finding]:
        """About segments as a whole, each told once."""
        found, self._findings = self._findings, []
        return found

    def again(self) -> "Anchors":
        """To be read from the first segment on once more."""
        return Anchors(self._store, namespace=self._namespace, verifier=self._verifier)

    def records(self) -> Iterator[Anchored]:
        before = 0
        versions = self._store.versions()
        for number in sorted(versions):
            if number > before + 1:
                gone = f"to {number - 1} are" if number > before + 2 else "is"
                self._found(before + 1, f"{gone} missing")
                self.last = None
            yield from self._segment(number, versions[number])
            before = number

    def _segment(self, number: int, versions: Sequence[SegmentVersion]) -> Iterator[Anchored]:
        kept = [one for one in versions if not one.is_marker]
        if len(kept) < len(versions):
            self._found(number, "was deleted: the bucket has a delete marker")
        if len(kept) > 1:
            self._found(number, f"was overwritten: the bucket has {len(kept)} versions")
        if not kept:
            self.last = None
            return
        try:
            # The oldest version is the one that the next segment pins.
            body = self._store.read(number, kept[0].version)
            segment = unpack(body)
        except (SegmentError, NotFoundError) as error:
            self._found(number, f"is spoilt: {error}")
            self.last = None
            return
        self._check(number, segment)
        self.last = Pin(number=number, sha256=sha256(body).hexdigest(), version=kept[0].version)
        self.segments += 1
        for place, fields in segment.records:
            yield Anchored(
                number=number, record=(place, fields), findings=self._chain.take(place, fields)
            )

    def _check(self, number: int, segment: Segment) -> None:
        head = segment.head
        if (head.number, head.namespace) != (number, self._namespace):
            self._found(number, f"is segment {head.number} of namespace {head.namespace}")
        if head.previous != self.last and (self.last or number == 1):
            self._found(number, "does not pin the segment before it as that one is")
        if (head.after.seq, head.after.hash) != (self.head.seq, self.head.hash):
            self._found(number, f"does not go on behind record {self.head.seq}")
        if self._verifier is None:
            return
        if segment.signature is None:
            self._found(number, "is not signed", Breach.SIGNATURE)
        elif not self._verifier.verify(segment.sealed, segment.signature):
            self._found(number, "is not signed by that key", Breach.SIGNATURE)

    def _found(self, number: int, text: str, breach: Breach = Breach.SEGMENT) -> None:
        place = self._store.locate(number)
        finding = Finding(
            breach=breach, seq=self.head.seq + 1, text=f"segment {number} {text} ({place})"
        )
        self._findings.append(finding)
