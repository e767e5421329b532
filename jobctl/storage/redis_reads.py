"""Reads that are tried again where a connection was lost, with failures in jobctl's terms."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from jobctl.storage.exchange import command, exchange, word
from jobctl.storage.keys import family_of
from jobctl.storage.redis_errors import translated, wrong_type

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")
_log = logging.getLogger(__name__)
_ATTEMPTS = 3

Request = tuple[Any, ...]
"""The words of a command."""

Values = list[str | None]


class RedisReader:
    """*server* names the database in messages."""

    def __init__(self, client: "Redis", *, server: str) -> None:
        self._client: Any = client  # redis-py types every reply as bytes or str
        self._server = server

    def one(self, *request: Any) -> Any:
        return self.ask([request])[0]

    def raw(self, *request: Any) -> Any:
        """The answer as it comes: faster, where it is long."""
        return self._exchange([command(*request)], slice(0))[0]

    def ask(self, requests: Sequence[Request], *, records: slice = slice(0)) -> list[Any]:
        """The answers in order, as redis-py has them; a lost connection is tried again, since
        reading is harmless.

        A wrong type among the answers to *records* is an answer, an exception that is handed
        over; other errors raise.
        """
        answers = self._exchange([command(*request) for request in requests], records)
        meanings = self._client.response_callbacks
        return [
            meanings[request[0]](answer)
            if request[0] in meanings and not isinstance(answer, Exception)
            else answer
            for request, answer in zip(requests, answers, strict=True)
        ]

    def fields(self, keys: Sequence[str], names: Sequence[str]) -> list[Values]:
        """The values of *names* in each of very many *keys*, None for what is absent or not a
        hash."""
        return self.fields_and((), keys, names)[0]

    def fields_and(
        self, request: Request, keys: Sequence[str], names: Sequence[str]
    ) -> tuple[list[Values], Any]:
        """As `fields`, and the raw answer to *request*, which goes out behind them."""
        head = f"*{len(names) + 2}\r\n$5\r\nHMGET\r\n"
        tail = "".join(map(word, names))
        commands = [head + word(key) + tail for key in keys]
        if request:
            commands.append(command(*request))
        answers = self._exchange(commands, slice(len(keys)))
        nothing: Values = [None] * len(names)
        values = [nothing if isinstance(one, Exception) else one for one in answers[: len(keys)]]
        return values, answers[-1] if request else None

    def present(self, keys: Sequence[str], values: Sequence[Values]) -> list[bool]:
        """Which of *keys* exist, whose *values* were read: those that had none of them are asked
        for, since a record may have other fields, or be no hash."""
        bare = [key for key, found in zip(keys, values, strict=True) if not any(found)]
        if not bare:
            return [True] * len(keys)
        answers = self.ask([("EXISTS", key) for key in bare])
        absent = {key for key, found in zip(bare, answers, strict=True) if not found}
        return [key not in absent for key in keys]

    def _exchange(self, commands: Sequence[str], records: slice) -> list[Any]:
        def exchanged() -> list[Any]:
            started = time.monotonic()
            answers = exchange(self._client, commands)
            self._raise_errors(answers, commands, records)
            spent = (time.monotonic() - started) * 1000
            _log.debug("%d replies from %s in %.1f ms", len(answers), self._server, spent)
            return answers

        return asked_again(exchanged, server=self._server)

    def _raise_errors(
        self, answers: Sequence[Any], commands: Sequence[str], records: slice
    ) -> None:
        about_one_record = range(*records.indices(len(answers)))
        for place in [n for n, answer in enumerate(answers) if isinstance(answer, Exception)]:
            of_wrong_type = "WRONGTYPE" in str(answers[place])
            if of_wrong_type and place not in about_one_record:
                key = commands[place].split("\r\n")[4]
                raise wrong_type(self._server, family_of(key)) from answers[place]
            if not of_wrong_type:
                raise answers[place]


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
