"""`token`: what opens a decision, or a job's progress, to whoever bears it.

Tokens are made and stored as the services do it, so either side honours the other's.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from jobctl.domain.job import Job, Secret
from jobctl.domain.status import TtlPolicy
from jobctl.errors import ChangedMeanwhileError, InvalidUsageError, NotFoundError
from jobctl.services.approval_window import approval_fields, new_token, open_approval, opening
from jobctl.services.authors import Author
from jobctl.services.decisions import check_awaiting, check_deadline, check_token
from jobctl.services.operations import OperationList, no_such_job, operation_on, without_job
from jobctl.services.ports import (
    Applied,
    JobRecord,
    JobStore,
    Mutation,
    Token,
    TokenHolder,
    TokenKind,
)
from jobctl.services.refusals import Refusals, watching

_LOOKS = 5  # at a job that others keep changing
STREAM_LIFETIME = timedelta(seconds=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenChange(Author):
    """Who changes tokens, and why."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueToken:
    """`extends` renews the deadline and keeps the token that reviewers may have already."""

    job_id: str
    kind: TokenKind
    change: TokenChange
    lifetime: timedelta
    ttl: TtlPolicy
    extends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    job_id: str
    kind: TokenKind
    token: Secret
    expires_at: datetime
    op_id: str
    off_terminal: ClassVar = "id"  # a script wants the bare token


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDetails:
    """A token that is good: whose it is, and for how long yet."""

    job_id: str
    kind: TokenKind
    status: str
    ttl: timedelta | None


def issue_token(
    request: IssueToken, *, jobs: JobStore, refusals: Refusals | None = None
) -> IssuedToken:
    """One step; an approval token takes the place of the one before it, which is void then."""
    with watching(refusals, "token-issue"):
        return _issue(request, jobs)


def _issue(request: IssueToken, jobs: JobStore) -> IssuedToken:
    record, now = _read(request.job_id, jobs)
    for look in range(1, _LOOKS + 1):
        if request.kind is TokenKind.STREAM:
            mutation, token = _stream_token(request, record.job, now)
        else:
            mutation, token = _approval_token(request, record, now, jobs)
        try:
            applied = jobs.apply(mutation)
        except ChangedMeanwhileError:
            held = record.job.approval_token
            record, now = _read(request.job_id, jobs)
            # Somebody else's new token is not made void unasked.
            if look == _LOOKS or record.job.approval_token != held:
                raise
        else:
            return _issued(request, token, now, applied)
    raise AssertionError("unreachable")


def _issued(request: IssueToken, token: Secret, now: datetime, applied: Applied) -> IssuedToken:
    return IssuedToken(
        job_id=request.job_id,
        kind=request.kind,
        token=token,
        expires_at=now + request.lifetime,
        op_id=applied.op_id,
    )


def _stream_token(request: IssueToken, job: Job, now: datetime) -> tuple[Mutation, Secret]:
    if request.extends:
        raise InvalidUsageError(
            "a stream token cannot be extended: it is used once", hint="issue another one"
        )
    token = new_token()
    mutation = replace(
        request.change.change_of(job, now, "token-issue", reason=request.change.reason),
        summary=_summary(request),
        issues=Token(kind=TokenKind.STREAM, value=token),
        token_lifetime=request.lifetime,
        keeps_place=True,
    )
    return mutation, token


def _approval_token(
    request: IssueToken, record: JobRecord, now: datetime, jobs: JobStore
) -> tuple[Mutation, Secret]:
    job = record.job
    check_awaiting(job)
    kept = job.approval_token if request.extends else None
    window = open_approval(now, request.lifetime, token=kept)
    mutation = replace(
        request.change.change_of(job, now, "token-issue", reason=request.change.reason),
        expected_stamp=job.stamp or "",
        to_status=job.status,
        summary=_summary(request),
        fields={"updated_at": now, **approval_fields(window)},
        # A window that outlived the record would leave a token without a job.
        ttl=max(request.ttl.lifetime(job.status), request.lifetime),
        held_token=job.approval_token,
        drop_queue_entries=jobs.queue_entries([job.id])[job.id],
        **opening(job.id, job.s3_key or "", window),
    )
    return mutation, window.token


def _summary(request: IssueToken) -> str:
    verb = "deadline renewed" if request.extends else f"{request.kind} token"
    return f"{verb}, good for {int(request.lifetime.total_seconds())} s"


def verify_token(token: Token, *, jobs: JobStore, refusals: Refusals | None = None) -> TokenDetails:
    """Changes nothing. An approval token is good while its job awaits the decision, as the
    approval service sees it: until the deadline in the record."""
    with watching(refusals, "token-verify"):
        return _verify(token, jobs)


def _verify(token: Token, jobs: JobStore) -> TokenDetails:
    holder = holder_of(token, jobs=jobs)
    record, now = _read(holder.job_id, jobs)
    job = record.job
    if token.kind is TokenKind.APPROVAL:
        check_awaiting(job)
        check_token(job, token.value)
        check_deadline(job, now)
    return TokenDetails(job_id=job.id, kind=token.kind, status=job.shown_status, ttl=holder.ttl)


def consume_token(
    token: Token, change: TokenChange, *, jobs: JobStore, refusals: Refusals | None = None
) -> OperationList:
    """Of several that bear the token, one gets through: it is gone with the step that says so."""
    if token.kind is TokenKind.APPROVAL:
        raise InvalidUsageError(
            "an approval token is used up by the decision itself",
            hint="jobctl approve --token-file FILE, or jobctl deny --token-file FILE",
        )
    with watching(refusals, "token-consume"):
        return _spend(token, change, "token-consume", jobs)


def revoke_token(
    token: Token, change: TokenChange, *, jobs: JobStore, refusals: Refusals | None = None
) -> OperationList:
    """The token is void at once; a deadline stays, so the job still times out."""
    with watching(refusals, "token-revoke"):
        return _spend(token, change, "token-revoke", jobs)


def revoke_tokens_of(
    job_id: str, change: TokenChange, *, jobs: JobStore, refusals: Refusals | None = None
) -> OperationList:
    """The job's approval token; stream tokens are not known by their job."""
    with watching(refusals, "token-revoke"):
        return _revoke_of(job_id, change, jobs)


def _revoke_of(job_id: str, change: TokenChange, jobs: JobStore) -> OperationList:
    record, now = _read(job_id, jobs)
    job = record.job
    if job.approval_token is None:
        return _one(job, "token-revoke", None, "has no approval token")
    return _void(
        job,
        now,
        Token(kind=TokenKind.APPROVAL, value=job.approval_token),
        change,
        "token-revoke",
        jobs,
    )


def _spend(token: Token, change: TokenChange, action: str, jobs: JobStore) -> OperationList:
    job_id = holder_of(token, jobs=jobs).job_id
    reading = jobs.read([job_id])
    record = reading.records[0]
    if record is None and action == "token-revoke":
        return _void_without_job(job_id, reading.now, token, change, jobs)
    return _void(_existing(job_id, record).job, reading.now, token, change, action, jobs)


def _void_without_job(
    job_id: str, now: datetime, token: Token, change: TokenChange, jobs: JobStore
) -> OperationList:
    """The job's record has expired before its token."""
    mutation = replace(
        change.record_of(job_id, now, "token-revoke"),
        reason=change.reason,
        summary=f"{token.kind} token of an expired job",
        consumes=token,
        delete=True,
    )
    applied = jobs.apply(mutation)
    note = "token of an expired job"
    return OperationList([without_job(job_id, "token-revoke", note, op_id=applied.op_id)])


def _void(
    job: Job, now: datetime, token: Token, change: TokenChange, action: str, jobs: JobStore
) -> OperationList:
    of_record = token.kind is TokenKind.APPROVAL and job.approval_token == token.value
    mutation = replace(
        change.change_of(job, now, action, reason=change.reason),
        summary=f"{token.kind} token",
        removed_fields=("approval_token",) if of_record else (),
        held_token=token.value if of_record else None,
        consumes=None if of_record else token,
        drop_queue_entries=jobs.queue_entries([job.id])[job.id] if of_record else (),
        keeps_place=True,
    )
    applied = jobs.apply(mutation)
    return _one(job, action, applied.op_id, f"{token.kind} token of this job")


def _one(job: Job, action: str, op_id: str | None, note: str) -> OperationList:
    return OperationList([operation_on(job, action, op_id=op_id, notes=(note,))])


def holder_of(token: Token, *, jobs: JobStore) -> TokenHolder:
    holder = jobs.token_holder(token)
    if holder is None:
        raise NotFoundError(
            f"no such {token.kind} token: it was never issued, has expired or was used already",
            hint="jobctl token issue ID makes a new one",
            refusal="no such token",
        )
    return holder


def _read(job_id: str, jobs: JobStore) -> tuple[JobRecord, datetime]:
    reading = jobs.read([job_id])
    return _existing(job_id, reading.records[0]), reading.now


def _existing(job_id: str, record: JobRecord | None) -> JobRecord:
    if record is None:
        raise no_such_job(job_id)
    return record
