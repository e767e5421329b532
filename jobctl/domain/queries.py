"""Which jobs a command is about: the filters that `list` and the bulk commands share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from jobctl.domain.job import Job
from jobctl.domain.moments import format_rfc3339
from jobctl.domain.status import JobStatus, parse_status


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """All conditions must hold. `since` is inclusive, `until` exclusive; both bound the time of
    the last change. `unknown_statuses` are stored texts that jobctl has no meaning for."""

    statuses: frozenset[JobStatus] = frozenset()
    unknown_statuses: frozenset[str] = frozenset()
    any_unknown_status: bool = False
    since: datetime | None = None
    until: datetime | None = None
    types: frozenset[str] = frozenset()
    priorities: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    organizations: frozenset[str] = frozenset()
    name: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def looks_at_status(self) -> bool:
        return bool(self.statuses or self.unknown_statuses or self.any_unknown_status)

    @property
    def looks_inside(self) -> bool:
        """Whether records must be read to decide: the index alone knows only the times."""
        return self.looks_at_status or self.looks_beyond_status

    @property
    def looks_beyond_status(self) -> bool:
        return bool(
            self.types
            or self.priorities
            or self.users
            or self.organizations
            or self.name
            or self.fields
        )

    def admits(self, job: Job) -> bool:
        """Everything but the times, which the index decides."""
        return (
            self.admits_status(job.status, job.raw_status)
            and _one_of(self.types, job.document_type)
            and _one_of(self.priorities, job.priority)
            and _one_of(self.users, job.user_id)
            and _one_of(self.organizations, job.organization_id)
            and (self.name is None or fnmatchcase((job.name or "").lower(), self.name.lower()))
            and all(value in _texts(job, name) for name, value in self.fields.items())
        )

    def may_admit(self, stored: str | None) -> bool:
        """Whether a job with this stored status could pass; a failed one may be a cancelled one."""
        status = parse_status(stored)
        if status is JobStatus.FAILED and JobStatus.CANCELLED in self.statuses:
            return True
        return self.admits_status(status, stored)

    def admits_status(self, status: JobStatus | None, stored: str | None) -> bool:
        if not self.looks_at_status:
            return True
        if status is None:
            return self.any_unknown_status or (stored or "").lower() in self.unknown_statuses
        return status in self.statuses


def _one_of(wanted: frozenset[str], actual: str | None) -> bool:
    return not wanted or (actual is not None and actual.lower() in wanted)


def _texts(job: Job, name: str) -> tuple[str, ...]:
    """The spellings of a field by its stored name; secrets and PII equal nothing."""
    if name in job.extra:
        return (job.extra[name],)
    if name == "status":
        return (job.shown_status, job.raw_status or "")
    attribute = {"job_id": "id", "job_type": "document_type"}.get(name, name)
    value = getattr(job, attribute, None) if attribute in _COMPARABLE else None
    return () if value is None else _spellings(value)


def _spellings(value: object) -> tuple[str, ...]:
    match value:
        case bool():
            return (str(value).lower(),)
        case float():
            return (str(value), f"{value:g}")
        case tuple():
            return (",".join(value),)
        case datetime():
            return (value.isoformat(), format_rfc3339(value))
    return (str(value),)


_COMPARABLE = frozenset(Job.__dataclass_fields__) - {
    "approval_token",
    "pii",
    "problems",
    "extra",
    "metadata",
    "error",
    "error_details",
    "attempts",
    "redactor",
}
