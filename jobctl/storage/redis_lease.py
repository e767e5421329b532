"""A lease in Redis: one run at a time, and none that has lost it changes anything more.

The lease runs out by itself when its holder dies. `mutate.lua` compares it in the same step as
every change, so a run that was paused for longer than that is refused.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from jobctl.errors import LockedError
from jobctl.storage.redis_reads import asked_again
from jobctl.storage.scripts import call

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")
# It is asked for again so often within its lifetime.
_RENEWALS = 10
# The one counts while the machine sleeps as well, where there is such a clock.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _seconds() -> float:
    return time.clock_gettime(_CLOCK)


class RedisLease:
    """`claim` names this run, unlike any other: its id, who it is, and since when."""

    def __init__(
        self,
        client: "Redis",
        *,
        key: str,
        what: str,
        claim: str,
        lifetime: timedelta,
        server: str,
        clock: Callable[[], float] = _seconds,
    ) -> None:
        self._client: Any = client
        self._key = key
        self._what = what
        self._claim = claim
        self._lifetime = lifetime
        self._server = server
        self._clock = clock
        self._renewed = clock()
        self._asking = Lock()

    @property
    def claim(self) -> str:
        return self._claim

    def acquire(self) -> None:
        """LockedError, naming the holder, where another run has it."""
        self._ask(lambda: self._script(0))  # who may not run scripts could not give it up again
        self._renewed = self._clock()
        if not self._ask(self._set):
            raise self._held_by(self._ask(lambda: self._client.get(self._key)))

    def renew(self) -> None:
        """LockedError where it has run out: what follows must not be done."""
        now = self._clock()  # before it is asked for: it lasts that long at least
        if not self._ask(lambda: self._script(int(self._lifetime.total_seconds() * 1000))):
            raise LockedError(
                "this run was paused or held up for too long: its lease has run out, or was "
                "taken; it stops here",
                hint="run the command again: it goes on where this one stopped",
            )
        self._renewed = now

    def hold(self) -> None:
        """`renew`, unless that was a moment ago."""
        with self._asking:
            if self._clock() - self._renewed >= self._lifetime.total_seconds() / _RENEWALS:
                self.renew()

    def close(self) -> None:
        """Give it up; where nobody answers it runs out by itself."""
        from redis.exceptions import RedisError

        try:
            self._script(0)
        except RedisError:
            return

    def _set(self) -> bool:
        """Whether it is ours, also where an earlier attempt got it and its reply was lost."""
        milliseconds = int(self._lifetime.total_seconds() * 1000)
        taken = self._client.set(self._key, self._claim, nx=True, px=milliseconds)
        return bool(taken) or self._client.get(self._key) == self._claim

    def _script(self, milliseconds: int) -> bool:
        args = [self._claim, str(milliseconds)]
        return bool(call(self._client, "lease", keys=[self._key], args=args))

    def _ask(self, question: Callable[[], T]) -> T:
        return asked_again(question, server=self._server)

    def _held_by(self, holder: str | None) -> LockedError:
        _, _, who = (holder or "").partition(" ")
        return LockedError(
            f"another {self._what} is at work{f', {who}' if who else ''}",
            hint="wait for it; if it has died, its lease runs out within "
            f"{int(self._lifetime.total_seconds())} s",
        )
