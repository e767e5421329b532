"""`jobctl audit export`."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.pacing import Pacing
from jobctl.cli.params import command
from jobctl.cli.places import key_file
from jobctl.cli.segments import Segments, segment_store
from jobctl.services.audit_export import AuditExport, ExportAudit, audit_export

EXAMPLES = """jobctl audit export
jobctl audit export --segments s3://audit/prod --sign-key /etc/jobctl/audit.key
jobctl audit export --segments /srv/audit -o json"""


@command
def export(
    session: Session,
    segments: Segments = None,
    sign_key: Annotated[
        Path | None,
        typer.Option(
            "--sign-key",
            metavar="FILE",
            help="Sign each segment by this Ed25519 key, in PEM.",
            parser=key_file,
        ),
    ] = None,
) -> AuditExport:
    """Append what is new in the audit trail to its segments: files that nobody overwrites.

    A segment holds up to 10,000 records and pins the one before it. A run that was stopped is gone
    on with by the next; of several at once each segment is written by one. A trail that does not
    go on from its segments is not exported: the exit code is 10.
    """
    session.require_writable(dry_run=False)
    signer = None
    if sign_key is not None:
        from jobctl.storage.ed25519_keys import Ed25519Signer

        signer = Ed25519Signer(sign_key)
    audit_log = session.audit_log
    with closing(Pacing(session, rate=None, lease=None, total=audit_log.extent().length)) as pace:
        request = ExportAudit(
            namespace=session.settings.namespace,
            actor=session.actor,
            at=session.now(),
            signer=signer,
            pace=pace,
            interrupted=session.interruption(),
        )
        return audit_export(request, trail=audit_log, segments=segment_store(session, segments))
