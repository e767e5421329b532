"""`jobctl audit tail`."""

from typing import Annotated

import typer

from jobctl.cli.audit_filters import AuditFilters
from jobctl.cli.context import Session
from jobctl.cli.params import command
from jobctl.cli.parsers import whole_number
from jobctl.cli.terminal import require_reader
from jobctl.services.audit_tail import AuditTail, TailAudit, audit_tail

EXAMPLES = """jobctl audit tail
jobctl audit tail --follow --action approve,deny
jobctl audit tail -f -n 0 -o jsonl | ./notify"""


@command
def tail(
    session: Session,
    filters: AuditFilters,
    limit: Annotated[
        int,
        typer.Option(
            "--limit",
            "-n",
            metavar="N",
            help="How many of the newest records come first.",
            parser=whole_number(0, 100_000),
        ),
    ] = 10,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Go on with what is appended, until interrupted."),
    ] = False,
) -> AuditTail:
    """Show the newest records, and go on with what is appended.

    The oldest of them comes first. With --follow each record is handed on as soon as it is
    there. A lost connection is said and tried again for a minute; nothing is left out or
    repeated. It ends with 10 where the trail is rolled back or rewritten meanwhile.
    """
    request = TailAudit(
        filter=filters.build(session.now()),
        limit=limit,
        follow=follow,
        waiting=require_reader,
        tell=session.note,
    )
    return audit_tail(request, audit_log=session.audit_log)
