"""What approving and denying have in common: who may decide, on what, and what is recorded."""

from dataclasses import dataclass
from datetime import datetime

from jobctl.domain.job import Decision, Job, Secret
from jobctl.domain.moments import format_duration, format_rfc3339, format_stored
from jobctl.domain.status import JobStatus
from jobctl.errors import ConflictError, RefusedError
from jobctl.services.authors import Author


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Who decides, and where that name comes from."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding(Author):
    """`token`, where given, must be the job's approval token at the moment of the decision.

    `different_from_creator` refuses a decision by who made the job or owns it.
    """

    reason: str
    reviewer: Reviewer
    different_from_creator: bool = False
    expect_status: JobStatus | None = None
    token: Secret | None = None

    def check(self, job: Job, now: datetime) -> None:
        """Raise unless this decision may be made on *job*, which awaits one."""
        if self.token is not None:
            check_token(job, self.token)
        check_deadline(job, now)
        if self.different_from_creator:
            self._check_creator(job)

    def record(self, decision: str, now: datetime) -> dict[str, str]:
        """The decision as the services store it."""
        return {
            "decision": decision,
            "justification": self.reason,
            "reviewed_by": self.reviewer.name,
            "reviewed_at": format_stored(now),
        }

    @property
    def summary(self) -> str:
        """For the audit trail, whose actor is who ran the command."""
        return f"reviewed by {self.reviewer.name} ({self.reviewer.origin})"

    def _check_creator(self, job: Job) -> None:
        named = [_compared(who) for who in (job.created_by, job.user_id) if who]
        creators = {who for who in named if who}
        if not creators:
            raise RefusedError(
                f"job {job.id} does not say who made it",
                hint="decide without --different-from-creator if that is right",
                job_id=job.id,
                refusal="nobody knows who made it",
            )
        deciders = {_compared(self.reviewer.name), _compared(self.actor)}
        if creators & deciders:
            raise RefusedError(
                f"job {job.id} was made by who decides now",
                hint="somebody else must decide: --different-from-creator is set",
                job_id=job.id,
                refusal="who made it may not decide",
            )


def _compared(name: str) -> str:
    return " ".join(name.split()).casefold()


def check_awaiting(job: Job) -> None:
    if job.status is not JobStatus.AWAITING_APPROVAL:
        raise ConflictError(
            f"job {job.id} is {job.shown_status}: there is nothing to approve or deny",
            hint="jobctl status tells what became of it",
            job_id=job.id,
        )


def check_token(job: Job, token: Secret) -> None:
    if token != job.approval_token:
        raise ConflictError(
            f"job {job.id} has another approval token by now",
            hint=f"jobctl token issue {job.id} makes a new one",
            job_id=job.id,
            refusal="another approval token",
        )


def check_deadline(job: Job, now: datetime) -> None:
    expires_at = job.approval_expires_at
    remedy = f"jobctl token issue {job.id} --extend 4h sets a new deadline"
    if expires_at is None:
        unreadable = any(one.startswith("approval_expires_at") for one in job.problems)
        what = "an unreadable deadline" if unreadable else "no deadline"
        raise ConflictError(
            f"job {job.id} has {what} for its approval: it cannot be told whether that is over",
            hint=remedy,
            job_id=job.id,
            refusal="no deadline that can be told",
        )
    if expires_at <= now:
        ago = format_duration(now - expires_at)
        raise ConflictError(
            f"the approval of job {job.id} expired {ago} ago",
            hint=remedy,
            job_id=job.id,
            refusal="its deadline has passed",
        )


def already_decided(job: Job, opposite: str) -> ConflictError:
    """Why *job* cannot be *opposite*: somebody has decided otherwise, or it awaits no decision."""
    if job.status is JobStatus.DENIED:
        how = f"denied{_by(job, job.denial_decision, job.denied_at)}"
    elif is_approved(job):
        how = f"approved{_by(job, job.approval_decision, job.approved_at)}"
    else:
        return ConflictError(
            f"job {job.id} is {job.shown_status}; only awaiting_approval jobs can be {opposite}",
            hint="jobctl status tells what became of it",
            job_id=job.id,
        )
    now = "" if job.shown_status in how else f", and is {job.shown_status} now"
    return ConflictError(
        f"job {job.id} was {how}{now}; it cannot be {opposite}",
        hint="a decision is final",
        job_id=job.id,
        refusal="decided otherwise",
    )


def is_approved(job: Job) -> bool:
    """Whether an approval is on record; a service that approves in haste stores its time alone."""
    return job.approval_decision is not None or job.approved_at is not None


def _by(job: Job, decision: Decision | None, at: datetime | None) -> str:
    """The findings may hold the reviewer's name too."""
    who = job.redactor.text(decision.reviewed_by or "") if decision else None
    when = (decision.reviewed_at if decision else None) or at
    return (f" by {who}" if who else "") + (f" at {format_rfc3339(when)}" if when else "")
