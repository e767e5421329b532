"""Which jobs a command is about: the filters that `list` and the bulk commands share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from jobctl.domain.job import Job
from jobctl.domain.status import JobStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """All conditions must hold. `since` is inclusive, `until` exclusive; both bound the time of
    the last change. `unknown_statuses` are stored texts that jobctl has no meaning for."""

    statuses: frozenset[JobStatus] = frozenset()
    unknown_statuses: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None
    types: frozenset[str] = frozenset()
    priorities: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    name: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def looks_inside(self) -> bool:
        """Whether records must be read to decide: the index alone knows only the times."""
        return bool(
            self.statuses
            or self.unknown_statuses
            or self.types
            or self.priorities
            or self.users
            or self.organizations
            or self.name
            or self.fields
        )

    def admits(self, job: Job) -> bool:
        """Everything but the times, which the index decides."""
        return (
            self._admits_status(job)
            and _one_of(self.types, job.document_type)
            and _one_of(self.priorities, job.priority)
            and _one_of(self.users, job.user_id)
            and _one_of(self.organizations, job.organization_id)
            and (self.name is None or fnmatchcase((job.name or "").lower(), self.name.lower()))
            and all(_field(job, name) == value for name, value in self.fields.items())
        )

    def _admits_status(self, job: Job) -> bool:
        if not self.statuses and not self.unknown_statuses:
            return True
        if job.status is None:
            return (job.raw_status or "").lower() in self.unknown_statuses
        return job.status in self.statuses


def _one_of(wanted: frozenset[str], actual: str | None) -> bool:
    return not wanted or (actual is not None and actual.lower() in wanted)


def _field(job: Job, name: str) -> str | None:
    """A field as text, by its stored name; secrets and PII compare unequal to everything."""
    if name in job.extra:
        return job.extra[name]
    known = {"status": job.shown_status, "job_id": job.id}
    value = known.get(name) or (getattr(job, name, None) if name in _COMPARABLE else None)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    return value.isoformat() if isinstance(value, datetime) else _as_text(value)


def _as_text(value: object) -> str | None:
    return None if value is None else str(value)


_COMPARABLE = frozenset(Job.__dataclass_fields__) - {
    "approval_token",
    "pii",
    "problems",
    "extra",
    "metadata",
    "error",
    "error_details",
}
