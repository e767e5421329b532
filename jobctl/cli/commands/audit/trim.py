"""`jobctl audit trim`."""

from contextlib import closing

from jobctl.cli.context import Session
from jobctl.cli.pacing import Pacing
from jobctl.cli.params import DryRun, command
from jobctl.cli.segments import KeepLast, Older, PublicKey, Segments, anchors
from jobctl.services.audit_trim import AuditTrim, TrimAudit, audit_trim

EXAMPLES = """jobctl audit trim --older 90d --dry-run
jobctl audit trim --older 90d --keep-last 100000"""


@command
def trim(
    session: Session,
    older: Older,
    keep_last: KeepLast = 1,
    segments: Segments = None,
    public_key: PublicKey = None,
    dry_run: DryRun = False,
) -> AuditTrim:
    """Remove from Redis old records of the audit trail that segments hold.

    Both are verified before; where anything is wrong, nothing is removed and the exit code is 10.
    """
    session.require_writable(dry_run=dry_run)
    trail, lease = session.audit_log, None if dry_run else session.trim_lease
    with closing(Pacing(session, rate=None, lease=lease, total=trail.extent().length)) as pace:
        request = TrimAudit(
            actor=session.actor,
            new_op_id=session.new_op_id,
            older=older,
            keep_last=keep_last,
            at=session.jobs.read([]).now,
            dry_run=dry_run,
            pace=pace,
            interrupted=session.interruption(),
        )
        held = anchors(session, segments, public_key)
        return audit_trim(request, trail=trail, anchors=held, jobs=session.jobs)
