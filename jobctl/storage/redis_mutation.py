"""Applies mutations through `lua/mutate.lua`, exactly once each.

A change is safe to repeat for two reasons that hold each other up: its audit record is written
in the same atomic step, so its operation id tells whether it happened; and the script writes
only while the audit head is the one that was seen, so an attempt that is still on its way when
the next one is sent cannot take effect as well.

Several mutations go out in one round trip, their audit records chained in advance. Where one is
refused or somebody else was faster, those behind it are chained anew and sent again.
"""

import logging
import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jobctl.domain.audit import AuditHead, AuditRecord
from jobctl.errors import ConflictError, JobctlError, OutcomeUnknownError
from jobctl.services.ports import Applied, Mutation
from jobctl.storage.keys import Keys, wire
from jobctl.storage.mutation_protocol import (
    arguments,
    concerns_all,
    head_from,
    keys_of,
    record_of,
    refusal,
)
from jobctl.storage.redis_errors import describe, translated
from jobctl.storage.scripts import digest, source

if TYPE_CHECKING:
    from redis import Redis

_log = logging.getLogger(__name__)
_CONTENTION_SECONDS = 30.0
_RECOVERY_SECONDS = 8.0
_AUDIT_PAGE = 500


class _RepliesLostError(Exception):
    """The requests may have been executed."""


class MutationScript:
    def __init__(self, client: "Redis", *, keys: Keys, server: str) -> None:
        self._client: Any = client  # redis-py types every reply as bytes or str or None
        self._keys = keys
        self._server = server
        self._head: AuditHead | None = None

    def apply_all(self, mutations: Sequence[Mutation]) -> list[Applied | JobctlError]:
        """See `JobStore.apply_all`."""
        if self._head is None:
            self._head = self._read_head()  # may raise: nothing has been changed yet
        return _Round(self, mutations, self._head).run()

    def send(
        self, batch: Sequence[tuple[Mutation, AuditRecord, AuditHead]]
    ) -> list[Sequence[str] | Exception]:
        """The script's answer or Redis' error for each, in one round trip."""
        from redis import exceptions

        with translated(self._server):
            try:
                answers = self._execute(batch)
                if any(isinstance(answer, exceptions.NoScriptError) for answer in answers):
                    self._client.script_load(source("mutate"))
                    answers = self._execute(batch)
            except (exceptions.BusyLoadingError, exceptions.AuthenticationError):
                raise
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                raise _RepliesLostError from error
        return answers

    def _execute(
        self, batch: Sequence[tuple[Mutation, AuditRecord, AuditHead]]
    ) -> list[Sequence[str] | Exception]:
        pipe = self._client.pipeline(transaction=False)
        for mutation, record, head in batch:
            keys = keys_of(mutation, self._keys)
            args = arguments(mutation, record, head)
            pipe.evalsha(digest("mutate"), len(keys), *map(wire, keys), *map(wire, args))
        answers: list[Sequence[str] | Exception] = pipe.execute(raise_on_error=False)
        return answers

    def translate(self, error: Exception) -> JobctlError:
        from redis import exceptions

        if isinstance(error, exceptions.RedisError):
            return describe(error, self._server)
        raise error

    def concerns_all(self, answer: Sequence[str], mutation: Mutation) -> bool:
        return concerns_all(answer, mutation, self._keys)

    def refusal(self, answer: Sequence[str], mutation: Mutation) -> JobctlError:
        return refusal(answer, mutation, self._server)

    def remember(self, head: AuditHead) -> None:
        self._head = head

    def _read_head(self) -> AuditHead:
        with translated(self._server):
            return _newest(self._client.xrevrange(self._keys.audit, count=1))

    def applied_since(self, seq: int, wanted: Sequence[Mutation]) -> dict[str, Applied]:
        """Which of *wanted* have an audit record behind *seq*, by operation id."""
        op_ids = {mutation.op_id for mutation in wanted}
        found: dict[str, Applied] = {}
        start = f"({seq}-0"
        while True:
            page = self._ask_until_answered(wanted[0], start)
            for entry_id, fields in page:
                op_id = fields.get("op_id")
                if op_id in op_ids:
                    place = int(entry_id.partition("-")[0])
                    found[op_id] = Applied(op_id=op_id, audit_seq=place, replayed=True)
            if len(page) < _AUDIT_PAGE:
                return found
            start = f"({page[-1][0]}"

    def recovered_head(self, mutation: Mutation) -> AuditHead:
        return _newest(self._ask_until_answered(mutation, None))

    def _ask_until_answered(self, mutation: Mutation, start: str | None) -> list[Any]:
        from redis import exceptions

        give_up = time.monotonic() + _RECOVERY_SECONDS
        while True:
            try:
                return self._audit_page(start)
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                refused = isinstance(error, exceptions.AuthenticationError)
                if refused or time.monotonic() > give_up:
                    raise OutcomeUnknownError(
                        f"job {mutation.job_id}: the connection to Redis at {self._server} was "
                        f"lost; whether operation {mutation.op_id} ({mutation.action}) took "
                        "effect is unknown",
                        op_id=mutation.op_id,
                        job_id=mutation.job_id,
                    ) from error
                time.sleep(0.2)
            except exceptions.RedisError as error:
                raise describe(error, self._server) from error

    def _audit_page(self, start: str | None) -> list[Any]:
        """A page of the audit trail from *start* (None: its newest entry)."""
        if start is None:
            newest: list[Any] = self._client.xrevrange(self._keys.audit, count=1)
            return newest
        page: list[Any] = self._client.xrange(self._keys.audit, start, "+", _AUDIT_PAGE)
        return page


class _Round:
    """One call of `apply_all`: sends what is waiting until each mutation has its outcome."""

    def __init__(
        self, script: MutationScript, mutations: Sequence[Mutation], head: AuditHead
    ) -> None:
        self._script = script
        self._mutations = mutations
        self._first = self._head = head
        self._outcomes: dict[int, Applied | JobctlError] = {}
        self._lost = False

    def run(self) -> list[Applied | JobctlError]:
        give_up = time.monotonic() + _CONTENTION_SECONDS
        attempts = 0
        while waiting := self._waiting():
            if time.monotonic() > give_up:
                self._abandon(waiting)
                break
            before = len(waiting)
            try:
                self._attempt(waiting)
            except OutcomeUnknownError:
                raise
            except JobctlError as error:
                self._stop(error)
                break
            except _RepliesLostError:
                _log.info("replies to operations were lost, looking for them: %d", before)
                self._lost = True
                self._head = self._script.recovered_head(self._mutations[waiting[0]])
            if self._lost:
                self._find_applied()
            # Whoever lost a few races steps back at random, so that a crowd gets through.
            attempts = attempts + 1 if len(self._waiting()) == before else 0
            time.sleep(random.uniform(0, 0.002 * min(attempts, 16)))  # noqa: S311 - no secret
        self._script.remember(self._head)
        return [self._outcomes[place] for place in range(len(self._mutations))]

    def _waiting(self) -> list[int]:
        return [place for place in range(len(self._mutations)) if place not in self._outcomes]

    def _attempt(self, waiting: Sequence[int]) -> None:
        batch = []
        head = self._head
        for place in waiting:
            record = record_of(self._mutations[place], head)
            batch.append((self._mutations[place], record, head))
            head = AuditHead(seq=record.seq, hash=record.digest(), at=record.at)
        answers = self._script.send(batch)
        for place, (_, record, _), answer in zip(waiting, batch, answers, strict=True):
            if isinstance(answer, Exception):
                self._stop(self._script.translate(answer))
                return
            self._take(place, record, answer)

    def _take(self, place: int, record: AuditRecord, answer: Sequence[str]) -> None:
        mutation = self._mutations[place]
        if answer[0] == "OK":
            _log.info(
                "%s of job %s applied as operation %s, audit record %d",
                mutation.action,
                mutation.job_id,
                mutation.op_id,
                record.seq,
            )
            self._head = AuditHead(seq=record.seq, hash=record.digest(), at=record.at)
            self._outcomes[place] = Applied(op_id=mutation.op_id, audit_seq=record.seq)
        elif answer[0] == "HEAD":
            self._head = head_from(answer[1], answer[2], answer[3])
        else:
            self._outcomes[place] = self._earlier(mutation, answer) or self._script.refusal(
                answer, mutation
            )
            if self._script.concerns_all(answer, mutation):
                self._stop(self._outcomes[place])

    def _earlier(self, mutation: Mutation, answer: Sequence[str]) -> Applied | None:
        """Our own attempt whose reply was lost, if that is why this one was refused."""
        if not self._lost and answer[0] != "REPLAYED":
            return None
        since = 0 if answer[0] == "REPLAYED" else self._first.seq
        return self._script.applied_since(since, [mutation]).get(mutation.op_id)

    def _find_applied(self) -> None:
        """Settle what took effect up to the head that is known. An attempt that takes effect
        later moves the head, so the next one is refused and we look again."""
        waiting = self._waiting()
        if not waiting:
            return
        wanted = [self._mutations[place] for place in waiting]
        found = self._script.applied_since(self._first.seq, wanted)
        for place, mutation in zip(waiting, wanted, strict=True):
            if mutation.op_id in found:
                self._outcomes[place] = found[mutation.op_id]

    def _stop(self, outcome: Applied | JobctlError) -> None:
        """What no mutation can succeed against is not tried once for each of them."""
        for place in self._waiting():
            self._outcomes[place] = outcome

    def _abandon(self, waiting: Sequence[int]) -> None:
        for place in waiting:
            job_id = self._mutations[place].job_id
            self._outcomes[place] = ConflictError(
                f"job {job_id}: too many writers at once, gave up after "
                f"{_CONTENTION_SECONDS:.0f} s; nothing was changed",
                hint="run the command again",
                job_id=job_id,
            )


def _newest(entries: Sequence[tuple[str, dict[str, str]]]) -> AuditHead:
    if not entries:
        return AuditHead()
    entry_id, fields = entries[0]
    return head_from(entry_id, fields.get("hash", ""), fields.get("at", ""))
