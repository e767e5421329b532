"""`list`: jobs from the newest change back, streamed."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from math import isfinite
from typing import Literal

from jobctl.domain.job import Job
from jobctl.domain.moments import EARLIEST
from jobctl.domain.queries import JobFilter
from jobctl.domain.status import JobStatus, parse_status
from jobctl.errors import InvalidUsageError
from jobctl.services.ports import Entry, JobStore, Position

PAGE_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ListJobs:
    """`limit` None lists all; the limit counts jobs that pass the filter."""

    filter: JobFilter
    sort: Literal["updated", "created"] = "updated"
    limit: int | None = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCount:
    count: int


class JobListing:
    """An iterator over the jobs; the rest is known once it is exhausted.

    `next_cursor` continues behind the last job, None at the end. `expired` counts index entries
    whose record is gone. `total` is how many entries the index has in the time range, known only
    where no record has to be read to decide.
    """

    def __init__(self, request: ListJobs, jobs: JobStore) -> None:
        self._request = request
        self._jobs = jobs
        self._after = _parse_cursor(request.cursor) if request.cursor else None
        self.next_cursor: str | None = None
        self.expired = 0
        self.shown = 0
        self.total: int | None = None
        if not request.filter.looks_inside:
            self.total = jobs.total(since=request.filter.since, until=request.filter.until)

    def __iter__(self) -> Iterator[Job]:
        matching = (entry for entry in self._entries() if self._admits(entry))
        if self._request.sort == "created":
            chosen = nlargest(self._request.limit or 0, matching, key=_creation)
            for entry in chosen:
                self.shown += 1
                yield _job(entry)
            return
        last: Position | None = None
        for entry in matching:
            if last is not None and self.shown == self._request.limit:
                # One more was looked for: a list that just fits has no cursor.
                self.next_cursor = _cursor_behind(last)
                return
            self.shown += 1
            last = entry.position
            yield _job(entry)

    @property
    def truncated(self) -> bool:
        """Whether there are, or may be, more jobs than were shown."""
        if self.total is not None and self._after is None:
            return self.shown + self.expired < self.total
        return self.next_cursor is not None

    def _entries(self) -> Iterator[Entry]:
        limit, conditions = self._request.limit or PAGE_SIZE, self._request.filter
        pages = self._jobs.walk(
            since=conditions.since,
            until=conditions.until,
            after=self._after,
            page_size=min(limit + 1, PAGE_SIZE) if self.total is not None else PAGE_SIZE,
            status=conditions.may_admit if conditions.looks_at_status else None,
        )
        for page in pages:
            yield from page

    def _admits(self, entry: Entry) -> bool:
        if entry.job is None:
            self.expired += 1
            return False
        return self._request.filter.admits(entry.job)


def list_jobs(request: ListJobs, *, jobs: JobStore) -> JobListing:
    """Nothing is lost or repeated by equal times; a job that changes while the list is read may
    move to the front, behind the reader."""
    if request.sort == "created" and (request.limit is None or request.cursor):
        raise InvalidUsageError(
            "--sort created needs a --limit and has no cursor",
            hint="the index is ordered by update: only a bounded list can be sorted otherwise",
        )
    return JobListing(request, jobs)


def count_jobs(request: ListJobs, *, jobs: JobStore) -> JobCount:
    """How many jobs pass the filter; expired index entries are not jobs."""
    if request.filter.looks_beyond_status or request.cursor:
        return JobCount(count=sum(1 for _ in JobListing(request, jobs)))
    return JobCount(count=_count_by_status(request.filter, jobs))


def _count_by_status(conditions: JobFilter, jobs: JobStore) -> int:
    """A glance at each job tells, but for those that failed: they may have been cancelled."""
    found = 0
    tells_apart = len(conditions.statuses & _FAILED_KIN) == 1
    for page in jobs.glimpse(since=conditions.since, until=conditions.until):
        wanted = [one for one in page if not one.is_expired and conditions.may_admit(one.status)]
        unclear = [
            one.job_id
            for one in wanted
            if tells_apart and parse_status(one.status) is JobStatus.FAILED
        ]
        refused = [one for one in jobs.meanings(unclear) if one not in conditions.statuses]
        found += len(wanted) - len(refused)
    return found


_FAILED_KIN = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


def _creation(entry: Entry) -> tuple[datetime, str]:
    return _job(entry).created_at or EARLIEST, entry.position.job_id


def _job(entry: Entry) -> Job:
    if entry.job is None:
        raise AssertionError("expired entries are filtered out before")
    return entry.job


def _cursor_behind(place: Position) -> str:
    text = json.dumps([place.score, place.job_id], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _parse_cursor(text: str) -> Position:
    try:
        score, job_id = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        place = Position(score=float(score), job_id=str(job_id))
    except (ValueError, TypeError, OverflowError, RecursionError):
        place = None
    if place is None or not isfinite(place.score):
        raise InvalidUsageError(
            "malformed --cursor", hint="use next_cursor of a list as it was printed"
        )
    return place
