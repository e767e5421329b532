"""The filter options of the commands that read the audit trail, and those that bound a list."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from jobctl.cli.filters import Since, Until
from jobctl.cli.parsers import comma_separated, not_blank, whole_number
from jobctl.domain.audit import AuditFilter
from jobctl.domain.identifiers import check_job_id
from jobctl.domain.moments import parse_moment

Job = Annotated[
    str | None,
    typer.Option("--job", metavar="ID", help="Only this job; its full id.", parser=check_job_id),
]
Actor = Annotated[
    str | None, typer.Option("--actor", metavar="NAME", help="Only this actor.", parser=not_blank)
]
Actions = Annotated[
    list[str] | None,
    typer.Option(
        "--action", metavar="NAME,…", help="Only these actions: create, update, …", parser=not_blank
    ),
]
Op = Annotated[
    str | None,
    typer.Option("--op", metavar="ID", help="Only this operation, by its id.", parser=not_blank),
]

Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        "-n",
        metavar="N",
        help="At most N records; 50 where neither --all nor --checkpoint is given.",
        parser=whole_number(1, 100_000),
    ),
]
OldestFirst = Annotated[bool, typer.Option("--oldest-first", help="From the first record on.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilters:
    """The options, each a field, as they were given."""

    job: Job = None
    actor: Actor = None
    action: Actions = None
    op: Op = None
    since: Since = None
    until: Until = None

    def build(self, now: datetime) -> AuditFilter:
        return AuditFilter(
            job_id=self.job,
            actor=self.actor,
            actions=frozenset(name.lower() for name in comma_separated(self.action)),
            op_id=self.op,
            since=parse_moment(self.since, now=now) if self.since else None,
            until=parse_moment(self.until, now=now) if self.until else None,
        )
