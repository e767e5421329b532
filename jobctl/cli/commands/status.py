"""`jobctl status`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.job_ids import ids_or_prefixes
from jobctl.cli.params import Columned, Columns, IdsOrPrefixes, command
from jobctl.cli.terminal import parse_columns
from jobctl.services.status import ShowStatus
from jobctl.services.status import status as show_status

EXAMPLES = """jobctl status 3f2c9a41
jobctl status --errors 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10
jobctl list --status failed -o id | jobctl status - -o jsonl"""


@command
def status(
    session: Session,
    ids: IdsOrPrefixes,
    errors: Annotated[
        bool, typer.Option("--errors", help="Show error texts; they may quote the document.")
    ] = False,
    columns: Columns = None,
) -> Columned:
    """Show everything about jobs.

    Progress, rate and time left, the approval, PII findings as counts (never their text), how
    long the record is kept, and what is wrong with it. Whole ids or unambiguous prefixes.
    """
    request = ShowStatus(
        ids=ids_or_prefixes(ids, session.settings),
        with_errors=errors,
        stuck_after=session.settings.stuck_after,
    )
    shown = parse_columns(columns)
    return Columned(result=show_status(request, jobs=session.jobs), columns=shown)
