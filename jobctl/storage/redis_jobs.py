"""Jobs in Redis: reads in one round trip a page, writes through one script."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Any

from jobctl.domain.job import NOT_A_HASH, Job
from jobctl.domain.moments import from_unix
from jobctl.domain.status import JobStatus
from jobctl.errors import JobctlError
from jobctl.services.ports import (
    Admission,
    Applied,
    Entry,
    Glimpse,
    JobRecord,
    LastOperation,
    Mutation,
    Position,
    QueueEntry,
    Reading,
    Token,
    TokenHolder,
)
from jobctl.storage.brief_records import BRIEF, MEANING, brief_record, meaning
from jobctl.storage.codec import decode, unreadable
from jobctl.storage.keys import Keys
from jobctl.storage.redis_index import IndexPages, bounds
from jobctl.storage.redis_mutation import MutationScript
from jobctl.storage.redis_queues import QueueReader
from jobctl.storage.redis_reads import RedisReader, Request
from jobctl.storage.redis_refusals import admitted
from jobctl.storage.redis_scan import scanned_ids

if TYPE_CHECKING:
    from redis import Redis


_GLIMPSES = 1_000
_LAST_OPERATION = ("jobctl_op", "status", "created_at")
_SCORES = 500  # at once: others wait meanwhile
_NO_KEY = -2  # as TTL has it
_GLIMPSED = Glimpse._fields[3:]


class RedisJobStore:
    """`JobStore` on one Redis or Valkey database. *server* names it in messages."""

    def __init__(self, client: "Redis", *, keys: Keys, server: str) -> None:
        self._client = client
        self._keys = keys
        self._server = server
        self._reads = RedisReader(client, server=server)
        self._mutate = MutationScript(client, keys=keys, server=server)

    def close(self) -> None:
        self._client.close()

    def read(self, job_ids: Sequence[str], *, brief: bool = False) -> Reading:
        requests: list[Request] = [("TIME",)]
        for job_id in job_ids:
            key = self._keys.job(job_id)
            requests += [("HMGET", key, *BRIEF) if brief else ("HGETALL", key), ("TTL", key)]
        sets = (self._keys.index, self._keys.deadlines)
        for start in range(0, len(job_ids), _SCORES):
            some = job_ids[start : start + _SCORES]
            requests += [("ZMSCORE", key, *some) for key in sets]
        last = 1 + 2 * len(job_ids)
        answers = self._reads.ask(requests, records=slice(1, last, 2))
        scores, deadlines = chain(*answers[last::2]), chain(*answers[last + 1 :: 2])
        records = tuple(
            self._record(*one)
            for one in zip(
                job_ids, answers[1:last:2], answers[2:last:2], scores, deadlines, strict=True
            )
        )
        return Reading(now=_clock(answers[0]), records=records)

    def _record(
        self,
        job_id: str,
        stored: Any,
        ttl: int,
        score: float | None,
        deadline: float | None,
    ) -> JobRecord | None:
        if ttl == _NO_KEY:
            return None
        # A brief look may find none of its fields in a record that is there.
        is_brief = isinstance(stored, list)
        job = decode(job_id, brief_record(stored)) if is_brief else _job(job_id, stored)
        if job is None:
            return None
        return JobRecord(
            job=job,
            ttl=timedelta(seconds=ttl) if ttl >= 0 else None,
            indexed_at=None if score is None else from_unix(score),
            deadline=None if deadline is None else from_unix(deadline),
        )

    def find(self, prefix: str) -> Sequence[str]:
        if self._reads.one("ZSCORE", self._keys.index, (prefix)) is not None:
            return (prefix,)
        found: dict[str, None] = {}
        cursor = 0
        while True:
            cursor, members = self._reads.one(
                "ZSCAN", self._keys.index, cursor, "MATCH", f"{prefix}*", "COUNT", 1000
            )
            found |= dict.fromkeys(member for member, _score in members)
            if cursor == 0 or len(found) > 1:
                return tuple(found)[:2]

    def total(self, *, since: datetime | None = None, until: datetime | None = None) -> int:
        return int(self._reads.one("ZCOUNT", self._keys.index, *bounds(since, until)))

    def walk(
        self,
        *,
        since: datetime | None,
        until: datetime | None,
        after: Position | None,
        page_size: int,
        status: Callable[[str | None], bool] | None = None,
    ) -> Iterator[Sequence[Entry]]:
        if status is not None:
            yield from self._sifted(self._glimpsed(since, until, after), status, page_size)
            return
        pages = self._pages(since, until, after, page_size)
        places = pages.first()
        while places:
            requests = [self._whole(place.job_id) for place in places]
            *stored, following = self._reads.ask(
                [*requests, pages.request()], records=slice(0, len(places))
            )
            yield [
                Entry(position=place, job=_job(place.job_id, fields))
                for place, fields in zip(places, stored, strict=True)
            ]
            places = pages.take(following)

    def _sifted(
        self,
        glimpsed: Iterable[Sequence[Glimpse]],
        wanted: Callable[[str | None], bool],
        page_size: int,
    ) -> Iterator[Sequence[Entry]]:
        """Those that are wanted, each read whole; and those whose records have expired."""
        for page in glimpsed:
            chosen = [one for one in page if one.is_expired or wanted(one.status)]
            for start in range(0, len(chosen), page_size):
                some = chosen[start : start + page_size]
                requests = [self._whole(one.job_id) for one in some]
                stored = self._reads.ask(requests, records=slice(0, len(some)))
                yield [
                    Entry(position=Position(one.score, one.job_id), job=_job(one.job_id, fields))
                    for one, fields in zip(some, stored, strict=True)
                ]

    def _whole(self, job_id: str) -> Request:
        return ("HGETALL", self._keys.job(job_id))

    def _pages(
        self, since: datetime | None, until: datetime | None, after: Position | None, size: int
    ) -> IndexPages:
        return IndexPages(
            self._keys.index,
            self._reads.one,
            since=since,
            until=until,
            after=after,
            page_size=size,
        )

    def glimpse(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Sequence[Glimpse]]:
        return self._glimpsed(since, until, None)

    def _glimpsed(
        self, since: datetime | None, until: datetime | None, after: Position | None
    ) -> Iterator[Sequence[Glimpse]]:
        pages = self._pages(since, until, after, _GLIMPSES)
        places = pages.first()
        while places:
            keys = [self._keys.job(place.job_id) for place in places]
            stored, following = self._reads.fields_and(pages.request(), keys, _GLIMPSED)
            present = self._reads.present(keys, stored)
            yield [
                Glimpse(place.job_id, place.score, exists, *values)
                for place, values, exists in zip(places, stored, present, strict=True)
            ]
            places = pages.take(following)

    def meanings(self, job_ids: Sequence[str]) -> Sequence[JobStatus | None]:
        keys = [self._keys.job(one) for one in job_ids]
        return [meaning(*values) for values in self._reads.fields(keys, MEANING)]

    def peek(self, job_ids: Sequence[str]) -> Sequence[Glimpse]:
        keys = [self._keys.job(one) for one in job_ids]
        stored = self._reads.fields(keys, _GLIMPSED)
        present = self._reads.present(keys, stored)
        index = self._keys.index
        found = self._reads.ask([("ZSCORE", index, job_id) for job_id in job_ids])
        return [
            Glimpse(job_id, -inf if score is None else float(score), exists, *values)
            for job_id, score, values, exists in zip(job_ids, found, stored, present, strict=True)
        ]

    def document_keys(self) -> Iterator[Sequence[tuple[str, str]]]:
        for job_ids in scanned_ids(self._keys, self._reads):
            stored = self._reads.fields([self._keys.job(one) for one in job_ids], ("s3_key",))
            yield [(job_id, key) for job_id, (key,) in zip(job_ids, stored, strict=True) if key]

    def last_operations(self, job_ids: Sequence[str]) -> Sequence[LastOperation | None]:
        keys = [self._keys.job(one) for one in job_ids]
        return [
            LastOperation(op_id or "", status, created_at)
            if op_id or status or created_at
            else None
            for op_id, status, created_at in self._reads.fields(keys, _LAST_OPERATION)
        ]

    def raw_records(self, job_ids: Sequence[str]) -> Sequence[Mapping[str, str]]:
        requests: list[Request] = [("HGETALL", (self._keys.job(one))) for one in job_ids]
        return self._reads.ask(requests)

    def queue_entries(self, job_ids: Iterable[str]) -> Mapping[str, Sequence[QueueEntry]]:
        return QueueReader(self._keys, self._reads.one).entries_of(job_ids)

    def newest_queue_entries(self, job_ids: Iterable[str]) -> Mapping[str, Sequence[QueueEntry]]:
        return QueueReader(self._keys, self._reads.one).entries_of(job_ids, newest=True)

    def token_holder(self, token: Token) -> TokenHolder | None:
        key = self._keys.token(token)
        job_id, ttl = self._reads.ask([("GET", (key)), ("TTL", (key))])
        if job_id is None:
            return None
        return TokenHolder(job_id=job_id, ttl=timedelta(seconds=ttl) if ttl >= 0 else None)

    def unreadable(self, fields: Mapping[str, object]) -> Sequence[str]:
        return unreadable(fields)

    def apply(self, mutation: Mutation) -> Applied:
        (outcome,) = self.apply_all([mutation])
        if isinstance(outcome, Applied):
            return outcome
        raise outcome

    def apply_all(self, mutations: Sequence[Mutation]) -> Sequence[Applied | JobctlError]:
        return self._mutate.apply_all(mutations)

    def admit_refusals(self, wanted: int, *, at_most: int) -> Admission:
        return admitted(self._client, wanted, at_most=at_most, keys=self._keys, server=self._server)


def _job(job_id: str, stored: Any) -> Job | None:
    """The job that HGETALL answered with: None for no record, an unreadable one for an error."""
    if isinstance(stored, Exception):
        return Job(id=job_id, problems=(NOT_A_HASH,))
    return decode(job_id, stored) if stored else None


def _clock(answer: tuple[int, int]) -> datetime:
    seconds, microseconds = answer
    return from_unix(seconds).replace(microsecond=microseconds)
