"""Compares jobs with the last record of each in the audit trail.

Other services move jobs on without a record, and may. What none may do is to bring back a job that
has ended, or that was deleted; and the operation that a job names is the one of its last record.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from jobctl.domain.audit import number_of, says_nothing_of_changes
from jobctl.domain.audit_chain import Breach, Finding
from jobctl.domain.moments import parse_timestamp
from jobctl.domain.status import TERMINAL, JobStatus, parse_status
from jobctl.services.audit_trail import StoredRecord
from jobctl.services.ports import JobStore, LastOperation

_PAGE = 1_000
_ENDED_BADLY = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


class _Last(NamedTuple):
    """What the last record of a job says."""

    seq: int
    op_id: str
    action: str
    status: str
    at: str


class JobCheck:
    """Holds the last record of each job that it meets: some 400 MB for a million of them."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._last: dict[str, _Last] = {}
        self.checked = 0

    def again(self) -> "JobCheck":
        return JobCheck(self._jobs)

    def take(self, records: Sequence[StoredRecord]) -> None:
        for place, fields in records:
            job_id, action = fields.get("job_id", ""), fields.get("action", "")
            if job_id in ("", "-") or says_nothing_of_changes(action):
                continue
            self._last[job_id] = _Last(
                seq=number_of(place),
                op_id=fields.get("op_id", ""),
                action=action,
                status=fields.get("to", ""),
                at=fields.get("at", ""),
            )

    def contradictions(self, *, whole: bool) -> Iterator[Finding]:
        """What jobs say against their last records, and where the trail is *whole*, which jobs
        name an operation without one."""
        known = iter(self._last.items())
        while page := dict(islice(known, _PAGE)):
            found = self._jobs.last_operations([*page])
            for (job_id, last), now in zip(page.items(), found, strict=True):
                if now is None:
                    continue
                self.checked += 1
                text = _contradiction(job_id, last, now)
                if text is not None:
                    yield Finding(breach=Breach.JOB, seq=last.seq, text=text, job_id=job_id)
        if whole:
            yield from self._unrecorded()

    def _unrecorded(self) -> Iterator[Finding]:
        for page in self._jobs.glimpse():
            ids = [one.job_id for one in page if one.job_id not in self._last]
            for job_id, now in zip(ids, self._jobs.last_operations(ids), strict=True):
                if now is not None and now.op_id:
                    text = f"job {job_id} names operation {now.op_id}, of which there is no record"
                    yield Finding(breach=Breach.JOB, seq=None, text=text, job_id=job_id)


def _contradiction(job_id: str, last: _Last, now: LastOperation) -> str | None:
    recorded, made = parse_timestamp(last.at), parse_timestamp(now.created_at)
    is_another = recorded is not None and made is not None and made > recorded
    if last.action == "delete" and not last.status:
        return None if is_another else f"job {job_id} was deleted, and is there all the same"
    if is_another:
        return None  # a later job of the same name
    if now.op_id and now.op_id != last.op_id:
        return f"job {job_id} names operation {now.op_id}, and its last record is of {last.op_id}"
    was, is_now = parse_status(last.status), parse_status(now.status)
    if was not in TERMINAL or was is is_now or {was, is_now} <= _ENDED_BADLY:
        return None
    return f"job {job_id} was {was} when jobctl left it, and is {now.status or 'without a status'}"
