"""Compares jobs with the last record of each in the audit trail.

Other services move jobs on without a record, and may. What none may do is to bring back a job that
has ended, or that was deleted; and an operation that a job names has a record.
"""

from collections.abc import Iterator, Mapping, Sequence

from jobctl.domain.audit_chain import Breach, Finding
from jobctl.domain.moments import parse_timestamp
from jobctl.domain.status import TERMINAL, JobStatus, parse_status
from jobctl.services.audit_trail import StoredRecord
from jobctl.services.ports import JobStore, LastOperation

_ENDED_BADLY = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


class JobCheck:
    """Holds an operation id for each job that it meets, so some 100 MB for a million of them."""

    def __init__(self, jobs: JobStore) -> None:
        self._jobs = jobs
        self._known: set[str] = set()
        self.checked = 0

    def take(self, records: Sequence[StoredRecord]) -> Iterator[Finding]:
        """What jobs contradict *records*, which are their last ones."""
        by_job: dict[str, list[StoredRecord]] = {}
        for record in records:
            by_job.setdefault(record[1].get("job_id", ""), []).append(record)
        ids = [job_id for job_id in by_job if job_id and job_id != "-"]
        for job_id, last in zip(ids, self._jobs.last_operations(ids), strict=True):
            if last is None:
                continue
            for place, fields in by_job[job_id]:
                if fields.get("op_id") == last.op_id:
                    self._known.add(last.op_id)
                    self.checked += 1
                text = _contradiction(job_id, fields, last)
                if text is not None:
                    yield Finding(
                        breach=Breach.JOB,
                        seq=int(place.partition("-")[0]),
                        text=text,
                        job_id=job_id,
                    )

    def unrecorded(self) -> Iterator[tuple[str, Finding]]:
        """The jobs whose last operation was in none of the records, each with that operation."""
        for page in self._jobs.glimpse():
            ids = [one.job_id for one in page]
            for job_id, last in zip(ids, self._jobs.last_operations(ids), strict=True):
                if last is not None and last.op_id and last.op_id not in self._known:
                    text = f"job {job_id} names operation {last.op_id}, of which there is no record"
                    finding = Finding(breach=Breach.JOB, seq=None, text=text, job_id=job_id)
                    yield last.op_id, finding


def _contradiction(job_id: str, fields: Mapping[str, str], last: LastOperation) -> str | None:
    if fields.get("action") == "delete" and not fields.get("to"):
        deleted, made = parse_timestamp(fields.get("at")), parse_timestamp(last.created_at)
        if deleted is None or made is None or made > deleted:
            return None
        return f"job {job_id} was deleted, and is there all the same"
    if fields.get("op_id") != last.op_id:
        return None
    was, now = parse_status(fields.get("to")), parse_status(last.status)
    if was not in TERMINAL or was is now or {was, now} <= _ENDED_BADLY:
        return None
    return f"job {job_id} was {was} when jobctl left it, and is {last.status or 'without a status'}"
