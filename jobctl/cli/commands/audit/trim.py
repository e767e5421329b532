"""`jobctl audit trim`."""

from contextlib import closing
from datetime import timedelta
from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.pacing import Pacing
from jobctl.cli.params import DryRun, command
from jobctl.cli.parsers import whole_number
from jobctl.cli.segments import PublicKey, Segments, anchors
from jobctl.domain.moments import parse_duration
from jobctl.services.audit_trim import AuditTrim, TrimAudit, audit_trim

EXAMPLES = """jobctl audit trim --older 90d --dry-run
jobctl audit trim --older 90d --keep-last 100000"""


Older = Annotated[
    timedelta,
    typer.Option(
        "--older", metavar="DURATION", help="Records that are younger stay.", parser=parse_duration
    ),
]
KeepLast = Annotated[
    int,
    typer.Option(
        "--keep-last",
        metavar="N",
        help="The newest N records stay, however old.",
        parser=whole_number(1, 1_000_000_000),
    ),
]


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
    trail = session.audit_log
    with closing(Pacing(session, rate=None, lease=None, total=trail.extent().length)) as pace:
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
