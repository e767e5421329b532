"""Finds what is due: one pass over the index, a closer look at the few that may be."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import IO

from jobctl.domain.identifiers import is_job_id
from jobctl.domain.retention import Due, RetentionPolicy, Sweep, last_change
from jobctl.domain.status import TERMINAL, parse_status
from jobctl.services.cleanup_plan import CleanupPlan, PlanHeader
from jobctl.services.documents import Documents
from jobctl.services.left_alone import NONE, LeftAlone, Oddity
from jobctl.services.orphans import find_orphans
from jobctl.services.ports import Glimpse, JobStore

_CLOSER_LOOK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Selecting:
    """`keep_last` spares the newest so many jobs that have ended, however old. A record cannot
    have expired by itself within its `shortest_life`."""

    policy: RetentionPolicy
    shortest_life: timedelta
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
    plan.header = replace(header, total=selection.total, left_alone=selection.left_alone)
    return plan


class _Selection:
    def __init__(self, request: Selecting, jobs: JobStore) -> None:
        self._policy = request.policy
        self._may_concern = request.policy.sieve()
        self._spared = request.keep_last
        self._jobs = jobs
        self._expired_before = (self._policy.cutoff - request.shortest_life).timestamp()
        self.total = 0
        self.left_alone: dict[Oddity, LeftAlone] = {}

    def found(self) -> Iterator[Due]:
        suspects = self._suspects()
        while page := list(islice(suspects, _CLOSER_LOOK)):
            yield from self._judged(page)

    def _suspects(self) -> Iterator[Glimpse]:
        for page in self._jobs.glimpse():
            for one in page:
                self.total += 1
                if one.is_expired:
                    if self._is_ghost(one):
                        yield one
                elif one.tells_nothing:
                    self._leave(Oddity.UNDATABLE, one.job_id)
                elif self._is_spared(one):
                    continue
                elif self._may_concern(one) and self._is_nameable(one):
                    yield one

    def _is_ghost(self, one: Glimpse) -> bool:
        """Whether its record may well have expired: one that went sooner was deleted or evicted,
        or is another namespace's."""
        if Sweep.INDEX not in self._policy.sweeps or not self._is_nameable(one):
            return False
        if one.score > self._expired_before:
            self._leave(Oddity.GONE_EARLY, one.job_id)
            return False
        return True

    def _is_nameable(self, one: Glimpse) -> bool:
        if is_job_id(one.job_id):
            return True
        self._leave(Oddity.MALFORMED, one.job_id)
        return False

    def _leave(self, oddity: Oddity, job_id: str) -> None:
        self.left_alone[oddity] = self.left_alone.get(oddity, NONE).and_also(job_id)

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
                if one.is_expired or self._is_ghost(one):
                    yield _ghost(one.job_id)
                continue
            if last_change(record.job, record.indexed_at) is None:
                self._leave(Oddity.UNDATABLE, one.job_id)
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
