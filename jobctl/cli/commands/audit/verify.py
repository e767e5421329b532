"""`jobctl audit verify`."""

from contextlib import closing
from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.pacing import Pacing
from jobctl.cli.params import command
from jobctl.cli.segments import PublicKey, Segments, anchors
from jobctl.services.audit_jobs import JobCheck
from jobctl.services.audit_verify import AuditVerification, VerifyAudit, audit_verify

EXAMPLES = """jobctl audit verify
jobctl audit verify --anchors --jobs -o json
jobctl audit verify --segments s3://audit/prod --public-key audit.pub"""


@command
def verify(
    session: Session,
    against_anchors: Annotated[
        bool, typer.Option("--anchors", help="Compare with the segments that were exported.")
    ] = False,
    against_jobs: Annotated[
        bool, typer.Option("--jobs", help="Compare jobs with their last records.")
    ] = False,
    segments: Segments = None,
    public_key: PublicKey = None,
) -> AuditVerification:
    """Tell whether any record of the audit trail was changed, removed or put in.

    The exit code is 10 where something is wrong. Nothing is changed. --segments and --public-key
    imply --anchors. What can be found out, and what cannot, is told in jobctl-audit(1).
    """
    compares = against_anchors or segments is not None or public_key is not None
    trail = session.audit_log
    with closing(Pacing(session, rate=None, lease=None, total=trail.extent().length)) as pace:
        request = VerifyAudit(
            anchors=anchors(session, segments, public_key) if compares else None,
            jobs=JobCheck(session.jobs) if against_jobs else None,
            pace=pace,
            interrupted=session.interruption(),
        )
        return audit_verify(request, trail=trail)
