"""Attempts that are refused, and what the trail has of them."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

from jobctl.domain.job import Secret
from jobctl.domain.status import JobStatus
from jobctl.errors import JobctlError
from jobctl.services.delete import DeleteJobs, delete
from jobctl.services.operations import OperationList
from jobctl.services.ports import JobStore, Token, TokenKind
from jobctl.services.refusals import Refusals
from jobctl.services.tokens import (
    consume_token,
    issue_token,
    revoke_token,
    revoke_tokens_of,
    verify_token,
)
from jobctl.services.update import UpdateJob, UpdatePolicy, update
from tests.services import deciding
from tests.services.deciding import ACTOR, TTL, approved, cancelled, denied, records, retried
from tests.services.issuing import issue_request, token_change
from tests.services.world import World

WHY = "it was asked for"
STRANGER = "a-token-that-nobody-has-ever-been-given-000"

Refused = Callable[..., object]


def refusals(world: World, *, jobs: JobStore | None = None, reason: str = WHY) -> Refusals:
    return Refusals(
        actor=ACTOR, new_op_id=world.op_id, jobs=jobs or world.redis.store, reason=reason
    )


def deleted(
    world: World,
    *ids: str,
    refusals: Refusals | None,
    jobs: JobStore | None = None,
    dry_run: bool = False,
) -> OperationList:
    request = DeleteJobs(ids=ids, actor=ACTOR, new_op_id=world.op_id, dry_run=dry_run)
    return delete(
        request,
        jobs=jobs or world.redis.store,
        documents=deciding.documents(world),
        refusals=refusals,
    )


def updated(
    world: World,
    job_id: str,
    *,
    refusals: Refusals | None,
    jobs: JobStore | None = None,
    dry_run: bool = False,
) -> OperationList:
    """To a status that no job can have after any other."""
    request = UpdateJob(
        job_id=job_id,
        actor=ACTOR,
        op_id=world.op_id(),
        status=JobStatus.QUEUED,
        expect_status=JobStatus.PII_SCANNING,
        dry_run=dry_run,
    )
    policy = UpdatePolicy(ttl=TTL, approval_timeout=timedelta(hours=4))
    return update(request, jobs=jobs or world.redis.store, policy=policy, refusals=refusals)


def tokens(
    world: World, value: str = STRANGER, *, jobs: JobStore | None = None
) -> dict[str, Refused]:
    """The commands that are given the token *value*, or a job that is none; by action."""
    stream, approval = (Token(kind=one, value=Secret(value)) for one in reversed(TokenKind))
    change, jobs = token_change(world, WHY), jobs or world.redis.store
    return {
        "token-issue": partial(issue_token, issue_request(world, job_id="nobody"), jobs=jobs),
        "token-verify": partial(verify_token, approval, jobs=jobs),
        "token-consume": partial(consume_token, stream, change, jobs=jobs),
        "token-revoke": partial(revoke_token, approval, change, jobs=jobs),
        "token-revoke of a job": partial(revoke_tokens_of, "nobody", change, jobs=jobs),
    }


VERBS: dict[str, Refused] = {
    "approve": approved,
    "deny": denied,
    "cancel": cancelled,
    "retry": retried,
    "delete": deleted,
    "update": updated,
}
# A status in which each of them is refused.
REFUSED_IN = {
    "approve": "denied",
    "deny": "completed",
    "cancel": "completed",
    "retry": "processing",
    "delete": "processing",
    "update": "completed",
}


def attempt(verb: str, world: World, *ids: str, **options: object) -> list[JobctlError | None]:
    """What became of each of *ids*."""
    options.setdefault("refusals", refusals(world))
    found = VERBS[verb](world, *ids, **options)
    assert isinstance(found, OperationList)
    return [one.error for one in found]


def of_refusals(world: World, fields: Iterable[str]) -> list[tuple[str, ...]]:
    """*fields* of the records, all of which are of refusals."""
    found = records(world)
    assert all(one["action"].endswith("-refused") for one in found)
    return [tuple(one[name] for name in fields) for one in found]
