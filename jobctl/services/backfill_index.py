"""`backfill-index`: finds every record, and sees to it that the index has it at its time.

Scores never move back, however many others write meanwhile: an entry is only ever raised to the
time that its record has.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from jobctl.domain.moments import parse_timestamp
from jobctl.errors import ExitCode, JobctlError
from jobctl.services.authors import Author
from jobctl.services.index_repair import Checkpoint, Indexed, IndexRepair
from jobctl.services.index_trail import IndexTrail
from jobctl.services.ports import JobStore

Mode = Literal["repair", "check", "rebuild"]
_EXAMPLES = 10
_RESUMED = ("scanned", "missing", "behind", "undatable")
_CHECKPOINTS = 20  # batches between two
_TOLERANCE = 0.001  # seconds: what a score loses in being written and read


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillIndex(Author):
    """`pace` is called with the number of records that this run has seen after each batch; it may
    wait, show progress, or raise. `interrupted` ends the work between two batches."""

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
    trail = IndexTrail(request, jobs)
    try:
        report = _Run(request, index, trail).do()
    except JobctlError as error:
        raise trail.told(error) from error
    trail.end(
        f"{report.mode}: {report.scanned} records, {report.missing} added, "
        f"{report.behind} raised, {report.pruned} pruned"
        + ("" if report.complete else "; stopped before its end")
    )
    return report


class _Run:
    def __init__(self, request: BackfillIndex, index: IndexRepair, trail: IndexTrail) -> None:
        self._request = request
        self._index = index
        self._trail = trail
        self._before = 0  # records that an earlier run has seen
        self._report = IndexReport(mode=request.mode)
        self._incarnation = index.incarnation()

    def do(self) -> IndexReport:
        report, mode = self._report, self._request.mode
        if mode != "check" and self._index.has_retired():
            self._begin()
            self._finish_rebuilding()
        if report.stopped_by is None:
            self._go_through()
        if report.stopped_by is None and mode == "rebuild":
            self._index.swap()
            self._trail.changed = True
            self._finish_rebuilding()
        elif report.stopped_by is None and (self._request.prune or mode == "check"):
            self._look_for_ghosts(prunes=mode != "check")
        if report.stopped_by is None:
            report.complete = True
            if self._resumable:
                self._index.save_checkpoint(None)
        report.size = self._index.size()
        return report

    def _begin(self) -> None:
        """Whatever changes the index comes behind this."""
        self._trail.begin(self._request.mode + (" and prune" if self._request.prune else ""))

    def _go_through(self) -> None:
        rebuilds = self._request.mode == "rebuild"
        if rebuilds:
            self._begin()
            self._index.begin_rebuilding()
        for ids in self._batches(0 if rebuilds else self._resumed_cursor()):
            self._take(self._index.indexed(ids))

    def _finish_rebuilding(self) -> None:
        """Take over what others have written into the old index meanwhile. Stopped or killed, the
        next run does it: the old index stays until then."""
        cursor = 0
        while True:
            cursor, gone = self._index.take_over(cursor)
            self._trail.changed = True
            self._report.ghosts += gone
            self._report.pruned += gone
            self._pace()
            if cursor == 0:
                break
            self._report.stopped_by = self._request.interrupted()
            if self._report.stopped_by is not None:
                return
        # Records may have gone between a look at them and the entry that was made of it.
        self._look_for_ghosts(prunes=True)
        if self._report.stopped_by is None:
            self._index.drop_retired()

    def _pace(self) -> None:
        self._request.pace(self._report.scanned - self._before)

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
        self._before = self._report.scanned
        return found.cursor

    def _batches(self, cursor: int) -> Iterator[Sequence[str]]:
        number = 0
        while True:
            following, ids = self._index.scan(cursor)
            if ids:
                yield ids
            # Also where others fill the key space: the pace keeps the lease.
            self._pace()
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
            if not one.exists:
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
            self._begin()
            self._index.raise_scores(raised, rebuilt=False)
            self._trail.changed = True

    def _look_for_ghosts(self, *, prunes: bool) -> None:
        cursor = 0
        while True:
            cursor, members = self._index.members(cursor)
            ghosts = [one.job_id for one in self._index.indexed(members) if not one.exists]
            self._report.ghosts += len(ghosts)
            if ghosts and prunes:
                self._begin()
                self._report.pruned += self._index.prune(ghosts)
                self._trail.changed = True
            self._pace()
            if cursor == 0:
                return
            self._report.stopped_by = self._request.interrupted()
            if self._report.stopped_by is not None:
                return


def _score(one: Indexed) -> float | None:
    at = parse_timestamp(one.updated_at) or parse_timestamp(one.created_at)
    return None if at is None else at.timestamp()
