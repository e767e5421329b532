"""The filter options that `list` and bulk commands share."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated

import typer

from jobctl.cli.parsers import comma_separated, key_value, priority_name
from jobctl.domain.moments import parse_duration, parse_moment
from jobctl.domain.priority import Priority
from jobctl.domain.queries import JobFilter
from jobctl.domain.status import JobStatus, parse_status
from jobctl.errors import InvalidUsageError

_STATUSES = [status.value for status in JobStatus]


def _complete_status(incomplete: str) -> list[str]:
    return [name for name in (*_STATUSES, "active", "terminal") if name.startswith(incomplete)]


def _complete_priority(incomplete: str) -> list[str]:
    return [name for name in Priority if name.startswith(incomplete.upper())]


Statuses = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        "-s",
        metavar="STATUS,…",
        help="Only these statuses; also active and terminal.",
        autocompletion=_complete_status,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="WHEN", help="Changed at or after: a moment, a date, or 7d ago."
    ),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="WHEN", help="Changed before; as --since.")
]
Older = Annotated[
    str | None,
    typer.Option("--older", metavar="DURATION", help="Not changed for this long, such as 30d."),
]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="TYPE,…", help="Only these document types.")
]
Priorities = Annotated[
    list[str] | None,
    typer.Option(
        "--priority",
        metavar="PRIORITY,…",
        help="LOW, NORMAL, HIGH or URGENT.",
        autocompletion=_complete_priority,
    ),
]
Users = Annotated[
    list[str] | None, typer.Option("--user", metavar="USER,…", help="Only these users.")
]
Organizations = Annotated[
    list[str] | None, typer.Option("--org", metavar="ORG,…", help="Only these organizations.")
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="GLOB", help="A pattern for the name, such as '*.pdf'."),
]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME=VALUE", help="A stored field with exactly this value."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The options, each a field, as they were given."""

    status: Statuses = None
    since: Since = None
    until: Until = None
    older: Older = None
    type: Types = None
    priority: Priorities = None
    user: Users = None
    org: Organizations = None
    name: Name = None
    field: Fields = None

    @property
    def is_given(self) -> bool:
        """Whether any of them was."""
        return any(getattr(self, one.name) not in (None, (), []) for one in fields(Filters))

    def build(self, now: datetime) -> JobFilter:
        self._check_blank()
        names = _listed(self.status)
        known, unknown = _statuses(names)
        if self.older and self.until:
            raise InvalidUsageError("--older and --until exclude each other")
        latest = now - parse_duration(self.older) if self.older else None
        return JobFilter(
            statuses=known,
            unknown_statuses=unknown,
            any_unknown_status="active" in names,
            since=parse_moment(self.since, now=now) if self.since else None,
            until=parse_moment(self.until, now=now) if self.until else latest,
            types=frozenset(_listed(self.type)),
            priorities=frozenset(priority_name(one).lower() for one in _listed(self.priority)),
            users=frozenset(_listed(self.user)),
            organizations=frozenset(_listed(self.org)),
            name=self.name,
            fields=dict(key_value(text) for text in self.field or ()),
        )

    def _check_blank(self) -> None:
        """`--user "$UNSET"` would otherwise choose the jobs of all users."""
        for one in fields(Filters):
            given = getattr(self, one.name)
            texts = [given] if isinstance(given, str) else given or ()
            if not all(text.strip(" ,") for text in texts):
                raise InvalidUsageError(f"--{one.name}: it is empty", hint="is a variable not set?")


def _listed(values: Sequence[str] | None) -> list[str]:
    """In lower case, as filters compare."""
    return [name.lower() for name in comma_separated(values)]


def _statuses(names: Sequence[str]) -> tuple[frozenset[JobStatus], frozenset[str]]:
    """Known statuses, and texts that only a foreign service knows."""
    from jobctl.domain.status import ACTIVE, TERMINAL

    known: set[JobStatus] = set()
    unknown: set[str] = set()
    for name in names:
        status = parse_status(name)
        if name in ("active", "terminal"):
            known |= ACTIVE if name == "active" else TERMINAL
        elif status is not None:
            known.add(status)
        else:
            unknown.add(name)
    return frozenset(known), frozenset(unknown)
