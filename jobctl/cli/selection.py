"""Which jobs a bulk command is about: named one by one, or chosen by filters and confirmed."""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import Annotated

import typer

from jobctl.cli.confirmation import SAMPLE, can_prompt, confirm, show_sample
from jobctl.cli.context import Session
from jobctl.cli.filters import Filters
from jobctl.cli.job_ids import whole_ids
from jobctl.cli.params import DryRun
from jobctl.domain.job import Job
from jobctl.domain.moments import parse_duration
from jobctl.domain.status import ACTIVE, JobStatus
from jobctl.errors import InvalidUsageError, RefusedError
from jobctl.services.bulk import Bulk
from jobctl.services.list_jobs import ListJobs, list_jobs
from jobctl.services.operations import counted

SomeIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID...", help="Full job ids; - reads ids from standard input."),
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask whether to go on with the jobs chosen.")
]
Wait = Annotated[
    timedelta | None,
    typer.Option(
        "--wait",
        metavar="DURATION",
        help="How long to try again while the approval service holds a job.",
        parser=parse_duration,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection(Filters):
    """The options that all bulk commands have."""

    ids: SomeIds = None
    yes: Yes = False
    wait: Wait = None
    dry_run: DryRun = False

    @property
    def is_empty(self) -> bool:
        return not self.ids and not self.is_given


def choose(
    selection: Selection, session: Session, *, verb: str, usual: frozenset[JobStatus]
) -> Bulk:
    """The jobs that are named, or those that the filters choose, once somebody has agreed.

    *usual* are the statuses to look for where the filters name none.
    """
    session.require_writable(dry_run=selection.dry_run)
    if selection.is_empty:
        raise InvalidUsageError(
            f"nothing to {verb}: no job is named",
            hint="give ids, - for ids on standard input, or filters",
        )
    if selection.ids and selection.is_given:
        raise InvalidUsageError(
            "ids and filters exclude each other", hint="filter a list, and pipe its ids in"
        )
    if selection.ids:
        return bulk_of(whole_ids(selection.ids, session.settings), selection, session)
    return bulk_of(_filtered(selection, session, verb, usual), selection, session)


def bulk_of(ids: tuple[str, ...], selection: Selection, session: Session) -> Bulk:
    return Bulk(
        ids=ids,
        dry_run=selection.dry_run,
        wait=selection.wait or timedelta(0),
        # One job is over so soon that a signal may as well end it as usual.
        interrupted=session.interruption() if ids[1:] else lambda: None,
    )


def _filtered(
    selection: Selection, session: Session, verb: str, usual: frozenset[JobStatus]
) -> tuple[str, ...]:
    chosen = selection.build(session.now())
    for unknown in sorted(chosen.unknown_statuses):
        session.note(f"{unknown} is no status that jobctl knows; looking for it as it is stored")
    if not selection.status:
        # A status that nobody knows counts as active.
        chosen = replace(chosen, statuses=usual, any_unknown_status=usual >= ACTIVE)
    found = iter(list_jobs(ListJobs(filter=chosen, limit=None), jobs=session.jobs))
    sample = list(islice(found, SAMPLE))
    ids = (*(job.id for job in sample), *(job.id for job in found))
    if not ids:
        session.note(f"no jobs to {verb}")
    elif not selection.dry_run and not selection.yes:
        _confirm(sample, len(ids), verb, session)
    return ids


def _confirm(sample: list[Job], count: int, verb: str, session: Session) -> None:
    if not can_prompt():
        raise RefusedError(
            f"{counted(count, 'job')} to {verb}, and there is no terminal to ask at",
            hint="--yes goes on without asking, --dry-run shows what would be done",
        )
    from jobctl.render.columns import COLUMNS, NARROW, Moments, job_rows

    columns = [COLUMNS[name][0] for name in NARROW]
    rows = job_rows(sample, NARROW, Moments(now=session.now(), relative=True))
    show_sample(columns, rows, count, session)
    confirm(f"{verb.capitalize()} {counted(count, 'job')}")
