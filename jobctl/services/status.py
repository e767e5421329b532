"""`status`: everything about a few jobs, in one round trip."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobctl.domain.anomalies import Anomaly, anomalies_of
from jobctl.domain.identifiers import SHORTEST_PREFIX, is_prefix, is_uuid
from jobctl.domain.job import Job
from jobctl.domain.progress import Progress, progress_of
from jobctl.errors import ExitCode, InvalidUsageError, JobctlError, NotFoundError
from jobctl.services.ports import JobRecord, JobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowStatus:
    """*ids* are whole ids or prefixes of one indexed id each."""

    ids: Sequence[str]
    with_errors: bool
    stuck_after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetails:
    """A job with what surrounds it, as it was at `read_at` by the store's clock."""

    job: Job
    read_at: datetime
    progress: Progress
    ttl: timedelta | None
    indexed_at: datetime | None
    deadline: datetime | None
    anomalies: tuple[Anomaly, ...]
    with_errors: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetailsList:
    items: tuple[JobDetails, ...]
    missing: tuple[JobctlError, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return self.missing[0].exit_code if self.missing else ExitCode.DONE


def status(request: ShowStatus, *, jobs: JobStore) -> JobDetailsList:
    """The jobs that exist, in the order asked for, and an error for each that does not."""
    reading = jobs.read(request.ids)
    found: list[JobDetails] = []
    missing: list[JobctlError] = []
    for text, record in zip(request.ids, reading.records, strict=True):
        try:
            now, present = (reading.now, record) if record else _by_prefix(text, jobs)
        except JobctlError as error:
            missing.append(error)
        else:
            found.append(_details(present, now=now, request=request))
    return JobDetailsList(items=tuple(found), missing=tuple(missing))


def _by_prefix(text: str, jobs: JobStore) -> tuple[datetime, JobRecord]:
    candidates = jobs.find(text) if is_prefix(text) and not is_uuid(text) else ()
    if len(candidates) > 1:
        raise InvalidUsageError(
            f"{text} begins more than one job id: {candidates[0]}, {candidates[1]}",
            hint="write more of it",
            job_id=text,
        )
    reading = jobs.read(candidates)
    if not reading.records or reading.records[0] is None:
        raise _unknown(text, expired=bool(candidates))
    return reading.now, reading.records[0]


def _unknown(text: str, *, expired: bool) -> NotFoundError:
    if expired:
        return NotFoundError(
            f"job {text} has expired; only its index entry is left",
            hint="the audit trail still tells what happened to it",
            job_id=text,
        )
    return NotFoundError(
        f"no job {text}",
        hint="jobctl list shows the newest jobs; "
        f"an id may be shortened to {SHORTEST_PREFIX} or more characters",
        job_id=text,
    )


def _details(record: JobRecord, *, now: datetime, request: ShowStatus) -> JobDetails:
    return JobDetails(
        job=record.job,
        read_at=now,
        progress=progress_of(record.job, now=now),
        ttl=record.ttl,
        indexed_at=record.indexed_at,
        deadline=record.deadline,
        anomalies=anomalies_of(
            record.job,
            now=now,
            ttl=record.ttl,
            indexed_at=record.indexed_at,
            deadline=record.deadline,
            stuck_after=request.stuck_after,
        ),
        with_errors=request.with_errors,
    )
