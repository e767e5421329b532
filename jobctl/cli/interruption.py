"""Ctrl-C in the middle of many jobs: the first ends the work in good order, the second at once."""

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import Any

from jobctl.errors import ExitCode

_EXIT_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


class Interruption:
    """Remembers the first SIGINT or SIGTERM instead of acting on it, and lets the next one act.

    Called, it says which exit code that signal stands for; None while there was none. *announced*
    says on stderr that the work is being finished.
    """

    def __init__(self, *, announced: bool) -> None:
        self._announced = announced
        self._exit_code: ExitCode | None = None
        self._before: dict[signal.Signals, Any] = {
            number: signal.signal(number, self._remember)
            for number in _EXIT_CODES
            if signal.getsignal(number) is not signal.SIG_IGN  # as `nohup` and `&` have it
        }

    def __call__(self) -> ExitCode | None:
        return self._exit_code

    def close(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        self._exit_code = _EXIT_CODES[signal.Signals(number)]
        self.close()
        if not self._announced:
            return
        with suppress(OSError):  # nobody may be reading any more
            os.write(2, b"\njobctl: finishing what is under way; once more stops at once\n")
