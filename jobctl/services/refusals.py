"""Refused attempts in the audit trail: who wanted what of which job, and what forbade it.

What was refused is told by its error: one that names a `refusal` is recorded, an outage or a
wrong command line is not. Records are bounded, so that a flood of attempts does not fill Redis.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from jobctl.domain.identifiers import check_job_id
from jobctl.domain.job import Job
from jobctl.domain.limits import REFUSALS_A_MINUTE
from jobctl.errors import InvalidUsageError, JobctlError, OutcomeUnknownError
from jobctl.services.authors import Author
from jobctl.services.operations import Operation, counted
from jobctl.services.ports import Applied, JobStore, Mutation

_TOGETHER = 100  # as many as other commands change at once
# A token has 43 characters. What is shorter than this gives nobody a chance to guess the rest.
_MAY_BE_A_TOKEN = re.compile(r"[\w-]{33,}", re.ASCII)
_NOBODY = "-"  # as in all records that are about no job
REFUSED = "-refused"
"""How the action of a record ends that is about a refused attempt."""
_HEXADECIMAL = re.compile(r"[0-9a-fA-F-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """`job` is what was found; None where there is no such job."""

    job_id: str
    job: Job | None
    error: JobctlError


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals(Author):
    """Records them for their author, whose *reason* is masked by what is known of the job."""

    jobs: JobStore
    reason: str = ""

    def record(self, action: str, refused: Sequence[Refusal], now: datetime) -> None:
        """One record each, as many as the bound admits, together. The refusals stand, whatever
        keeps them from being recorded."""
        if not refused:
            return
        try:
            admission = self.jobs.admit_refusals(len(refused), at_most=REFUSALS_A_MINUTE)
            records = [self._mutation(one, action, now) for one in refused[: admission.number]]
            if records:
                self._write(records, admission.left_out_before)
        except JobctlError as error:
            _tell(len(refused), error)

    def look_up(self, action: str, errors: Sequence[tuple[str, JobctlError]]) -> None:
        """As `record`, for jobs that are known by their ids alone; each error names one."""
        ids = tuple(dict.fromkeys(job_id for job_id, _ in errors if job_id))
        try:
            reading = self.jobs.read(ids)
        except JobctlError as failure:
            _tell(len(errors), failure)
            return
        found = {one.job.id: one.job for one in reading.records if one is not None}
        refused = [
            Refusal(job_id=job_id, job=found.get(job_id), error=error) for job_id, error in errors
        ]
        self.record(action, refused, reading.now)

    def watched(self, operations: Iterable[Operation], *, count: int) -> Iterator[Operation]:
        """*operations*, of which there are *count*, themselves. The refused ones are recorded a
        hundred at once, and before the last one is handed on."""
        refused: list[tuple[str, JobctlError]] = []
        for place, one in enumerate(operations, 1):
            if (error := refused_by(one)) is not None:
                refused.append((one.id, error))
            if refused and (len(refused) == _TOGETHER or place == count):
                self.look_up(one.action, refused)
                refused = []
            yield one

    def _mutation(self, one: Refusal, action: str, now: datetime) -> Mutation:
        refused = f"{action}{REFUSED}"
        if one.job is None:  # and nothing tells what to mask in the reason
            record = self.record_of(_harmless(one.job_id), now, refused)
        else:
            record = self.change_of(one.job, now, refused, reason=self.reason)
        return replace(
            record,
            # The token of a decision that was made is no longer known from the job.
            reason=_without_tokens(record.reason),
            summary=f"{one.error.code}: {one.error.refusal}",
            only_recorded=True,
            compares=False,
        )

    def _write(self, records: Sequence[Mutation], left_out: int) -> None:
        if left_out:
            told = f"{records[0].summary}; {left_out:,} refused before it were left out"
            records = [replace(records[0], summary=told), *records[1:]]
        outcomes: Sequence[Applied | JobctlError]
        try:
            outcomes = self.jobs.apply_all(records)
        except JobctlError as error:
            outcomes = [error] * len(records)
        failed = [one for one in outcomes if isinstance(one, JobctlError)]
        if not failed:
            return
        _tell(len(failed), failed[0])
        # One whose outcome is unknown may stand in the trail: it is not counted twice.
        lost = sum(not isinstance(one, OutcomeUnknownError) for one in failed)
        if outcomes[0] is failed[0]:
            lost += left_out
        if lost:
            self.jobs.admit_refusals(lost, at_most=0)


def refused_by(operation: Operation) -> JobctlError | None:
    """None also where it took effect, and what has failed came after that."""
    error = operation.error
    return error if error is not None and error.refusal and not operation.changed else None


@contextmanager
def watching(refusals: Refusals | None, action: str) -> Iterator[None]:
    """Has what is refused within recorded, before the error goes on its way."""
    try:
        yield
    except JobctlError as error:
        if refusals is not None and error.refusal:
            refusals.look_up(action, [(error.job_id or "", error)])
        raise


def _harmless(job_id: str) -> str:
    """The id of no job as it may be recorded: `-` unless it is one by its form. Somebody may have
    given a token for an id."""
    try:
        check_job_id(job_id)
    except InvalidUsageError:
        return _NOBODY
    return job_id if _without_tokens(job_id) == job_id else _NOBODY


def _without_tokens(text: str) -> str:
    return _MAY_BE_A_TOKEN.sub(
        lambda run: run[0] if _HEXADECIMAL.fullmatch(run[0]) else "[token]", text
    )


def _tell(number: int, error: JobctlError) -> None:
    import logging

    attempts = counted(number, "refused attempt")
    logging.getLogger(__name__).info("no record of %s: %s", attempts, error.message)
