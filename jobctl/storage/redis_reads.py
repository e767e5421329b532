"""Reads that are tried again where a connection was lost, with failures in jobctl's terms."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from jobctl.storage.redis_errors import translated

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ATTEMPTS = 3

Request = tuple[Any, ...]
"""The words of a command."""


class RedisReader:
    """*server* names the database in messages."""

    def __init__(self, client: "Redis", *, server: str) -> None:
        self._client: Any = client  # redis-py types every reply as bytes or str
        self._server = server

    def one(self, *request: Any) -> Any:
        return self.ask([request])[0]

    def ask(self, requests: Sequence[Request], *, records: slice = slice(0)) -> list[Any]:
        """One round trip of reads; a lost connection is tried again, since reading is harmless.

        A wrong type among the answers to *records* is an answer, an exception that is handed
        over; other errors raise.
        """
        return asked_again(lambda: self._asked(requests, records), server=self._server)

    def _asked(self, requests: Sequence[Request], records: slice) -> list[Any]:
        pipe = self._client.pipeline(transaction=False)
        for request in requests:
            pipe.execute_command(*request)
        started = time.monotonic()
        answers: list[Any] = pipe.execute(raise_on_error=False)
        _raise_errors(answers, records)
        spent = (time.monotonic() - started) * 1000
        _log.debug("%d replies from %s in %.1f ms", len(answers), self._server, spent)
        return answers


def asked_again(question: Callable[[], T], *, server: str) -> T:
    """The answer to *question*, which is harmless to repeat: a lost connection is tried again."""
    from redis import exceptions

    passing = (exceptions.ConnectionError, exceptions.BusyLoadingError)
    for attempt in range(1, _ATTEMPTS + 1):
        with translated(server):
            try:
                return question()
            except exceptions.ConnectionError as error:
                # Its subclasses are refusals, which stay as they are.
                if type(error) not in passing or attempt == _ATTEMPTS:
                    raise
        time.sleep(0.0125 * 4**attempt)
    raise AssertionError("unreachable")


def _raise_errors(answers: Sequence[Any], records: slice) -> None:
    about_one_record = range(*records.indices(len(answers)))
    for place, answer in enumerate(answers):
        tolerated = place in about_one_record and "WRONGTYPE" in str(answer)
        if isinstance(answer, Exception) and not tolerated:
            raise answer
