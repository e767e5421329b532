"""`update`: what a worker reports about its job, as a compare-and-set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jobctl.domain.job import Job
from jobctl.domain.status import TERMINAL, JobStatus, TtlPolicy, worker_moves_from
from jobctl.errors import ConflictError, InvalidUsageError, JobctlError
from jobctl.services.approval_window import Opening, approval_fields, open_approval, opening
from jobctl.services.operations import (
    Operation,
    OperationList,
    failed_operation,
    no_such_job,
    require_status,
)
from jobctl.services.ports import JobRecord, JobStore, Mutation, QueueEntry
from jobctl.services.refusals import Refusals, watching

# Fields that only their own commands may write: identity, decisions, and jobctl's bookkeeping.
PROTECTED_FIELDS = frozenset(
    {
        "job_id",
        "s3_key",
        "status",
        "created_at",
        "created_by",
        "pii_skipped",
        "pii_skip_reason",
        "cancel_reason",
        "updated_at",
        "approval_token",
        "approval_expires_at",
        "approval_decision",
        "denial_decision",
        "approved_at",
        "denied_at",
        "cancelled_at",
        "attempt",
        "attempts",
        "cleanup_stamp",
        "cleanup_state",
        "jobctl_op",
        "jobctl_request",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateJob:
    """`expect_status`, where given, must be the job's status at the moment of the change."""

    job_id: str
    actor: str
    op_id: str
    status: JobStatus | None = None
    expect_status: JobStatus | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    ttl: timedelta | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePolicy:
    ttl: TtlPolicy
    approval_timeout: timedelta


def update(
    request: UpdateJob,
    *,
    jobs: JobStore,
    policy: UpdatePolicy,
    refusals: Refusals | None = None,
) -> OperationList:
    """Exactly one change or none; the status it is based on is checked again in the same step."""
    _refuse_protected(request)
    for problem in jobs.unreadable(request.fields):
        raise InvalidUsageError(f"{problem}; it was not stored", job_id=request.job_id)
    try:
        with watching(None if request.dry_run else refusals, "update"):
            operation = _update(request, jobs, policy)
    except JobctlError as error:
        operation = failed_operation(request.job_id, "update", error)
    return OperationList(items=(operation,), dry_run=request.dry_run)


def _refuse_protected(request: UpdateJob) -> None:
    protected = sorted(PROTECTED_FIELDS & request.fields.keys())
    if protected:
        raise InvalidUsageError(
            f"update may not set {protected[0]}",
            hint="status has its own option; approve, deny, cancel and retry do the rest",
            job_id=request.job_id,
        )
    if not (request.status or request.fields or request.ttl):
        raise InvalidUsageError("nothing to update", hint="name at least one change, see --help")


def _update(request: UpdateJob, jobs: JobStore, policy: UpdatePolicy) -> Operation:
    reading = jobs.read([request.job_id])
    record = reading.records[0]
    if record is None:
        raise no_such_job(request.job_id)
    job = record.job
    _check_status(request, job)
    target = request.status or job.status
    if not request.dry_run:
        leaves_approval = _leaves_approval(request, job)
        dequeued = jobs.queue_entries([job.id])[job.id] if leaves_approval else ()
        jobs.apply(_mutation(request, record, reading.now, policy, dequeued))
    return Operation(
        id=job.id,
        action="update",
        changed=not request.dry_run,
        previous_status=job.shown_status,
        status=target.value if target else job.shown_status,
        op_id=None if request.dry_run else request.op_id,
    )


def _check_status(request: UpdateJob, job: Job) -> None:
    require_status(job, request.expect_status)
    if request.status is None or request.status is job.status:
        return
    moves = sorted(worker_moves_from(job.status))
    if request.status not in moves:
        raise ConflictError(
            f"job {job.id} is {job.shown_status}; update cannot make it {request.status}",
            hint=f"from {job.shown_status} it can become: {', '.join(moves)}"
            if moves
            else f"no update leaves {job.shown_status}",
            job_id=job.id,
        )


def _leaves_approval(request: UpdateJob, job: Job) -> bool:
    return job.status is JobStatus.AWAITING_APPROVAL and request.status not in (None, job.status)


def _mutation(
    request: UpdateJob,
    record: JobRecord,
    now: datetime,
    policy: UpdatePolicy,
    dequeued: Sequence[QueueEntry],
) -> Mutation:
    job = record.job
    leaves_approval = _leaves_approval(request, job)
    entered = request.status if request.status is not job.status else None
    fields: dict[str, object] = {"updated_at": now, **request.fields}
    if request.status is not None:
        fields["status"] = request.status.value
    if entered is JobStatus.PROCESSING and job.started_at is None:
        fields.setdefault("started_at", now)
    if entered in TERMINAL:
        fields.setdefault("completed_at", now)
    window = None
    if entered is JobStatus.AWAITING_APPROVAL:
        window = open_approval(now, policy.approval_timeout)
        fields |= approval_fields(window)
    return Mutation(
        job_id=job.id,
        action="update",
        op_id=request.op_id,
        actor=request.actor,
        at=now,
        expected_status=job.raw_status or "",
        to_status=request.status,
        summary="set " + " ".join(sorted(fields)),
        fields=fields,
        removed_fields=("approval_token",) if leaves_approval and job.approval_token else (),
        ttl=_new_ttl(request, record, policy),
        closes_approval=leaves_approval,
        held_token=job.approval_token if leaves_approval else None,
        drop_queue_entries=dequeued,
        **(opening(job.id, job.s3_key or "", window) if window else Opening()),
    )


def _new_ttl(request: UpdateJob, record: JobRecord, policy: UpdatePolicy) -> timedelta | None:
    """None keeps the record's own, as the services do for a change that is none of the status."""
    if request.ttl is not None:
        return request.ttl
    if request.status is None and record.ttl is not None:
        return None
    return policy.ttl.lifetime(request.status or record.job.status)
