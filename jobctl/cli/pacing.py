"""The pace of a long command that prints nothing before its end: rate, lease and progress."""

import sys

from jobctl.cli.context import Session
from jobctl.services.ports import Lease
from jobctl.services.throttle import Throttle

_RENEW_SECONDS = 20.0


class Pacing:
    """Called with how many records are done; *total* is how many there may be. A signal is told
    of by `interrupted`, and ends a wait at once."""

    def __init__(
        self,
        session: Session,
        *,
        rate: float | None,
        lease: Lease | None,
        total: int,
    ) -> None:
        from jobctl.render.progress import ProgressLine

        renew = lease.renew if lease else lambda: None
        self.interrupted = session.interruption()
        self._throttle = Throttle(
            rate,
            renew=renew,
            every=_RENEW_SECONDS,
            stopped=lambda: self.interrupted() is not None,
        )
        self._total = total
        shows = sys.stderr.isatty() and not session.quiet
        self._line = ProgressLine(sys.stderr) if shows else None

    def __call__(self, done: int) -> None:
        if self._line:
            self._line.draw(done, self._total, "record")
        self._throttle.wait(done)

    def close(self) -> None:
        if self._line:
            self._line.clear()
