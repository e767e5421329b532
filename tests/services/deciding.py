"""Jobs to decide on, the verbs that do it, and a namespace seen as a whole."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jobctl.domain.job import Secret
from jobctl.domain.status import JobStatus, TtlPolicy
from jobctl.services.approve import ApproveJobs, approve
from jobctl.services.bulk import Bulk
from jobctl.services.cancel import CancelJobs, cancel
from jobctl.services.decisions import Deciding, Reviewer
from jobctl.services.deny import DenyJobs, deny
from jobctl.services.documents import Buckets, Documents
from jobctl.services.operations import Operation, OperationList
from jobctl.services.ports import (
    JobStore,
    Token,
    TokenKind,
)
from jobctl.services.refusals import Refusals
from jobctl.services.retry import RetryJobs, retry
from tests.services.world import DOCUMENTS, RESULTS, World

ACTOR = "ops@host"
REVIEWER = Reviewer(name="dean@example.edu", origin="--as")
REASON = "names of staff only"
TTL = TtlPolicy(
    completed=timedelta(days=11),
    failed=timedelta(days=12),
    cancelled=timedelta(days=13),
    denied=timedelta(days=14),
    active=timedelta(days=15),
)
UNKNOWN, MISSING = "paused", None
STARTS: tuple[str | None, ...] = (*(status.value for status in JobStatus), UNKNOWN, MISSING)

Contents = dict[str, Any]


def token_of(job_id: str) -> str:
    return f"the-token-of-{job_id}-to-decide"


def token_key(world: World, value: str, kind: TokenKind = TokenKind.APPROVAL) -> str:
    return world.redis.keys.token(Token(kind=kind, value=Secret(value)))


def awaiting(world: World, job_id: str = "job-1", /, **fields: str | None) -> None:
    """A job with all that surrounds an open approval; None leaves a field out."""
    keys, raw, value = world.redis.keys, world.redis.raw, token_of(job_id)
    expires_at = datetime.now(UTC) + timedelta(hours=1)
    record: dict[str, str | None] = {
        "status": "awaiting_approval",
        "s3_key": f"temp/{job_id}.pdf",
        "original_filename": "syllabus.pdf",
        "approval_token": value,
        "approval_expires_at": expires_at.isoformat(),
        "of_another_service": "kept",
    }
    record |= fields
    present: dict[str, Any] = {name: text for name, text in record.items() if text is not None}
    world.redis.write_job(job_id, **present)
    left_out = [name for name, text in record.items() if text is None]
    if left_out:
        raw.hdel(keys.job(job_id), *left_out)
    raw.set(token_key(world, value), job_id, ex=3600)
    raw.zadd(keys.deadlines, {job_id: expires_at.timestamp()})
    raw.lpush(keys.approval_queue, json.dumps({"job_id": job_id, "approval_token": value}))
    world.put(DOCUMENTS, f"temp/{job_id}.pdf")


def in_status(world: World, status: str | None, /, **fields: str | None) -> None:
    awaiting(world, status=status, **fields)


def neighbours(world: World) -> None:
    """What looks like job-1's and is not."""
    keys, raw = world.redis.keys, world.redis.raw
    awaiting(world, "job-10")
    world.put(DOCUMENTS, "temp/job-1-other.pdf")
    texts = ['{"job_id": "job-10", "s3_key": "job-1"}', "job-1", '["job-1"]', '{"id": "job-1"}']
    for queue in (keys.approval_queue, keys.processing_queue):
        raw.lpush(queue, *texts)


def contents(world: World) -> Contents:
    """Every key of the namespace, named without it, with all that it holds."""
    raw, prefix = world.redis.raw, f"{world.redis.keys.namespace}:"
    readers: dict[str, Callable[[str], Any]] = {
        "hash": raw.hgetall,
        "zset": lambda key: dict(raw.zrange(key, 0, -1, withscores=True)),
        "list": lambda key: raw.lrange(key, 0, -1),
        "string": raw.get,
        "stream": raw.xrange,
    }
    return {key.removeprefix(prefix): readers[raw.type(key)](key) for key in raw.keys(f"{prefix}*")}


def snapshot(world: World) -> tuple[Any, ...]:
    """Every key byte for byte, its lifetime in days, and every object."""
    lifetimes = {
        key: world.redis.raw.ttl(key) // 86_400
        for key in world.redis.raw.keys(f"{world.redis.keys.namespace}:*")
    }
    objects = {
        str(file): file.read_bytes() for file in sorted(world.root.rglob("*")) if file.is_file()
    }
    return world.redis.everything(), lifetimes, objects


def lives(world: World, wanted: timedelta, key: str | None = None) -> bool:
    """Whether *key* (else job-1) has *wanted* to live, give or take what a slow machine takes."""
    left = timedelta(milliseconds=world.redis.raw.pttl(key or world.redis.keys.job("job-1")))
    return wanted - timedelta(minutes=2) < left <= wanted


def server_time(world: World) -> datetime:
    seconds, microseconds = world.redis.raw.time()
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)


def records(world: World) -> list[dict[str, str]]:
    """The audit trail without what chains it."""
    ignored = {"prev", "hash", "at"}
    return [
        {name: text for name, text in fields.items() if name not in ignored}
        for _, fields in world.redis.audit()
    ]


def decision(world: World, **changes: Any) -> Deciding:
    values: dict[str, Any] = {
        "reason": REASON,
        "reviewer": REVIEWER,
        "actor": ACTOR,
        "new_op_id": world.op_id,
    }
    return Deciding(**(values | changes))


def documents(world: World) -> Documents:
    buckets = Buckets(documents=DOCUMENTS, results=RESULTS)
    return Documents(objects=world.objects, buckets=buckets)


Bulked = Mapping[str, Any]


def approved(
    world: World,
    *ids: str,
    jobs: JobStore | None = None,
    bulk: Bulked | None = None,
    refusals: Refusals | None = None,
    verify: bool = True,
    pushes_to_queue: bool = True,
    **changes: Any,
) -> OperationList:
    request = ApproveJobs(
        bulk=Bulk(ids=ids, **(bulk or {})),
        deciding=decision(world, **changes),
        ttl=TTL,
        verify=verify,
        pushes_to_queue=pushes_to_queue,
    )
    return approve(
        request, jobs=jobs or world.redis.store, documents=documents(world), refusals=refusals
    )


def denied(
    world: World,
    *ids: str,
    jobs: JobStore | None = None,
    bulk: Bulked | None = None,
    refusals: Refusals | None = None,
    **changes: Any,
) -> OperationList:
    request = DenyJobs(
        bulk=Bulk(ids=ids, **(bulk or {})), deciding=decision(world, **changes), ttl=TTL
    )
    return deny(
        request, jobs=jobs or world.redis.store, documents=documents(world), refusals=refusals
    )


def cancelled(
    world: World,
    *ids: str,
    jobs: JobStore | None = None,
    bulk: Bulked | None = None,
    refusals: Refusals | None = None,
    **options: Any,
) -> OperationList:
    request = CancelJobs(
        bulk=Bulk(ids=ids, **(bulk or {})),
        actor=ACTOR,
        new_op_id=world.op_id,
        ttl=TTL,
        **options,
    )
    return cancel(request, jobs=jobs or world.redis.store, refusals=refusals)


def retried(
    world: World,
    *ids: str,
    jobs: JobStore | None = None,
    bulk: Bulked | None = None,
    refusals: Refusals | None = None,
    **options: Any,
) -> OperationList:
    request = RetryJobs(
        bulk=Bulk(ids=ids, **(bulk or {})),
        actor=ACTOR,
        new_op_id=world.op_id,
        ttl=TTL,
        **options,
    )
    return retry(
        request, jobs=jobs or world.redis.store, documents=documents(world), refusals=refusals
    )


def only(found: OperationList) -> Operation:
    [operation] = found
    return operation
