"""Keeps long work to a rate, and whatever it holds alive meanwhile."""

import time
from collections.abc import Callable

_LONGEST_SLEEP = 0.5


class Throttle:
    """At most *rate* a second from now on (None: as fast as it goes). *renew* is called at every
    wait, at most once in *every* seconds; *stopped* ends a wait early."""

    def __init__(
        self,
        rate: float | None,
        *,
        renew: Callable[[], None],
        every: float = 0.0,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._rate = rate
        self._renew = renew
        self._every = every
        self._stopped = stopped
        self._started = self._renewed = time.monotonic()

    def wait(self, done: int) -> None:
        """Until so many may have been done."""
        self._renew_in_time()
        while (ahead := self._ahead(done)) > 0 and not self._stopped():
            time.sleep(min(_LONGEST_SLEEP, ahead))
            self._renew_in_time()

    def _ahead(self, done: int) -> float:
        if not self._rate:
            return 0.0
        return done / self._rate - (time.monotonic() - self._started)

    def _renew_in_time(self) -> None:
        now = time.monotonic()
        if now - self._renewed >= self._every:
            self._renewed = now
            self._renew()
