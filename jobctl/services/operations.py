"""What the changing commands answer with: one outcome a job, and a summary."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from jobctl.domain.job import Job
from jobctl.domain.status import JobStatus
from jobctl.errors import (
    ConflictError,
    ExitCode,
    JobctlError,
    NotFoundError,
    OutcomeUnknownError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`changed` is False for a repeated change and for a dry run; `error` says why it failed."""

    id: str
    action: str
    changed: bool
    previous_status: str | None
    status: str | None
    op_id: str | None = None
    notes: tuple[str, ...] = ()
    error: JobctlError | None = None
    objects: int = 0
    """How many documents were deleted with it."""


class OperationList:
    """Operations in order, to be read once; those of many jobs are done while they are read.

    The counts, `exit_code` and `halted` hold once they all have been read. What took effect and
    failed later on counts as changed and as failed. `halted` is what kept the rest from being
    tried, and `interrupted` the exit code of a signal that did.
    """

    def __init__(
        self,
        items: Iterable[Operation] = (),
        *,
        requested: int | None = None,
        dry_run: bool = False,
        interrupted: Callable[[], ExitCode | None] = lambda: None,
    ) -> None:
        # Held here, so that it outlives a reader that goes away in the middle.
        self._items = iter(items)
        self._requested = requested
        self._interrupted = interrupted
        self._codes: set[ExitCode] = set()
        self.dry_run = dry_run
        self.halted: JobctlError | None = None
        self.tried = self.changed = self.unchanged = self.failed = 0

    def __iter__(self) -> Iterator[Operation]:
        try:
            for item in self._items:
                self.tried += 1
                if item.error is not None:
                    self.failed += 1
                    self._codes.add(item.error.exit_code)
                else:
                    self.changed += item.changed
                    self.unchanged += not item.changed
                yield item
        except JobctlError as error:
            if not self.tried:
                raise
            self.halted = error

    @property
    def requested(self) -> int:
        return self.tried if self._requested is None else self._requested

    @property
    def not_tried(self) -> int:
        return self.requested - self.tried

    @property
    def exit_code(self) -> ExitCode:
        """One item, or all failing alike: that failure's code; some of several: partly done."""
        if self.not_tried and (signalled := self._interrupted()):
            return signalled
        if ExitCode.OUTCOME_UNKNOWN in self._codes:
            return ExitCode.OUTCOME_UNKNOWN
        if not self._codes:
            return ExitCode.PARTIAL if self.not_tried else ExitCode.DONE
        alike = len(self._codes) == 1 and self.failed == self.requested
        return next(iter(self._codes)) if alike else ExitCode.PARTIAL


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedJob:
    """`created` is False when the same request had made the job before, and for a dry run."""

    job: Job
    created: bool
    dry_run: bool
    document: str
    op_id: str | None = None
    off_terminal: ClassVar = "id"  # a script wants the bare id


def operation_on(
    job: Job,
    action: str,
    *,
    status: str | None = None,
    op_id: str | None = None,
    notes: tuple[str, ...] = (),
) -> Operation:
    """What is done to *job*, which is *status* then; without an operation id it is unchanged."""
    return Operation(
        id=job.id,
        action=action,
        changed=op_id is not None,
        previous_status=job.shown_status,
        status=status or job.shown_status,
        op_id=op_id,
        notes=notes,
    )


def without_job(
    job_id: str, action: str, note: str, *, op_id: str | None = None, objects: int = 0
) -> Operation:
    """As operation_on, where there is no such job (any more)."""
    return Operation(
        id=job_id,
        action=action,
        changed=op_id is not None,
        previous_status=None,
        status=None,
        op_id=op_id,
        notes=(note,),
        objects=objects,
    )


def require_status(job: Job, expected: JobStatus | None) -> None:
    """ConflictError unless *job* is as somebody expects it; None expects nothing."""
    if expected not in (None, job.status):
        raise ConflictError(
            f"job {job.id} is {job.shown_status}, not {expected}",
            hint="look at its status, then decide again",
            job_id=job.id,
            refusal="not in the expected status",
        )


def no_such_job(job_id: str) -> NotFoundError:
    return NotFoundError(
        f"no job {job_id}",
        hint="changing a job needs its full id",
        job_id=job_id,
        refusal="no such job",
    )


def failed_operation(
    job_id: str, action: str, error: JobctlError, *, status: str | None = None
) -> Operation:
    """*status* is the job's, where it was read before the failure."""
    return Operation(
        id=job_id,
        action=action,
        changed=False,
        previous_status=status,
        status=status,
        op_id=error.op_id if isinstance(error, OutcomeUnknownError) else None,
        error=error,
    )


def counted(number: int, noun: str) -> str:
    """`1 object`, `2 objects`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def unique(ids: Iterable[str]) -> tuple[str, ...]:
    """*ids* in order, each once."""
    return tuple(dict.fromkeys(ids))
