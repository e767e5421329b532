"""Asks an object store about many things at once: each answer takes a round trip."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from jobctl.errors import (
    BadConfigurationError,
    JobctlError,
    LockedError,
    NotPermittedError,
    UnavailableError,
)

T = TypeVar("T")
R = TypeVar("R")
_THREADS = 16  # as many as the object store keeps connections
# What befalls one question befalls all of them.
CONCERNS_ALL = (UnavailableError, NotPermittedError, BadConfigurationError)
# What further jobs would meet as well, once documents are being deleted.
ENDS_WORK = (*CONCERNS_ALL, LockedError)


def in_parallel(ask: Callable[[T], R], items: Sequence[T]) -> list[R | JobctlError]:
    """The answers in order, or why there is none.

    The first is asked alone: a store that does not answer it is not asked about the others.
    """
    first = [_answer(ask, item) for item in items[:1]]
    if not items[1:]:
        return first
    if isinstance(first[0], CONCERNS_ALL):
        return first * len(items)
    return [*first, *_together(ask, items[1:])]


def _together(ask: Callable[[T], R], items: Sequence[T]) -> list[R | JobctlError]:
    """In daemon threads: those of a pool would keep whoever is stopped waiting for the store."""
    from concurrent.futures import Future
    from threading import Thread

    futures: list[Future[R | JobctlError]] = [Future() for _ in items]
    waiting = iter(list(zip(futures, items, strict=True)))

    def work() -> None:
        for future, item in waiting:
            try:
                future.set_result(_answer(ask, item))
            except BaseException as error:  # noqa: BLE001 - raised where the answer is asked for
                future.set_exception(error)

    for _ in range(min(_THREADS, len(items))):
        Thread(target=work, daemon=True).start()
    return [future.result() for future in futures]


def _answer(ask: Callable[[T], R], item: T) -> R | JobctlError:
    try:
        return ask(item)
    except JobctlError as error:
        return error
