"""`audit summary`: how many records there are by actor, by action and by day, in one pass."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from jobctl.domain.audit import AuditFilter
from jobctl.domain.moments import format_rfc3339
from jobctl.services.audit_list import AuditWalk
from jobctl.services.ports import AuditLog


@dataclass(frozen=True, slots=True, kw_only=True)
class SummarizeAudit:
    """`pace` is told now and then how many records were looked at."""

    filter: AuditFilter
    pace: Callable[[int], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """`name` is None where records have no such value, or none that can be read."""

    name: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSummary:
    """`first` and `last` are the earliest and the latest time; days are in UTC."""

    total: int
    first: datetime | None
    last: datetime | None
    by_actor: tuple[Count, ...]
    by_action: tuple[Count, ...]
    by_day: tuple[Count, ...]


def audit_summary(request: SummarizeAudit, *, audit_log: AuditLog) -> AuditSummary:
    """What is held in memory are the names and days, not the records."""
    wanted = request.filter
    actors, actions, days = Counter[str | None](), Counter[str | None](), Counter[str | None]()
    first: datetime | None = None
    last: datetime | None = None
    # From the end at which a span leaves the least to be passed over.
    oldest_first = wanted.since is None
    for entry in AuditWalk(audit_log, wanted, oldest_first=oldest_first, pace=request.pace):
        actors[entry.actor] += 1
        actions[entry.action] += 1
        days[format_rfc3339(entry.at)[:10] if entry.at else None] += 1
        if entry.at is not None:
            first = entry.at if first is None else min(first, entry.at)
            last = entry.at if last is None else max(last, entry.at)
    return AuditSummary(
        total=actors.total(),
        first=first,
        last=last,
        by_actor=_counts(_most_first(actors)),
        by_action=_counts(_most_first(actions)),
        by_day=_counts(sorted(days.items(), key=lambda one: _named_first(one[0]))),
    )


def _most_first(counter: Counter[str | None]) -> list[tuple[str | None, int]]:
    return sorted(counter.items(), key=lambda one: (-one[1], *_named_first(one[0])))


def _named_first(name: str | None) -> tuple[bool, str]:
    return name is None, name or ""


def _counts(pairs: Iterable[tuple[str | None, int]]) -> tuple[Count, ...]:
    return tuple(Count(name=name, count=count) for name, count in pairs)
