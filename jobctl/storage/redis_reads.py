"""Reads that are tried again where a connection was lost, with failures in jobctl's terms."""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jobctl.storage.redis_errors import translated

if TYPE_CHECKING:
    from redis import Redis

_log = logging.getLogger(__name__)
_READ_ATTEMPTS = 3

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
        from redis import exceptions

        for attempt in range(_READ_ATTEMPTS):
            with translated(self._server):
                pipe = self._client.pipeline(transaction=False)
                for request in requests:
                    pipe.execute_command(*request)
                started = time.monotonic()
                try:
                    answers: list[Any] = pipe.execute(raise_on_error=False)
                except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                    passing = type(error) in (
                        exceptions.ConnectionError,
                        exceptions.BusyLoadingError,
                    )
                    if not passing or attempt + 1 == _READ_ATTEMPTS:
                        raise
                else:
                    _raise_errors(answers, records)
                    spent = (time.monotonic() - started) * 1000
                    _log.debug("%d replies from %s in %.1f ms", len(answers), self._server, spent)
                    return answers
            time.sleep(0.05 * 4**attempt)
        raise AssertionError("unreachable")


def _raise_errors(answers: Sequence[Any], records: slice) -> None:
    about_one_record = range(*records.indices(len(answers)))
    for place, answer in enumerate(answers):
        tolerated = place in about_one_record and "WRONGTYPE" in str(answer)
        if isinstance(answer, Exception) and not tolerated:
            raise answer
