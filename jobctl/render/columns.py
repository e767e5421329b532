"""The columns of a list of jobs: for tables, TSV and CSV alike."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from jobctl.domain.job import Job
from jobctl.domain.progress import progress_of
from jobctl.domain.status import JobStatus, parse_status
from jobctl.errors import InvalidUsageError
from jobctl.render import times
from jobctl.render.rows import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """How moments and sizes are written: for a person, or exactly."""

    now: datetime
    relative: bool

    def moment(self, value: datetime | None) -> str:
        return times.relative(value, now=self.now) if self.relative else times.absolute(value)

    def size(self, count: int | None) -> str:
        return times.size(count) if self.relative else times.number(count)


Cell = Callable[[Job, Moments], str]


def status_style(text: str) -> str | None:
    """Rich's name of the style that a status is shown in."""
    status = parse_status(text)
    styles = {
        JobStatus.COMPLETED: "green",
        JobStatus.FAILED: "red",
        JobStatus.DENIED: "magenta",
        JobStatus.AWAITING_APPROVAL: "yellow",
        JobStatus.CANCELLED: "bright_black",
    }
    if status is None:
        return None
    return styles.get(status, "cyan")


def _progress(job: Job, moments: Moments) -> str:
    share = progress_of(job, now=moments.now).percentage
    return "" if share is None else f"{times.number(share, digits=1)}%"


def _attribute(name: str) -> Cell:
    def cell(job: Job, _: Moments) -> str:
        value = getattr(job, name)
        return value if isinstance(value, str) else "" if value is None else times.number(value)

    return cell


def _moment(name: str) -> Cell:
    return lambda job, moments: moments.moment(getattr(job, name))


COLUMNS: dict[str, tuple[Column, Cell]] = {
    column.name: (column, cell)
    for column, cell in (
        (Column(name="id", keep=True), _attribute("id")),
        (Column(name="status", style=status_style, keep=True), lambda job, _: job.shown_status),
        (Column(name="name"), _attribute("name")),
        (Column(name="type"), _attribute("document_type")),
        (Column(name="priority"), _attribute("priority")),
        (Column(name="progress", right=True), _progress),
        (Column(name="updated", keep=True), _moment("updated_at")),
        (Column(name="created"), _moment("created_at")),
        (Column(name="started"), _moment("started_at")),
        (Column(name="completed"), _moment("completed_at")),
        (Column(name="expires"), _moment("approval_expires_at")),
        (Column(name="user"), _attribute("user_id")),
        (Column(name="org"), _attribute("organization_id")),
        (Column(name="creator"), _attribute("created_by")),
        (Column(name="phase"), _attribute("processing_phase")),
        (Column(name="size", right=True), lambda job, moments: moments.size(job.file_size)),
        (Column(name="pages", right=True), _attribute("total_pages")),
        (Column(name="pii", right=True), lambda job, _: str(job.pii.count) if job.pii else ""),
        (Column(name="confidence", right=True), _attribute("confidence_score")),
        (Column(name="key"), _attribute("s3_key")),
        (Column(name="task"), _attribute("celery_task_id")),
        (Column(name="summary"), _attribute("summary")),
    )
}
NARROW = ("id", "status", "name", "type", "priority", "progress", "updated")
WIDE = (*NARROW, "created", "expires", "user", "org", "size", "pages", "pii", "phase", "key")


def check_columns(names: Sequence[str]) -> tuple[str, ...]:
    """*names* themselves; InvalidUsageError for one that there is not."""
    for name in names:
        if name not in COLUMNS:
            raise InvalidUsageError(f"no column {name}", hint="there are: " + ", ".join(COLUMNS))
    return tuple(names)


def job_rows(
    jobs: Iterable[Job], names: Sequence[str], moments: Moments
) -> Iterator[Sequence[str]]:
    cells = [COLUMNS[name][1] for name in names]
    for job in jobs:
        yield [cell(job, moments) for cell in cells]
