"""What the changing commands answer with: one outcome a job, and a summary."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from jobctl.domain.job import Job
from jobctl.errors import ExitCode, JobctlError, OutcomeUnknownError


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


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationList:
    items: tuple[Operation, ...] = ()
    dry_run: bool = False

    @property
    def failed(self) -> int:
        return sum(item.error is not None for item in self.items)

    @property
    def changed(self) -> int:
        return sum(item.changed for item in self.items)

    @property
    def exit_code(self) -> ExitCode:
        """One item, or all failing alike: that failure's code; some of several: partly done."""
        codes = {item.error.exit_code for item in self.items if item.error}
        if not codes:
            return ExitCode.DONE
        return (
            codes.pop()
            if len(codes) == 1 and self.failed == len(self.items)
            else (ExitCode.PARTIAL)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedJob:
    """`created` is False when the same request had made the job before, and for a dry run."""

    job: Job
    created: bool
    dry_run: bool
    document: str
    op_id: str | None = None
    off_terminal: ClassVar = "id"  # a script wants the bare id


def failed_operation(job_id: str, action: str, error: JobctlError) -> Operation:
    return Operation(
        id=job_id,
        action=action,
        changed=False,
        previous_status=None,
        status=None,
        op_id=error.op_id if isinstance(error, OutcomeUnknownError) else None,
        error=error,
    )


def counted(number: int, noun: str) -> str:
    """`1 object`, `2 objects`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def unique(ids: Iterable[str]) -> tuple[str, ...]:
    """*ids* in order, each once."""
    return tuple(dict.fromkeys(ids))
