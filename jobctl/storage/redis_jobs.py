"""Jobs in Redis: reads in one round trip a page, writes through one script."""

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobctl.domain.job import Job
from jobctl.domain.moments import from_unix
from jobctl.errors import JobctlError
from jobctl.services.ports import (
    Applied,
    Entry,
    JobRecord,
    Mutation,
    Position,
    Reading,
)
from jobctl.storage.codec import decode, unreadable
from jobctl.storage.keys import Keys, wire
from jobctl.storage.redis_errors import translated
from jobctl.storage.redis_mutation import MutationScript

if TYPE_CHECKING:
    from redis import Redis

_log = logging.getLogger(__name__)
_Request = tuple[Any, ...]  # the words of a command
_QUEUE_PAGE = 500
_READ_ATTEMPTS = 3


class RedisJobStore:
    """`JobStore` on one Redis or Valkey database. *server* names it in messages."""

    def __init__(self, client: "Redis", *, keys: Keys, server: str) -> None:
        self._client: Any = client  # redis-py types every reply as bytes or str
        self._keys = keys
        self._server = server
        self._mutate = MutationScript(client, keys=keys, server=server)

    def close(self) -> None:
        self._client.close()

    def read(self, job_ids: Sequence[str]) -> Reading:
        requests: list[_Request] = [("TIME",)]
        for job_id in job_ids:
            key, member = wire(self._keys.job(job_id)), wire(job_id)
            requests += [
                ("HGETALL", key),
                ("TTL", key),
                ("ZSCORE", self._keys.index, member),
                ("ZSCORE", self._keys.deadlines, member),
            ]
        now, *answers = self._ask(requests, records=slice(1, None, 4))
        records = tuple(
            self._record(job_id, *answers[4 * place : 4 * place + 4])
            for place, job_id in enumerate(job_ids)
        )
        return Reading(now=_clock(now), records=records)

    def _record(
        self,
        job_id: str,
        stored: Any,
        ttl: int,
        score: float | None,
        deadline: float | None,
    ) -> JobRecord | None:
        job = _job(job_id, stored)
        if job is None:
            return None
        return JobRecord(
            job=job,
            ttl=timedelta(seconds=ttl) if ttl >= 0 else None,
            indexed_at=None if score is None else from_unix(score),
            deadline=None if deadline is None else from_unix(deadline),
        )

    def find(self, prefix: str) -> Sequence[str]:
        if self._one("ZSCORE", self._keys.index, wire(prefix)) is not None:
            return (prefix,)
        found: dict[str, None] = {}
        cursor = 0
        while True:
            cursor, members = self._one(
                "ZSCAN", self._keys.index, cursor, "MATCH", f"{prefix}*", "COUNT", 1000
            )
            found |= dict.fromkeys(member for member, _score in members)
            if cursor == 0 or len(found) > 1:
                return tuple(found)[:2]

    def total(self, *, since: datetime | None = None, until: datetime | None = None) -> int:
        return int(self._one("ZCOUNT", self._keys.index, *_bounds(since, until)))

    def walk(
        self,
        *,
        since: datetime | None,
        until: datetime | None,
        after: Position | None,
        page_size: int,
    ) -> Iterator[Sequence[Entry]]:
        lowest, highest = _bounds(since, until)
        if after is not None and until is not None and after.score >= until.timestamp():
            after = None
        places, seen_at_score = self._first_places(highest, lowest, after, page_size)
        score = places[0].score if places else 0.0
        while places:
            last = places[-1]
            tied = sum(place.score == last.score for place in places)
            seen_at_score = seen_at_score + tied if last.score == score else tied
            score = last.score

            requests: list[_Request] = [
                ("HGETALL", wire(self._keys.job(place.job_id))) for place in places
            ]
            offset = seen_at_score - 1  # so that the answer begins with *last*
            requests.append(self._places(repr(last.score), lowest, offset, page_size + 1))
            *stored, following = self._ask(requests, records=slice(0, len(places)))
            yield [
                Entry(position=place, job=_job(place.job_id, fields))
                for place, fields in zip(places, stored, strict=True)
            ]
            found = _positions(following)
            if found and found[0] == last:
                places = found[1:]
            else:
                # Members with the same score have moved meanwhile.
                places, seen_at_score = self._search_behind(last, lowest, page_size)

    def _first_places(
        self, highest: str, lowest: str, after: Position | None, page_size: int
    ) -> tuple[Sequence[Position], int]:
        if after is not None:
            return self._search_behind(after, lowest, page_size)
        return _positions(self._one(*self._places(highest, lowest, 0, page_size))), 0

    def _search_behind(
        self, last: Position, lowest: str, page_size: int
    ) -> tuple[Sequence[Position], int]:
        """The next places behind *last*, wherever it is among those with an equal score, and how
        many of its score come before them."""
        count = page_size + 1
        while True:
            found = _positions(self._one(*self._places(repr(last.score), lowest, 0, count)))
            behind = [place for place in found if _order(place) < _order(last)]
            if behind or len(found) < count:
                passed = len(found) - len(behind)
                same = bool(behind) and behind[0].score == last.score
                return behind[:page_size], passed if same else 0
            count *= 2

    def _places(self, highest: str, lowest: str, offset: int, count: int) -> _Request:
        limit = ("LIMIT", offset, count)
        return ("ZREVRANGEBYSCORE", self._keys.index, highest, lowest, "WITHSCORES", *limit)

    def queue_entries(self, job_id: str) -> Sequence[str]:
        return tuple(
            entry
            for queue in (self._keys.approval_queue, self._keys.processing_queue)
            for entry in self._pages_of(queue)
            if job_id in entry and _belongs_to(entry, job_id)
        )

    def _pages_of(self, queue: str) -> Iterator[str]:
        start = 0
        while True:
            page: list[str] = self._one("LRANGE", queue, start, start + _QUEUE_PAGE - 1)
            yield from page
            if len(page) < _QUEUE_PAGE:
                return
            start += _QUEUE_PAGE

    def unreadable(self, fields: Mapping[str, object]) -> Sequence[str]:
        return unreadable(fields)

    def apply(self, mutation: Mutation) -> Applied:
        (outcome,) = self.apply_all([mutation])
        if isinstance(outcome, Applied):
            return outcome
        raise outcome

    def apply_all(self, mutations: Sequence[Mutation]) -> Sequence[Applied | JobctlError]:
        return self._mutate.apply_all(mutations)

    def _one(self, *request: Any) -> Any:
        return self._ask([request])[0]

    def _ask(self, requests: Sequence[_Request], *, records: slice = slice(0)) -> list[Any]:
        """One round trip of reads; a lost connection is tried again, since reading is harmless.

        A wrong type among the answers to *records* is an answer, see `_job`; other errors raise.
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


def _job(job_id: str, stored: Any) -> Job | None:
    """The job that HGETALL answered with: None for no record, an unreadable one for an error."""
    if isinstance(stored, Exception):
        return Job(id=job_id, problems=("the record is not a hash",))
    return decode(job_id, stored) if stored else None


def _bounds(since: datetime | None, until: datetime | None) -> tuple[str, str]:
    """Score bounds: *since* inclusive, *until* exclusive."""
    lowest = "-inf" if since is None else repr(since.timestamp())
    return lowest, "+inf" if until is None else f"({until.timestamp()!r}"


def _clock(answer: tuple[int, int]) -> datetime:
    seconds, microseconds = answer
    return from_unix(seconds).replace(microsecond=microseconds)


def _positions(answer: Sequence[str]) -> list[Position]:
    """Members and scores in turn, as WITHSCORES has them."""
    pairs = zip(answer[::2], answer[1::2], strict=True)
    return [Position(score=float(score), job_id=member) for member, score in pairs]


def _order(place: Position) -> tuple[float, bytes]:
    """The order of a sorted set: by score, then by the bytes of the member."""
    return place.score, place.job_id.encode("utf-8", "surrogateescape")


def _belongs_to(entry: str, job_id: str) -> bool:
    try:
        parsed = json.loads(entry)
    except (ValueError, RecursionError):
        return False
    return isinstance(parsed, dict) and parsed.get("job_id") == job_id
