"""`jobctl list`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.filters import Filters
from jobctl.cli.params import Columned, Columns, Cursor, Everything, command
from jobctl.cli.parsers import one_of, whole_number
from jobctl.cli.terminal import parse_columns
from jobctl.services.list_jobs import JobCount, JobListing, ListJobs, count_jobs, list_jobs

EXAMPLES = """jobctl list --status failed --since 1d
jobctl list --status active --older 2h --columns id,status,phase,updated
jobctl list --all -o jsonl > jobs.jsonl
jobctl list --status awaiting_approval --count"""


@command
def list(  # noqa: A001 - named like its subcommand
    session: Session,
    filters: Filters,
    sort: Annotated[
        str,
        typer.Option(
            "--sort", metavar="KEY", help="updated or created.", parser=one_of("updated", "created")
        ),
    ] = "updated",
    limit: Annotated[
        int,
        typer.Option(
            "--limit", "-n", metavar="N", help="At most N jobs.", parser=whole_number(1, 100_000)
        ),
    ] = 50,
    everything: Everything = False,
    cursor: Cursor = None,
    columns: Columns = None,
    count: Annotated[bool, typer.Option("--count", help="Print only how many.")] = False,
) -> Columned | JobListing | JobCount:
    """List jobs, the newest change first.

    The limit counts jobs that pass the filters. Filters that are given several times, or with
    commas, admit any of their values.
    """
    request = ListJobs(
        filter=filters.build(session.now()),
        sort="created" if sort == "created" else "updated",
        limit=None if everything or count else limit,
        cursor=cursor,
    )
    for unknown in sorted(request.filter.unknown_statuses):
        session.note(f"{unknown} is no status that jobctl knows; looking for it as it is stored")
    if count:
        return count_jobs(request, jobs=session.jobs)
    shown = parse_columns(columns)
    return Columned(result=list_jobs(request, jobs=session.jobs), columns=shown)
