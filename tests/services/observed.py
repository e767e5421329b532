"""A job store that is watched, and disturbed."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jobctl.errors import JobctlError
from jobctl.services.ports import (
    Applied,
    Glimpse,
    JobStore,
    Mutation,
    QueueEntry,
    Reading,
    Token,
    TokenHolder,
)
from tests.services.world import World


class ObservedJobs:
    """A job store that counts its calls; something may happen before one of them."""

    def __init__(self, world: World, *, store: JobStore | None = None) -> None:
        self._store: Any = store or world.redis.store
        self._happenings: dict[tuple[str, int], Callable[[], object]] = {}
        self.calls: Counter[str] = Counter()
        self.applied: list[Mutation] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def at(self, method: str, number: int, happening: Callable[[], object]) -> None:
        """*happening* takes place, or raises, before the call *number* (0: every call)."""
        self._happenings[method, number] = happening

    def fail(self, method: str, number: int, error: JobctlError) -> None:
        def happening() -> None:
            raise error

        self.at(method, number, happening)

    def _meet(self, method: str) -> None:
        self.calls[method] += 1
        for number in (0, self.calls[method]):
            if (method, number) in self._happenings:
                self._happenings[method, number]()

    def read(self, job_ids: Sequence[str], *, brief: bool = False) -> Reading:
        self._meet("read")
        reading: Reading = self._store.read(job_ids, brief=brief)
        return reading

    def peek(self, job_ids: Sequence[str]) -> Sequence[Glimpse]:
        self._meet("peek")
        found: Sequence[Glimpse] = self._store.peek(job_ids)
        return found

    def queue_entries(self, job_ids: Iterable[str]) -> Mapping[str, Sequence[QueueEntry]]:
        self._meet("queue_entries")
        entries: Mapping[str, Sequence[QueueEntry]] = self._store.queue_entries(job_ids)
        return entries

    def token_holder(self, token: Token) -> TokenHolder | None:
        self._meet("token_holder")
        holder: TokenHolder | None = self._store.token_holder(token)
        return holder

    def apply(self, mutation: Mutation) -> Applied:
        self._meet("apply")
        applied: Applied = self._store.apply(mutation)
        return applied

    def apply_all(self, mutations: Sequence[Mutation]) -> Sequence[Applied | JobctlError]:
        self._meet("apply_all")
        self.applied.extend(mutations)
        outcomes: Sequence[Applied | JobctlError] = self._store.apply_all(mutations)
        return outcomes
