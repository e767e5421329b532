"""Stands in front of each request that deletes documents: it may be late.

An object store that is slow, or a process that was stopped and goes on, leaves minutes between
the look at a job and the request that deletes its documents.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from math import inf
from threading import Lock

from jobctl.errors import JobctlError
from jobctl.services.ports import Lease

Look = Callable[[Sequence[str]], Mapping[str, JobctlError]]
_FRESH_SECONDS = 1.0


class DeletionGuard:
    """*look* says which jobs' documents must stay, and why; a look is good for a second. Without
    the *lease*, or an answer, they all stay. Safe to use from several threads."""

    def __init__(
        self, look: Look, lease: Lease | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._lease = lease
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._found: dict[str, JobctlError] = {}
        self._failure: JobctlError | None = None
        self._at_work = Lock()

    @property
    def failure(self) -> JobctlError | None:
        """Why no further document may be deleted, whosever it is."""
        return self._failure

    def objections(self, job_ids: Sequence[str]) -> Mapping[str, JobctlError]:
        with self._at_work:
            if self._failure is None:
                try:
                    self._ask(job_ids)
                except JobctlError as error:
                    self._failure = error
            if self._failure is not None:
                return dict.fromkeys(job_ids, self._failure)
            return {one: self._found[one] for one in job_ids if one in self._found}

    def _ask(self, job_ids: Sequence[str]) -> None:
        if self._lease is not None:
            self._lease.hold()
        now = self._clock()
        old = [one for one in job_ids if now - self._seen.get(one, -inf) >= _FRESH_SECONDS]
        if old:
            self._found |= self._look(old)
            self._seen |= dict.fromkeys(old, now)
