"""Walks the index from the newest change back, in pages, while others write to it."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from jobctl.services.ports import Position
from jobctl.storage.redis_reads import Request


class IndexPages:
    """`first`, then `take` with the answer to `request`, until there are no places.

    Places go by score, not by rank: jobs move while one reads. Ids with equal scores are neither
    lost nor repeated. *ask* sends the words of one command and returns its answer.
    """

    def __init__(
        self,
        key: str,
        ask: Callable[..., Any],
        *,
        since: datetime | None,
        until: datetime | None,
        after: Position | None = None,
        page_size: int,
    ) -> None:
        self._key = key
        self._ask = ask
        self._lowest, self._highest = bounds(since, until)
        self._page_size = page_size
        beyond = after is not None and until is not None and after.score >= until.timestamp()
        self._after = None if beyond else after
        self._last = Position(score=0.0, job_id="")
        self._passed = 0  # of the last place's score, itself included

    def first(self) -> Sequence[Position]:
        if self._after is not None:
            return self._search_behind(self._after)
        found = positions(self._ask(*self._places(self._highest, 0, self._page_size)))
        return self._note(found, 0)

    def request(self) -> Request:
        """Asks for the next places, and for the last one before them to tell where they are."""
        return self._places(repr(self._last.score), self._passed - 1, self._page_size + 1)

    def take(self, answer: Any) -> Sequence[Position]:
        found = positions(answer)
        if found and found[0] == self._last:
            return self._note(found[1:], self._passed)
        # Members with the same score have moved meanwhile.
        return self._search_behind(self._last)

    def _search_behind(self, last: Position) -> Sequence[Position]:
        """The next places behind *last*, wherever it is among those with an equal score."""
        count = self._page_size + 1
        while True:
            found = positions(self._ask(*self._places(repr(last.score), 0, count)))
            behind = [place for place in found if _order(place) < _order(last)]
            if behind or len(found) < count:
                passed = len(found) - len(behind)
                self._last = last
                return self._note(behind[: self._page_size], passed)
            count *= 2

    def _note(self, places: Sequence[Position], passed: int) -> Sequence[Position]:
        """Remember where *places* end; *passed* have the score of the place before them."""
        if places:
            before, self._last = self._last, places[-1]
            tied = _tied(places)
            self._passed = passed + tied if self._last.score == before.score else tied
        return places

    def _places(self, highest: str, offset: int, count: int) -> Request:
        limit = ("LIMIT", offset, count)
        return ("ZREVRANGEBYSCORE", self._key, highest, self._lowest, "WITHSCORES", *limit)


def _tied(places: Sequence[Position]) -> int:
    """How many at the end have one score."""
    score, tied = places[-1].score, 0
    for place in reversed(places):
        if place.score != score:
            break
        tied += 1
    return tied


def bounds(since: datetime | None, until: datetime | None) -> tuple[str, str]:
    """Score bounds: *since* inclusive, *until* exclusive."""
    lowest = "-inf" if since is None else repr(since.timestamp())
    return lowest, "+inf" if until is None else f"({until.timestamp()!r}"


def positions(answer: Sequence[str]) -> list[Position]:
    """Members and scores in turn, as WITHSCORES has them."""
    return list(map(Position, map(float, answer[1::2]), answer[::2]))


def _order(place: Position) -> tuple[float, bytes]:
    """The order of a sorted set: by score, then by the bytes of the member."""
    return place.score, place.job_id.encode("utf-8", "surrogateescape")
