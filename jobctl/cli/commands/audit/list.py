"""`jobctl audit list`."""

from jobctl.cli.audit_filters import AuditFilters, Limit, OldestFirst
from jobctl.cli.checkpoints import Checkpoint, checkpoint_file
from jobctl.cli.context import Session
from jobctl.cli.params import Cursor, Everything, command
from jobctl.errors import InvalidUsageError
from jobctl.services.audit_list import AuditListing, ListAudit, audit_list

EXAMPLES = """jobctl audit list --job $ID
jobctl audit list --actor cron --action delete --since 7d
jobctl audit list --op 5f0c1d7e9a3b42f68d10 -o json
jobctl audit list --all --oldest-first -o jsonl > audit.jsonl
jobctl audit list --checkpoint audit.checkpoint -o jsonl >> audit.jsonl"""


@command
def list(  # noqa: A001 - named like its subcommand
    session: Session,
    filters: AuditFilters,
    limit: Limit = None,
    everything: Everything = False,
    cursor: Cursor = None,
    oldest_first: OldestFirst = False,
    checkpoint: Checkpoint = None,
) -> AuditListing:
    """List what was changed, by whom and why, the newest first.

    The limit counts records that pass the filters. An entry that jobctl did not write is shown
    as far as it can be read. Whether records were changed or removed is not checked here.
    """
    if checkpoint is not None and cursor is not None:
        raise InvalidUsageError("--checkpoint says where to go on: --cursor does not go with it")
    usual = 50 if checkpoint is None else None
    request = ListAudit(
        filter=filters.build(session.now()),
        limit=None if everything else limit or usual,
        cursor=cursor,
        oldest_first=oldest_first,
        checkpoint=checkpoint_file(checkpoint, session) if checkpoint else None,
    )
    return audit_list(request, audit_log=session.audit_log)
