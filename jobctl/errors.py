"""Every failure that jobctl names, with its exit code.

A message names the object, the fact and the remedy. Messages never hold document text,
PII findings, tokens or passwords: they go to terminals, logs and CI transcripts.
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """The process exit codes."""

    DONE = 0
    BUG = 1
    USAGE = 2
    PARTIAL = 3
    NOT_FOUND = 4
    CONFLICT = 5
    UNAVAILABLE = 6
    REFUSED = 7
    WAIT_TIMED_OUT = 8
    JOB_FAILED = 9
    FINDINGS = 10
    LOCKED = 11
    NOT_PERMITTED = 12
    BAD_CONFIGURATION = 13
    OUTCOME_UNKNOWN = 14
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "Done; also for an empty list and for a change that was already made.",
    ExitCode.BUG: "A defect in jobctl.",
    ExitCode.USAGE: "The command line is wrong; nothing was read or changed.",
    ExitCode.PARTIAL: "Partly done: some items failed, or a document could not be deleted.",
    ExitCode.NOT_FOUND: "No such job, file or object.",
    ExitCode.CONFLICT: "The job is in another state, or somebody else was faster.",
    ExitCode.UNAVAILABLE: "Redis or S3 cannot be reached or refuses writes; nothing was changed.",
    ExitCode.REFUSED: "Refused: a safety limit, or a confirmation that is missing or declined.",
    ExitCode.WAIT_TIMED_OUT: "The time to wait ran out.",
    ExitCode.JOB_FAILED: "The job that was waited for ended failed.",
    ExitCode.FINDINGS: "A check found something.",
    ExitCode.LOCKED: "Another run holds the lock.",
    ExitCode.NOT_PERMITTED: "Not permitted: credentials, access rules or TLS.",
    ExitCode.BAD_CONFIGURATION: "The configuration is wrong.",
    ExitCode.OUTCOME_UNKNOWN: "The connection was lost and the outcome is unknown; "
    "the operation id is printed.",
    ExitCode.INTERRUPTED: "Interrupted (SIGINT).",
    ExitCode.TERMINATED: "Terminated (SIGTERM).",
}


class JobctlError(Exception):
    """A failure with a stable ``code``, an exit code and, where there is one, a remedy.

    ``refusal`` says in a fixed phrase, never made of data, what forbids the change of a job; it
    is None where nothing does, and something else has failed.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.BUG
    refusal: str | None = None

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        job_id: str | None = None,
        refusal: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.job_id = job_id
        if refusal is not None:
            self.refusal = refusal


class InvalidUsageError(JobctlError):
    code = "usage"
    exit_code = ExitCode.USAGE


class NotFoundError(JobctlError):
    code = "not_found"
    exit_code = ExitCode.NOT_FOUND


class ConflictError(JobctlError):
    code = "conflict"
    exit_code = ExitCode.CONFLICT
    refusal = "its state does not allow it"


class ChangedMeanwhileError(ConflictError):
    """The job is no longer what it was when it was read; reading it again may tell why."""

    refusal = "somebody else was faster"


class HeldError(ConflictError):
    """The approval service holds its lock on the job; it lets go within a minute."""

    refusal = "the approval service is deciding on it"


class UnavailableError(JobctlError):
    """Redis or S3 did not take the request; nothing was changed."""

    code = "unavailable"
    exit_code = ExitCode.UNAVAILABLE


class UnreachableError(UnavailableError):
    """Nobody answers, which may pass by itself."""


class RefusedError(JobctlError):
    code = "refused"
    exit_code = ExitCode.REFUSED


class LockedError(JobctlError):
    """Another run holds the lock, or this one has lost it."""

    code = "locked"
    exit_code = ExitCode.LOCKED


class NotPermittedError(JobctlError):
    code = "not_permitted"
    exit_code = ExitCode.NOT_PERMITTED


class BadConfigurationError(JobctlError):
    code = "bad_configuration"
    exit_code = ExitCode.BAD_CONFIGURATION


class RecordsMissingError(JobctlError):
    """Audit records were trimmed away unread: to be told, while the rest is shown all the same."""

    code = "records_missing"
    exit_code = ExitCode.DONE


class PartlyDoneError(JobctlError):
    """Some of it took effect; what did is in the message."""

    code = "partly_done"
    exit_code = ExitCode.PARTIAL


class FindingsError(JobctlError):
    """What would be built upon does not hold."""

    code = "findings"
    exit_code = ExitCode.FINDINGS


class OutcomeUnknownError(JobctlError):
    """The request may or may not have been executed; ``op_id`` tells in the audit trail."""

    code = "outcome_unknown"
    exit_code = ExitCode.OUTCOME_UNKNOWN

    def __init__(self, message: str, *, op_id: str, job_id: str | None = None) -> None:
        super().__init__(
            message,
            hint=f"jobctl audit list --op {op_id} tells whether it took effect",
            job_id=job_id,
        )
        self.op_id = op_id
