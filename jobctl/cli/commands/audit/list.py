"""`jobctl audit list`."""

from typing import Annotated

import typer

from jobctl.cli.audit_filters import AuditFilters
from jobctl.cli.context import Session
from jobctl.cli.params import Cursor, Everything, command
from jobctl.cli.parsers import whole_number
from jobctl.services.audit_list import AuditListing, ListAudit, audit_list

EXAMPLES = """jobctl audit list --job $ID
jobctl audit list --actor cron --action delete --since 7d
jobctl audit list --op 5f0c1d7e9a3b42f68d10 -o json
jobctl audit list --all --oldest-first -o jsonl > audit.jsonl"""


@command
def list(  # noqa: A001 - named like its subcommand
    session: Session,
    filters: AuditFilters,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", "-n", metavar="N", help="At most N records.", parser=whole_number(1, 100_000)
        ),
    ] = 50,
    everything: Everything = False,
    cursor: Cursor = None,
    oldest_first: Annotated[
        bool, typer.Option("--oldest-first", help="From the first record on.")
    ] = False,
) -> AuditListing:
    """List what was changed, by whom and why, the newest first.

    The limit counts records that pass the filters. An entry that jobctl did not write is shown
    as far as it can be read. Whether records were changed or removed is not checked here.
    """
    request = ListAudit(
        filter=filters.build(session.now()),
        limit=None if everything else limit,
        cursor=cursor,
        oldest_first=oldest_first,
    )
    return audit_list(request, audit_log=session.audit_log)
