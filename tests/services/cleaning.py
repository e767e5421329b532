"""Jobs of the past, and cleanups of them through the services."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

from jobctl.domain.retention import USUAL_SWEEPS, RetentionPolicy
from jobctl.domain.status import JobStatus
from jobctl.services.archive import Archive
from jobctl.services.cleanup import CleanUp, CleanupReport, Pace, clean_up
from jobctl.services.cleanup_plan import CleanupPlan
from jobctl.services.cleanup_selection import Selecting, select
from jobctl.services.operations import Operation
from jobctl.services.ports import JobStore, Lease
from jobctl.services.sweeps import SweepContext
from jobctl.storage.redis_lease import RedisLease
from tests.services.deciding import ACTOR, TTL, documents, server_time
from tests.services.world import DOCUMENTS, World

DAY = timedelta(days=1)
LONG_AGO = timedelta(days=60)
KEEP: Mapping[JobStatus, timedelta] = {
    JobStatus.COMPLETED: 30 * DAY,
    JobStatus.FAILED: 30 * DAY,
    JobStatus.CANCELLED: 30 * DAY,
    JobStatus.DENIED: 7 * DAY,
}
STUCK_AFTER = timedelta(hours=2)


def job_of_the_past(
    world: World,
    job_id: str,
    status: str = "completed",
    *,
    age: timedelta = LONG_AGO,
    document: bool = True,
    **fields: str,
) -> str:
    """A job that a service changed last *age* ago, with its document."""
    at = server_time(world) - age
    times = {"created_at": (at - DAY).isoformat(), "updated_at": at.isoformat()}
    stored: dict[str, Any] = {"status": status, "s3_key": f"temp/{job_id}.pdf"} | times | fields
    world.redis.write_job(job_id, score=at.timestamp(), **stored)
    if document:
        world.put(DOCUMENTS, f"temp/{job_id}.pdf")
    return job_id


def revive(world: World, job_id: str, status: str = "processing") -> None:
    """As a worker does that has never heard of jobctl."""
    now = server_time(world)
    fields = {"status": status, "updated_at": now.isoformat()}
    world.redis.raw.hset(world.redis.keys.job(job_id), mapping=fields)
    world.redis.raw.zadd(world.redis.keys.index, {job_id: now.timestamp()})


def policy(world: World, *, cutoff: datetime | None = None, **changes: Any) -> RetentionPolicy:
    values: dict[str, Any] = {"sweeps": USUAL_SWEEPS, "keep": KEEP, "stuck_after": STUCK_AFTER}
    return RetentionPolicy(cutoff=cutoff or server_time(world), **(values | changes))


def planned(
    world: World, *, keep_last: int = 0, results: bool = False, **changes: Any
) -> CleanupPlan:
    request = Selecting(
        policy=policy(world, **changes),
        namespace=world.redis.keys.namespace,
        keep_last=keep_last,
        results=results,
        shortest_life=TTL.shortest,
    )
    return select(request, jobs=world.redis.store, documents=documents(world), lines=StringIO())


def lease_of(world: World, claim: str = "", **changes: Any) -> RedisLease:
    return RedisLease(
        world.redis.raw,
        key=world.redis.keys.lease,
        what="cleanup",
        claim=claim or f"{uuid4().hex} {ACTOR}",
        lifetime=timedelta(seconds=60),
        server="the test's server",
        **changes,
    )


@contextmanager
def held_lease(world: World) -> Iterator[RedisLease]:
    lease = lease_of(world)
    lease.acquire()
    try:
        yield lease
    finally:
        lease.close()


def swept(
    world: World,
    plan: CleanupPlan | None = None,
    *,
    jobs: JobStore | None = None,
    lease: Lease | None = None,
    pace: Pace | None = None,
    archive: Callable[[], Archive] | None = None,
    **changes: Any,
) -> tuple[CleanupReport, list[Operation]]:
    """What came of carrying *plan* out, else of one that is made now."""
    results = changes.pop("results", False)
    plan = plan or planned(world, **changes)
    with held_lease(world) if lease is None else _as_it_is(lease) as held:
        context = SweepContext(
            policy=plan.header.policy,
            ttl=TTL,
            actor=ACTOR,
            new_op_id=lambda: uuid4().hex,
            lease=held,
            results=results,
            archive=archive() if archive else None,
        )
        report = clean_up(
            CleanUp(plan=plan, pace=pace or Pace(), context=context),
            jobs=jobs or world.redis.store,
            documents=documents(world),
        )
        return report, [*report]


@contextmanager
def _as_it_is(lease: Lease) -> Iterator[Lease]:
    yield lease


def actions_on(world: World, job_id: str) -> list[str]:
    return [entry["action"] for _, entry in world.redis.audit() if entry["job_id"] == job_id]


def done(operations: list[Operation]) -> list[tuple[str, str]]:
    return [(one.id, one.action) for one in operations if one.changed]
