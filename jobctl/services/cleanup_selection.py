"""Finds what is due: one pass over the index, a closer look at the few that may be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO

from jobctl.domain.retention import Due, RetentionPolicy, Sweep, last_change
from jobctl.domain.status import TERMINAL, parse_status
from jobctl.services.cleanup_plan import CleanupPlan, PlanHeader
from jobctl.services.documents import Documents
from jobctl.services.orphans import find_orphans
from jobctl.services.ports import Glimpse, JobStore

_CLOSER_LOOK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Selecting:
    """`keep_last` spares the newest so many jobs that have ended, however old."""

    policy: RetentionPolicy
    namespace: str
    keep_last: int = 0
    results: bool = False


def select(
    request: Selecting, *, jobs: JobStore, documents: Documents, lines: IO[str]
) -> CleanupPlan:
    """The plan, in the order of the index from the newest change back; *lines* keeps it.

    Raises where the store does not answer: an outage never reads as nothing to do.
    """
    selection = _Selection(request, jobs)
    header = PlanHeader(namespace=request.namespace, policy=request.policy, total=0)
    plan = CleanupPlan(header, lines)
    for due in selection.found():
        plan.add(due)
    if Sweep.ORPHANS in request.policy.sweeps:
        for due in find_orphans(
            request.policy, jobs=jobs, documents=documents, results=request.results
        ):
            plan.add(due)
    plan.header = replace(header, total=selection.total, undatable=selection.undatable)
    return plan


class _Selection:
    def __init__(self, request: Selecting, jobs: JobStore) -> None:
        self._policy = request.policy
        self._may_concern = request.policy.sieve()
        self._spared = request.keep_last
        self._jobs = jobs
        self.total = 0
        self.undatable = 0

    def found(self) -> Iterator[Due]:
        suspects = self._suspects()
        while page := list(islice(suspects, _CLOSER_LOOK)):
            yield from self._judged(page)

    def _suspects(self) -> Iterator[Glimpse]:
        for page in self._jobs.glimpse():
            for one in page:
                self.total += 1
                if one.is_expired:
                    if Sweep.INDEX in self._policy.sweeps:
                        yield one
                elif self._is_spared(one):
                    continue
                elif self._may_concern(one):
                    yield one

    def _is_spared(self, one: Glimpse) -> bool:
        """The index is read from the newest change back, so the first ones are the newest."""
        if self._spared and parse_status(one.status) in TERMINAL and not one.cleanup_state:
            self._spared -= 1
            return True
        return False

    def _judged(self, page: Sequence[Glimpse]) -> Iterator[Due]:
        reading = self._jobs.read([one.job_id for one in page], brief=True)
        for one, record in zip(page, reading.records, strict=True):
            if record is None:
                if Sweep.INDEX in self._policy.sweeps:
                    yield _ghost(one.job_id)
                continue
            if last_change(record.job, record.indexed_at) is None:
                self.undatable += 1
            due = self._policy.judge(
                record.job, indexed_at=record.indexed_at, deadline=record.deadline
            )
            if due is not None:
                yield due


def _ghost(job_id: str) -> Due:
    return Due(
        job_id=job_id,
        sweep=Sweep.INDEX,
        status="",
        stamp="",
        last_activity=None,
        reason="its record has expired",
    )
