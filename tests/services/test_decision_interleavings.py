"""Two that change the same jobs, the second at a chosen moment amid the first."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jobctl.domain.job import Secret
from jobctl.errors import ConflictError
from jobctl.services.ports import JobStore, Token, TokenKind
from jobctl.services.tokens import IssuedToken, IssueToken, TokenChange, issue_token
from tests.services.deciding import (
    ACTOR,
    TTL,
    approved,
    awaiting,
    cancelled,
    denied,
    only,
    retried,
    token_key,
    token_of,
)
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, World


def _issued(world: World, job_id: str = "job-1", *, jobs: JobStore | None = None) -> IssuedToken:
    request = IssueToken(
        job_id=job_id,
        kind=TokenKind.APPROVAL,
        change=TokenChange(actor=ACTOR, new_op_id=world.op_id),
        lifetime=timedelta(hours=1),
        ttl=TTL,
    )
    return issue_token(request, jobs=jobs or world.redis.store)


def _waiting_in(world: World, queue: str) -> list[str]:
    texts: list[str] = world.redis.raw.lrange(queue, 0, -1)
    return [json.loads(text)["job_id"] for text in texts]


def test_a_job_that_is_approved_just_before_it_is_cancelled_leaves_no_work_behind(
    world: World,
) -> None:
    """The approval pushes its entry after the cancellation has looked through the queues."""
    awaiting(world)
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, lambda: only(approved(world, "job-1")))
    assert only(cancelled(world, "job-1", jobs=jobs)).changed
    assert world.redis.hash()["status"] == "cancelled"
    assert _waiting_in(world, world.redis.keys.processing_queue) == []
    assert world.redis.actions() == ["approve", "cancel"]


def test_a_job_that_is_approved_while_the_service_holds_it_leaves_no_work_behind(
    world: World,
) -> None:
    """The cancellation has looked through the queues, and waits for the lock."""
    awaiting(world)
    lock = world.redis.keys.approval_lock("job-1")
    world.redis.raw.set(lock, "processing")
    jobs = ObservedJobs(world)

    def let_go_and_approve() -> None:
        world.redis.raw.delete(lock)
        only(approved(world, "job-1"))

    jobs.at("read", 2, let_go_and_approve)
    waiting = {"wait": timedelta(minutes=1)}
    assert only(cancelled(world, "job-1", jobs=jobs, bulk=waiting)).changed
    assert _waiting_in(world, world.redis.keys.processing_queue) == []
    assert world.redis.actions() == ["approve", "cancel"]


def test_a_job_that_is_approved_while_others_are_cancelled_leaves_no_work_behind(
    world: World,
) -> None:
    """It is of a later batch: what was in the queues when the first began is out of date."""
    ids = [f"job-{number}" for number in range(1, 102)]
    for job_id in ids:
        awaiting(world, job_id)
    found = iter(cancelled(world, *ids))
    next(found)
    only(approved(world, "job-101"))
    assert [operation.error for operation in found] == [None] * 100
    assert _waiting_in(world, world.redis.keys.processing_queue) == []


@pytest.mark.parametrize("decide", [approved, denied])
def test_a_token_that_is_renewed_while_others_are_decided_leaves_no_request_behind(
    world: World, decide: Callable[..., Any]
) -> None:
    ids = [f"job-{number}" for number in range(1, 102)]
    for job_id in ids:
        awaiting(world, job_id)
    found = iter(decide(world, *ids))
    next(found)
    _issued(world, "job-101")
    assert [operation.error for operation in found] == [None] * 100
    assert _waiting_in(world, world.redis.keys.approval_queue) == []


@pytest.mark.parametrize("decide", [approved, denied, cancelled])
def test_a_token_that_is_renewed_just_before_the_decision_leaves_no_request_behind(
    world: World, decide: Callable[..., Any]
) -> None:
    awaiting(world)
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, lambda: _issued(world))
    assert only(decide(world, "job-1", jobs=jobs)).changed
    assert _waiting_in(world, world.redis.keys.approval_queue) == []
    assert world.redis.raw.keys(f"{world.redis.keys.namespace}:approval-token:*") == []


@pytest.mark.parametrize("decide", [approved, denied, cancelled])
def test_a_first_token_that_is_issued_just_before_the_decision_is_void_with_it(
    world: World, decide: Callable[..., Any]
) -> None:
    """The decision has read a job that has no token."""
    awaiting(world, approval_token=None)
    world.redis.raw.delete(token_key(world, token_of("job-1")))
    jobs = ObservedJobs(world)
    jobs.at("apply_all", 1, lambda: _issued(world))
    assert only(decide(world, "job-1", jobs=jobs)).changed
    assert "approval_token" not in world.redis.hash()
    assert world.redis.raw.keys(f"{world.redis.keys.namespace}:approval-token:*") == []
    assert _waiting_in(world, world.redis.keys.approval_queue) == []


def test_of_two_first_tokens_that_are_issued_at_once_one_is_good(world: World) -> None:
    """The approval service asks nothing but whether a token leads to a job."""
    awaiting(world, approval_token=None)
    world.redis.raw.delete(token_key(world, token_of("job-1")))
    jobs = ObservedJobs(world)
    jobs.at("apply", 1, lambda: _issued(world))
    with pytest.raises(ConflictError):
        _issued(world, jobs=jobs)
    good = world.redis.hash()["approval_token"]
    keys = world.redis.raw.keys(f"{world.redis.keys.namespace}:approval-token:*")
    assert keys == [world.redis.keys.token(Token(kind=TokenKind.APPROVAL, value=Secret(good)))]
    assert len(_waiting_in(world, world.redis.keys.approval_queue)) == 1


def test_an_approval_that_loses_to_a_denial_is_a_conflict_and_not_a_lost_document(
    world: World,
) -> None:
    """The denial deletes the document before the approval has looked for it."""
    awaiting(world)
    world.objects.before["head"] = lambda: only(denied(world, "job-1"))
    operation = only(approved(world, "job-1"))
    assert isinstance(operation.error, ConflictError), operation.error
    assert "was denied by dean@example.edu" in operation.error.message
    assert world.redis.actions() == ["deny", "deny-cleanup"]


def test_a_retry_that_loses_to_a_deletion_is_told_that_the_job_is_gone(world: World) -> None:
    awaiting(world, status="failed")
    key = world.redis.keys.job("job-1")

    def delete() -> None:
        world.objects.delete(DOCUMENTS, ["temp/job-1.pdf"])
        world.redis.raw.delete(key)

    world.objects.before["head"] = delete
    operation = only(retried(world, "job-1"))
    assert operation.error is not None
    assert operation.error.message == "no job job-1"
