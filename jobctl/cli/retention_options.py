"""The options of `cleanup`."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from jobctl.cli.params import DryRun
from jobctl.cli.parsers import decimal_number, whole_number
from jobctl.cli.places import ArchivePlace, archive_place, file_path
from jobctl.cli.selection import Yes
from jobctl.domain.limits import DeletionLimit
from jobctl.domain.moments import format_duration, parse_duration
from jobctl.domain.retention import Sweep
from jobctl.errors import InvalidUsageError
from jobctl.setting_values import deletion_limit

_SHORTEST_GRACE = timedelta(hours=1)


def _grace(text: str) -> timedelta:
    grace = parse_duration(text)
    if grace < _SHORTEST_GRACE:
        raise InvalidUsageError(
            f"{text} is too short: a document is there before its record",
            hint=f"at least {format_duration(_SHORTEST_GRACE)}",
        )
    return grace


def _complete_sweep(incomplete: str) -> list[str]:
    return [one for one in Sweep if one.startswith(incomplete)]


Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        metavar="N",
        help="At most N jobs a second.",
        parser=decimal_number(0.01, 1_000_000),
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing:
    """What is due."""

    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="SWEEP,…",
            help="Only these sweeps: approvals, stuck, retention, index, orphans.",
            autocompletion=_complete_sweep,
        ),
    ] = None
    older: Annotated[
        list[str] | None,
        typer.Option(
            "--older",
            metavar="STATUS=DURATION",
            help="Another age for a status than its retention setting has; or never.",
        ),
    ] = None
    keep_last: Annotated[
        int,
        typer.Option(
            "--keep-last",
            metavar="N",
            help="Keep the newest N jobs that have ended, however old.",
            parser=whole_number(0, 1_000_000_000),
        ),
    ] = 0
    grace: Annotated[
        timedelta | None,
        typer.Option(
            "--grace",
            metavar="DURATION",
            help="How old a document is at least that counts as an orphan; 2d.",
            parser=_grace,
        ),
    ] = None
    results: Annotated[
        bool, typer.Option("--results", help="Delete the results of deleted jobs as well.")
    ] = False
    plan: Annotated[
        Path | None,
        typer.Option(
            "--plan",
            metavar="FILE",
            help="Do exactly what this plan says, where it still holds.",
            parser=file_path,
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """Whether it is done, how fast, and who hears of it."""

    max_delete: Annotated[
        DeletionLimit | None,
        typer.Option(
            "--max-delete",
            metavar="N|P%",
            help="Refuse to delete more jobs than that; as the setting max_delete.",
            parser=deletion_limit,
        ),
    ] = None
    archive: Annotated[
        ArchivePlace | None,
        typer.Option(
            "--archive",
            metavar="s3://BUCKET/PREFIX|DIR",
            help="Keep the records of jobs there before they are deleted.",
            parser=archive_place,
        ),
    ] = None
    archive_documents: Annotated[
        bool, typer.Option("--archive-documents", help="Keep their documents there too.")
    ] = False
    plan_out: Annotated[
        Path | None,
        typer.Option(
            "--plan-out",
            metavar="FILE",
            help="Write the plan to FILE, and do nothing else.",
            parser=file_path,
        ),
    ] = None
    time_budget: Annotated[
        timedelta | None,
        typer.Option(
            "--time-budget",
            metavar="DURATION",
            help="Stop in good order after that, and say what is left.",
            parser=parse_duration,
        ),
    ] = None
    rate: Rate = None
    textfile: Annotated[
        Path | None,
        typer.Option(
            "--textfile",
            metavar="FILE",
            help="Write metrics for Prometheus to FILE.",
            parser=file_path,
        ),
    ] = None
    yes: Yes = False
    dry_run: DryRun = False
