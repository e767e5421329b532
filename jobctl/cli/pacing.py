"""Keeps a long command to its rate, keeps its lease, and says on a terminal how far it is."""

import sys
import time

from jobctl.cli.context import Session

_REFRESH_SECONDS = 0.1
_RENEW_SECONDS = 20.0
_CLEAR = "\r\x1b[K"


class Pacing:
    """Called with how many are done; *total* is how many there may be."""

    def __init__(self, session: Session, *, rate: float | None, total: int, noun: str) -> None:
        self._session = session
        self._rate = rate
        self._total = total
        self._noun = noun
        self._shows = sys.stderr.isatty() and not session.quiet
        self._started = self._renewed = time.monotonic()
        self._drawn = 0.0

    def __call__(self, done: int) -> None:
        self._show(done)
        while self._rate and done / self._rate > time.monotonic() - self._started:
            self._renew()
            left = done / self._rate - (time.monotonic() - self._started)
            time.sleep(max(0.0, min(0.5, left)))  # renewing may have taken all of it
        self._renew()

    def close(self) -> None:
        if self._drawn:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
            self._drawn = 0.0

    def _renew(self) -> None:
        if time.monotonic() - self._renewed > _RENEW_SECONDS:
            self._renewed = time.monotonic()
            for lease in self._session.leases:
                lease.renew()

    def _show(self, done: int) -> None:
        now = time.monotonic()
        if self._shows and now - self._drawn > _REFRESH_SECONDS:
            self._drawn = now
            share = f"  {min(1.0, done / self._total):.0%}" if self._total else ""
            sys.stderr.write(f"{_CLEAR}{done:,} {self._noun}s{share}")
            sys.stderr.flush()
