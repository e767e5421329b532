"""What `backfill-index` needs of the store, as a Protocol; see `storage.redis_index_repair`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Indexed(NamedTuple):
    """A record's times as they are stored, and its score, None where it is not in the index. A
    record may exist without any of them."""

    job_id: str
    score: float | None
    exists: bool
    updated_at: str | None
    created_at: str | None
    status: str | None


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

    def swap(self) -> None:
        """The rebuilt index takes the place of the old one, which is kept aside: what others wrote
        meanwhile is in it alone.

        ConflictError where the rebuilt one is not as this run has made it.
        """

    def has_retired(self) -> bool:
        """Whether an old index is kept aside: a rebuilding is not finished before it is gone."""

    def take_over(self, cursor: int) -> tuple[int, int]:
        """As `scan`, through the old index: the new one gets of it what it lacks and has a record,
        and no score that is lower. How many members were without one, in place of the ids."""

    def drop_retired(self) -> None: ...

    def incarnation(self) -> str | None: ...

    def load_checkpoint(self) -> Checkpoint | None: ...

    def save_checkpoint(self, checkpoint: Checkpoint | None) -> None: ...
