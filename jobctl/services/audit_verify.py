"""`audit verify`: walks the audit trail and tells whether anything of it was changed or removed."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from jobctl.domain.audit import AuditHead, number_of, says_nothing_of_changes
from jobctl.domain.audit_chain import Breach, ChainCheck, Finding
from jobctl.errors import ExitCode
from jobctl.services.audit_anchors import Anchored, Anchors
from jobctl.services.audit_jobs import JobCheck
from jobctl.services.audit_trail import AuditTrail

_EXAMPLES = 25  # of each kind
_SUSPECTS = 10_000
_LOOKS = 3  # at a trail that is trimmed meanwhile
TRIM_ACTION = "audit-trim"
_TRIMMED = re.compile(r"records up to ([0-9]+) removed, .*: ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAudit:
    """*anchors* and *jobs* are what the trail is compared with, where that is asked for. *pace* is
    called with the number of records after each page. *interrupted* ends the work."""

    anchors: Anchors | None = None
    jobs: JobCheck | None = None
    pace: Callable[[int], None] = lambda _: None
    interrupted: Callable[[], ExitCode | None] = lambda: None


@dataclass(slots=True, kw_only=True)
class AuditVerification:
    """`findings` are the first of each kind, of `found` in all. `intact_to` is the last record
    before the first breach that the one behind it or a segment vouches for; the whole trail where
    there is no breach. `anchored_to` is the last record that segments hold. Records up to
    `trimmed_to` were removed by `audit trim`."""

    records: int = 0
    first: int = 0
    last: int = 0
    hash: str = ""
    trimmed_to: int = 0
    intact_to: int = 0
    anchored_to: int | None = None
    segments: int | None = None
    jobs_checked: int | None = None
    found: int = 0
    findings: list[Finding] = field(default_factory=list)
    stopped_by: ExitCode | None = None
    first_bad: Finding | None = None
    """The one of the first record, and of several the one about a whole segment."""

    def add(self, finding: Finding) -> None:
        self.found += 1
        alike = sum(one.breach is finding.breach for one in self.findings)
        if alike < _EXAMPLES:
            self.findings.append(finding)
        if self.first_bad is None or _weight(finding) < _weight(self.first_bad):
            self.first_bad = finding

    @property
    def exit_code(self) -> ExitCode:
        if self.found:
            return ExitCode.FINDINGS
        return self.stopped_by or ExitCode.DONE


def _weight(one: Finding) -> tuple[bool, int, bool]:
    return one.seq is None, one.seq or 0, one.breach is not Breach.SEGMENT


def audit_verify(request: VerifyAudit, *, trail: AuditTrail) -> AuditVerification:
    """Records that are appended meanwhile are looked at too. Nothing is changed. A trail that is
    trimmed while it is read is read again."""
    for _ in range(_LOOKS):
        first = trail.extent().first
        report = _Run(request, trail).do()
        if not report.found or trail.extent().first == first:
            break
        request = replace(
            request,
            anchors=request.anchors and request.anchors.again(),
            jobs=request.jobs and request.jobs.again(),
        )
    return report


class _Run:
    def __init__(self, request: VerifyAudit, trail: AuditTrail) -> None:
        self._request = request
        self._trail = trail
        self._report = AuditVerification()
        self._extent = trail.extent()
        starts = self._extent.first <= 1
        self._chain = ChainCheck(AuditHead() if starts else None)
        self._trim: tuple[int, str] | None = None
        self._seen = 0  # up to here entries were read, whoever wrote them
        self._begins_behind = ""  # the hash that the first record pins
        self._rewritten_from: int | None = None
        self._anchored_intact = 0
        anchors = request.anchors
        self._anchored: Iterator[Anchored] = anchors.records() if anchors else iter(())
        self._anchor = self._next_anchor()

    def do(self) -> AuditVerification:
        report = self._report
        for page in self._trail.stored():
            for record in page:
                self._take(*record)
            if self._request.jobs is not None:
                self._request.jobs.take(page)
            self._request.pace(self._chain.records)
            report.stopped_by = self._request.interrupted()
            if report.stopped_by is not None:
                break
        else:
            self._conclude()
        self._summarise()
        return report

    def _take(self, place: str, fields: Mapping[str, str]) -> None:
        is_first = self._chain.first is None
        for finding in self._chain.take(place, fields):
            self._report.add(finding)
        if is_first:
            self._begins_behind = fields.get("prev", "")
        if fields.get("action") == TRIM_ACTION:
            said = _TRIMMED.fullmatch(fields.get("summary", ""))
            if said and (self._trim is None or int(said[1]) >= self._trim[0]):
                self._trim = (int(said[1]), said[2])
        self._seen = number_of(place)
        self._compare(self._seen, fields.get("hash"))

    def _compare(self, seq: int, digest: str | None) -> None:
        """With the segments, which are read side by side with the trail."""
        while self._anchor is not None and self._anchor.seq < seq:
            self._anchor = self._next_anchor()
        if self._anchor is None or self._anchor.seq != seq:
            return
        if self._anchor.record[1].get("hash") == digest:
            if not self._chain.is_broken and self._rewritten_from is None:
                self._anchored_intact = seq
        else:
            self._rewrite(seq, f"record {seq} is not the one in segment {self._anchor.number}")

    def _next_anchor(self) -> Anchored | None:
        one = next(self._anchored, None)
        if self._request.anchors is not None:
            for finding in self._request.anchors.new_findings():
                self._report.add(finding)
        for finding in one.findings if one else ():
            text = f"segment {one.number}: {finding.text}" if one else ""
            self._report.add(Finding(breach=finding.breach, seq=finding.seq, text=text))
        return one

    def _rewrite(self, seq: int, text: str) -> None:
        if self._rewritten_from is None:
            self._rewritten_from = seq
        self._report.add(Finding(breach=Breach.REWRITTEN, seq=seq, text=text))

    def _conclude(self) -> None:
        """What only the ends of the trail tell."""
        while self._anchor is not None:
            self._anchor = self._next_anchor()
        self._check_beginning()
        head, anchors = self._chain.head, self._request.anchors
        written = max(self._extent.written, self._trail.extent().written)
        if written > self._seen:
            gone = f"records {self._seen + 1} to {written} were written, and are not there"
            self._truncated(self._seen + 1, gone)
        if anchors is not None and anchors.head.seq > max(head.seq, written):
            gone = f"the trail ends at record {head.seq}, and segments go on to {anchors.head.seq}"
            self._truncated(head.seq + 1, gone)
        if anchors is not None and not anchors.segments and self._seen:
            text = "no segment was found: nothing is anchored"
            self._report.add(Finding(breach=Breach.SEGMENT, seq=self._chain.first, text=text))
        if self._request.jobs is not None:
            self._compare_jobs(self._request.jobs)

    def _compare_jobs(self, jobs: JobCheck) -> None:
        found = jobs.contradictions(whole=(self._chain.first or 1) == 1)
        suspects = {one.job_id: one for one in islice(found, _SUSPECTS)}
        # Jobs go on while we read: their records stand behind the last one that we saw.
        for page in self._trail.stored(after=self._seen) if suspects else ():
            for _, fields in page:
                if not says_nothing_of_changes(fields.get("action", "")):
                    suspects.pop(fields.get("job_id"), None)
        for finding in suspects.values():
            self._report.add(finding)

    def _check_beginning(self) -> None:
        first, anchors = self._chain.first or 0, self._request.anchors
        if first <= 1:
            return
        upto, pinned = self._trim or (0, "")
        if upto < first - 1:
            gone = f"records 1 to {first - 1} are not there, and no record of a trim says why"
            self._truncated(1, gone)
        elif upto == first - 1 and pinned != self._begins_behind:
            self._truncated(first, f"record {first} does not follow from the one that was trimmed")
        if anchors is None:
            return
        held = anchors.head
        if held.seq < first - 1:
            gone = f"records {held.seq + 1} to {first - 1} were trimmed, and no segment holds them"
            self._truncated(held.seq + 1, gone)
        elif held.seq == first - 1 and held.hash != self._begins_behind:
            self._rewrite(first, f"record {first} does not follow from the last one in segments")

    def _truncated(self, seq: int, text: str) -> None:
        self._report.add(Finding(breach=Breach.TRUNCATED, seq=seq, text=text))

    def _summarise(self) -> None:
        report, chain, anchors = self._report, self._chain, self._request.anchors
        report.records, report.first = chain.records, chain.first or 0
        report.last, report.hash = chain.head.seq, chain.head.hash if chain.records else ""
        report.trimmed_to = min(self._trim[0], max(report.first - 1, 0)) if self._trim else 0
        report.intact_to = max(chain.intact_to, self._anchored_intact)
        if self._rewritten_from is not None:
            report.intact_to = min(report.intact_to, self._rewritten_from - 1)
        if anchors is not None:
            report.anchored_to, report.segments = anchors.head.seq, anchors.segments
        if self._request.jobs is not None:
            report.jobs_checked = self._request.jobs.checked
