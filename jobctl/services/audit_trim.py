"""`audit trim`: removes from Redis what verified segments hold."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from jobctl.domain.audit import number_of
from jobctl.domain.moments import parse_timestamp
from jobctl.errors import ExitCode, FindingsError
from jobctl.services.audit_anchors import Anchors
from jobctl.services.audit_trail import AuditTrail
from jobctl.services.audit_verify import (
    TRIM_ACTION,
    AuditVerification,
    VerifyAudit,
    audit_verify,
)
from jobctl.services.authors import Author
from jobctl.services.operations import counted
from jobctl.services.ports import JobStore

_STEP = 1_000  # others wait while a script runs


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimAudit(Author):
    """Records younger than *older* stay, and the newest *keep_last*. *pace* is called with the
    number of records that were verified, then of those removed; *interrupted* between two
    steps."""

    older: timedelta
    keep_last: int
    at: datetime
    dry_run: bool = False
    pace: Callable[[int], None] = lambda _: None
    interrupted: Callable[[], ExitCode | None] = lambda: None


@dataclass(slots=True, kw_only=True)
class AuditTrim:
    """`upto` is the last record that was due; None where none was."""

    dry_run: bool
    upto: int | None = None
    due: int = 0
    removed: int = 0
    left: int = 0
    anchored_to: int = 0
    op_id: str | None = None
    stopped_by: ExitCode | None = None

    @property
    def exit_code(self) -> ExitCode:
        return self.stopped_by or ExitCode.DONE


def audit_trim(
    request: TrimAudit, *, trail: AuditTrail, anchors: Anchors, jobs: JobStore
) -> AuditTrim:
    """The trail and its segments are verified first; then a record of the trim is written, then
    records go, oldest first, in steps. Killed in between, the next run removes the rest.

    FindingsError where anything is wrong with either of them: nothing is removed.
    """
    found = _verified(request, trail, anchors)
    report = AuditTrim(
        dry_run=request.dry_run,
        anchored_to=found.anchored_to or 0,
        left=found.records,
        stopped_by=found.stopped_by,
    )
    last = min(report.anchored_to, found.last - max(request.keep_last, 1))
    boundary = _boundary(request, trail, last) if found.stopped_by is None else None
    if boundary is None:
        return report
    upto, pinned = boundary
    report.upto, report.due = upto, upto - found.first + 1
    if not request.dry_run:
        trail.trim(upto, pinned=pinned, step=0)  # what is not permitted leaves no record of it
        report.op_id = _record(request, jobs, upto, pinned, segments=anchors.segments)
        _remove(request, trail, report, upto, pinned)
    return report


def _verified(request: TrimAudit, trail: AuditTrail, anchors: Anchors) -> AuditVerification:
    found = audit_verify(
        VerifyAudit(anchors=anchors, pace=request.pace, interrupted=request.interrupted),
        trail=trail,
    )
    if found.first_bad is not None:
        raise FindingsError(
            f"nothing was removed: {found.first_bad.text}",
            hint="jobctl audit verify --anchors tells all that is wrong",
        )
    return found


def _boundary(request: TrimAudit, trail: AuditTrail, last: int) -> tuple[int, str] | None:
    """The newest record that is old enough, up to *last*, and its hash."""
    oldest_kept, found = request.at - request.older, None
    for page in trail.stored():
        for place, fields in page:
            seq, at = number_of(place), parse_timestamp(fields.get("at"))
            if seq > last or at is None or at >= oldest_kept:
                return found
            found = seq, fields["hash"]
    return found


def _record(request: TrimAudit, jobs: JobStore, upto: int, pinned: str, *, segments: int) -> str:
    mutation = replace(
        request.record_of("-", jobs.read([]).now, TRIM_ACTION),
        summary=f"records up to {upto} removed, held by {counted(segments, 'segment')}: {pinned}",
        only_recorded=True,
    )
    return jobs.apply(mutation).op_id


def _remove(
    request: TrimAudit, trail: AuditTrail, report: AuditTrim, upto: int, pinned: str
) -> None:
    while report.removed < report.due and report.stopped_by is None:
        removed = trail.trim(upto, pinned=pinned, step=_STEP)
        report.removed += removed
        request.pace(report.removed)
        report.stopped_by = request.interrupted()
    report.left += 1 - report.removed
