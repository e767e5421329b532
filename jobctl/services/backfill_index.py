"""`backfill-index`: finds every record, and sees to it that the index has it at its time.

Scores never move back, however many others write meanwhile: an entry is only ever raised to the
time that its record has.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from jobctl.domain.moments import parse_timestamp
from jobctl.errors import ExitCode
from jobctl.services.authors import Author
from jobctl.services.ports import JobStore, Mutation

Mode = Literal["repair", "check", "rebuild"]
_EXAMPLES = 10
_RESUMED = ("scanned", "missing", "behind", "undatable")
_CHECKPOINTS = 20  # batches between two
_TOLERANCE = 0.001  # seconds: what a score loses in being written and read
# Clocks of those who write scores may differ from the server's.
_CLOCKS_APART = timedelta(minutes=5)


class Indexed(NamedTuple):
    """A record's times as they are stored, and its score, None where it is not in the index."""

    job_id: str
    score: float | None
    updated_at: str | None
    created_at: str | None
    status: str | None

    @property
    def is_gone(self) -> bool:
        return self.updated_at is None and self.created_at is None and self.status is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far a scan got. A cursor means something to one `incarnation` of the server alone."""

    mode: str
    cursor: int
    incarnation: str
    counts: dict[str, int]


class IndexRepair(Protocol):
    def size(self) -> int:
        """How many members the index has."""

    def scan(self, cursor: int) -> tuple[int, Sequence[str]]:
        """Ids of records, some of them twice, and the cursor behind them, 0 at the end."""

    def members(self, cursor: int) -> tuple[int, Sequence[str]]:
        """As `scan`, for the members of the index."""

    def indexed(self, job_ids: Sequence[str]) -> Sequence[Indexed]: ...

    def raise_scores(self, scores: Mapping[str, float], *, rebuilt: bool) -> None:
        """In the index, or in the one that is being rebuilt; none is lowered."""

    def prune(self, job_ids: Sequence[str]) -> int:
        """Take out those whose records have expired by now; how many there were."""

    def begin_rebuilding(self) -> None: ...

    def swap(self, since: float) -> int:
        """The rebuilt index takes the place of the old one, with all that changed *since*.

        ConflictError where the rebuilt one is not as this run has made it.
        """

    def incarnation(self) -> str | None: ...

    def load_checkpoint(self) -> Checkpoint | None: ...

    def save_checkpoint(self, checkpoint: Checkpoint | None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillIndex(Author):
    """`pace` is called with the number of records after each batch; it may wait, show progress,
    or raise. `interrupted` ends the work between two batches."""

    mode: Mode
    prune: bool = False
    restart: bool = False
    pace: Callable[[int], None] = lambda _: None
    interrupted: Callable[[], ExitCode | None] = lambda: None


@dataclass(slots=True, kw_only=True)
class IndexReport:
    """`missing` and `behind` are what a check found or a repair mended; `ghosts` are entries whose
    records have expired. `undatable` are records whose last change nobody can tell."""

    mode: Mode
    scanned: int = 0
    missing: int = 0
    behind: int = 0
    ghosts: int = 0
    pruned: int = 0
    undatable: int = 0
    size: int = 0
    resumed: bool = False
    complete: bool = False
    stopped_by: ExitCode | None = None
    examples: list[str] = field(default_factory=list)

    @property
    def unchanged(self) -> int:
        return self.scanned - self.missing - self.behind - self.undatable

    @property
    def exit_code(self) -> ExitCode:
        if self.stopped_by is not None:
            return self.stopped_by
        drift = self.missing + self.behind + self.ghosts
        return ExitCode.FINDINGS if self.mode == "check" and drift else ExitCode.DONE


def backfill_index(request: BackfillIndex, *, index: IndexRepair, jobs: JobStore) -> IndexReport:
    """Mend the index, or only compare (`check`). Interrupted, the next run goes on from there."""
    run = _Run(request, index, jobs)
    report = run.do()
    if request.mode != "check" and (report.missing or report.behind or report.pruned):
        jobs.apply(_record(request, jobs.read([]).now, report))
    return report


class _Run:
    def __init__(self, request: BackfillIndex, index: IndexRepair, jobs: JobStore) -> None:
        self._request = request
        self._index = index
        self._jobs = jobs
        self._report = IndexReport(mode=request.mode)
        self._incarnation = index.incarnation()

    def do(self) -> IndexReport:
        report, rebuilds = self._report, self._request.mode == "rebuild"
        started = self._jobs.read([]).now - _CLOCKS_APART
        if rebuilds:
            self._index.begin_rebuilding()
        for ids in self._batches(0 if rebuilds else self._resumed_cursor()):
            self._take(self._index.indexed(ids))
        if report.stopped_by is None and (self._request.prune or self._request.mode == "check"):
            self._look_for_ghosts()
        if report.stopped_by is None:
            if rebuilds:
                self._index.swap(started.timestamp())
            report.complete = True
            if self._resumable:
                self._index.save_checkpoint(None)
        report.size = self._index.size()
        return report

    @property
    def _resumable(self) -> bool:
        return self._request.mode == "repair" and self._incarnation is not None

    def _resumed_cursor(self) -> int:
        found = self._index.load_checkpoint() if self._resumable else None
        if (
            found is None
            or self._request.restart
            or (found.mode, found.incarnation) != (self._request.mode, self._incarnation)
        ):
            return 0
        self._report.resumed = True
        for name in _RESUMED:
            setattr(self._report, name, int(found.counts.get(name, 0)))
        return found.cursor

    def _batches(self, cursor: int) -> Iterator[Sequence[str]]:
        number = 0
        while True:
            following, ids = self._index.scan(cursor)
            if ids:
                yield ids
            # Also where others fill the key space: the pace keeps the lease.
            self._request.pace(self._report.scanned)
            number += 1
            if following == 0:
                return
            cursor = following
            self._report.stopped_by = self._request.interrupted()
            if self._resumable and (number % _CHECKPOINTS == 0 or self._report.stopped_by):
                self._save(cursor)
            if self._report.stopped_by is not None:
                return

    def _save(self, cursor: int) -> None:
        self._index.save_checkpoint(
            Checkpoint(
                mode=self._request.mode,
                cursor=cursor,
                incarnation=self._incarnation or "",
                counts={name: getattr(self._report, name) for name in _RESUMED},
            )
        )

    def _take(self, found: Sequence[Indexed]) -> None:
        raised: dict[str, float] = {}
        kept: dict[str, float] = {}
        found_here: Counter[str] = Counter()
        for one in found:
            if one.is_gone:
                continue
            score = _score(one)
            if score is None:
                found_here["undatable"] += 1
                if len(self._report.examples) < _EXAMPLES:
                    self._report.examples.append(one.job_id)
                if one.score is not None:
                    kept[one.job_id] = one.score
            elif one.score is None:
                found_here["missing"] += 1
                raised[one.job_id] = score
            elif one.score < score - _TOLERANCE:
                found_here["behind"] += 1
                raised[one.job_id] = score
            else:
                kept[one.job_id] = one.score
            found_here["scanned"] += 1
        self._write(raised, kept)
        for name, count in found_here.items():
            setattr(self._report, name, getattr(self._report, name) + count)

    def _write(self, raised: Mapping[str, float], kept: Mapping[str, float]) -> None:
        if self._request.mode == "rebuild" and (raised or kept):
            self._index.raise_scores({**kept, **raised}, rebuilt=True)
        elif self._request.mode == "repair" and raised:
            self._index.raise_scores(raised, rebuilt=False)

    def _look_for_ghosts(self) -> None:
        cursor = 0
        while True:
            cursor, members = self._index.members(cursor)
            ghosts = [one.job_id for one in self._index.indexed(members) if one.is_gone]
            self._report.ghosts += len(ghosts)
            if ghosts and self._request.prune and self._request.mode != "check":
                self._report.pruned += self._index.prune(ghosts)
            self._request.pace(self._report.scanned)
            self._report.stopped_by = self._request.interrupted()
            if cursor == 0 or self._report.stopped_by is not None:
                return


def _score(one: Indexed) -> float | None:
    at = parse_timestamp(one.updated_at) or parse_timestamp(one.created_at)
    return None if at is None else at.timestamp()


def _record(request: BackfillIndex, now: datetime, report: IndexReport) -> Mutation:
    return replace(
        request.record_of("-", now, "backfill-index"),
        summary=f"{report.mode}: {report.scanned} records, {report.missing} added, "
        f"{report.behind} raised, {report.pruned} pruned",
        only_recorded=True,
    )
