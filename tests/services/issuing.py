"""Tokens: issued, consumed."""

from datetime import timedelta
from typing import Any

from jobctl.domain.job import Secret
from jobctl.errors import JobctlError
from jobctl.services.ports import JobStore, Token, TokenKind
from jobctl.services.tokens import IssuedToken, IssueToken, TokenChange, consume_token, issue_token
from tests.services.deciding import ACTOR, TTL, only
from tests.services.world import World


def token_change(world: World, reason: str = "") -> TokenChange:
    return TokenChange(actor=ACTOR, new_op_id=world.op_id, reason=reason)


def issue_request(
    world: World,
    kind: TokenKind = TokenKind.APPROVAL,
    *,
    job_id: str = "job-1",
    lifetime: timedelta = timedelta(hours=2),
    extends: bool = False,
    reason: str = "",
) -> IssueToken:
    return IssueToken(
        job_id=job_id,
        kind=kind,
        change=token_change(world, reason),
        lifetime=lifetime,
        ttl=TTL,
        extends=extends,
    )


def issued(
    world: World,
    kind: TokenKind = TokenKind.APPROVAL,
    *,
    jobs: JobStore | None = None,
    **options: Any,
) -> IssuedToken:
    return issue_token(issue_request(world, kind, **options), jobs=jobs or world.redis.store)


def token(value: str, kind: TokenKind = TokenKind.APPROVAL) -> Token:
    return Token(kind=kind, value=Secret(value))


def consume(world: World, value: str, jobs: JobStore | None = None) -> str | JobctlError:
    """The job that the token led to, or why it led nowhere."""
    store = jobs or world.redis.store
    try:
        return only(
            consume_token(token(value, TokenKind.STREAM), token_change(world), jobs=store)
        ).id
    except JobctlError as error:
        return error
