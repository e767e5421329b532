"""`jobctl backfill-index`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.pacing import Pacing
from jobctl.cli.params import command
from jobctl.cli.retention_options import Rate
from jobctl.errors import InvalidUsageError
from jobctl.services.backfill_index import BackfillIndex, IndexReport, Mode
from jobctl.services.backfill_index import backfill_index as mend_index

EXAMPLES = """jobctl backfill-index --check
jobctl backfill-index --prune
jobctl backfill-index --rebuild --rate 20000"""


@command
def backfill_index(
    session: Session,
    check: Annotated[
        bool, typer.Option("--check", help="Compare only; the exit code is 10 where they differ.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Take out entries whose records have expired.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make a new index, and put it in place in one step.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Do not go on where an earlier run was stopped.")
    ] = False,
    rate: Rate = None,
) -> IndexReport:
    """Repair the index of jobs by their last change.

    Every record is found by a scan and put into the index at the time of its last change. Entries
    are only ever raised, so that nothing that others write meanwhile is lost. A run that was
    stopped goes on where it was. Records without a readable time are reported, not guessed.

    --prune and --rebuild drop the entries of expired records and leave their documents, which
    only cleanup --only orphans finds then, where the ids are UUIDs: to be rid of both, run cleanup.
    """
    session.require_writable(dry_run=check)
    if check and (prune or rebuild):
        raise InvalidUsageError(
            "--check changes nothing: it goes neither with --prune nor --rebuild"
        )
    mode: Mode = "check" if check else "rebuild" if rebuild else "repair"
    lease = None if check else session.index_lease
    index = session.index_repair
    pacing = Pacing(session, rate=rate, lease=lease, total=index.size())
    request = BackfillIndex(
        mode=mode,
        actor=session.actor,
        new_op_id=session.new_op_id,
        prune=prune,
        restart=restart,
        pace=session.closing(pacing),
        interrupted=pacing.interrupted,
    )
    return mend_index(request, index=index, jobs=session.jobs)
