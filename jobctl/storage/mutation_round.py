"""Brings mutations to their outcomes: chained, sent in bursts, looked up after a lost reply."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from jobctl.domain.audit import AuditHead, AuditRecord
from jobctl.errors import ConflictError, JobctlError
from jobctl.services.ports import Applied, Mutation
from jobctl.storage.mutation_protocol import head_from, record_of

_log = logging.getLogger(__name__)
_CONTENTION_SECONDS = 30.0
# Each is a script of some 100 µs, and the server runs those of one pipeline without a break:
# so many at most keep other clients waiting for about a millisecond.
BURST = 8


class RepliesLostError(Exception):
    """The requests may have been executed."""


class ServerGoneError(Exception):
    """What became of the requests cannot be found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A mutation with the audit record that it writes behind *head*."""

    mutation: Mutation
    record: AuditRecord
    head: AuditHead
    follows: AuditHead


def _chained(mutation: Mutation, head: AuditHead) -> Attempt:
    record = record_of(mutation, head)
    follows = AuditHead(seq=record.seq, hash=record.digest(), at=record.at)
    return Attempt(mutation=mutation, record=record, head=head, follows=follows)


class Sender(Protocol):
    """What a round needs of the script: see `redis_mutation.MutationScript`."""

    def send(self, batch: Sequence[Attempt]) -> list[Sequence[str] | Exception]: ...
    def recovered_head(self) -> AuditHead: ...
    def applied_since(self, seq: int, wanted: Sequence[Mutation]) -> dict[str, Applied]: ...
    def remember(self, head: AuditHead) -> None: ...
    def translate(self, error: Exception) -> JobctlError: ...
    def concerns_all(self, answer: Sequence[str], mutation: Mutation) -> bool: ...
    def refusal(self, answer: Sequence[str], mutation: Mutation) -> JobctlError: ...
    def unknown(self, mutation: Mutation) -> JobctlError: ...
    def not_sent(self, mutation: Mutation) -> JobctlError: ...


def _alike(error: JobctlError, mutation: Mutation) -> JobctlError:
    own = copy(error)
    own.job_id = mutation.job_id
    return own


class Round:
    """One call of `apply_all`: sends what is waiting until each mutation has its outcome."""

    def __init__(self, script: "Sender", mutations: Sequence[Mutation], head: AuditHead) -> None:
        self._script = script
        self._mutations = mutations
        self._first = self._head = head
        self._outcomes: dict[int, Applied | JobctlError] = {}
        self._sent: set[int] = set()
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
                self._attempt(waiting[:BURST])
                if self._lost:
                    self._find_applied()
            except JobctlError as error:
                if self._lost:
                    self._give_up()
                else:
                    self._stop(partial(_alike, error))
            except RepliesLostError:
                _log.info("replies to operations were lost, looking for them")
                self._lost = True
                self._recover()
            except ServerGoneError:
                self._give_up()
            # Whoever lost a few races steps back at random, so that a crowd gets through.
            attempts = attempts + 1 if len(self._waiting()) == before else 0
            if attempts:
                time.sleep(random.uniform(0, 0.002 * min(attempts, 16)))  # noqa: S311 - no secret
        self._script.remember(self._head)
        return [self._outcomes[place] for place in range(len(self._mutations))]

    def _recover(self) -> None:
        try:
            self._head = self._script.recovered_head()
            self._find_applied()
        except (JobctlError, ServerGoneError):
            self._give_up()

    def _give_up(self) -> None:
        """What was sent may have taken effect; the rest has not."""
        for place in self._waiting():
            mutation = self._mutations[place]
            self._outcomes[place] = (
                self._script.unknown(mutation)
                if place in self._sent
                else self._script.not_sent(mutation)
            )

    def _waiting(self) -> list[int]:
        return [place for place in range(len(self._mutations)) if place not in self._outcomes]

    def _attempt(self, waiting: Sequence[int]) -> None:
        batch: list[Attempt] = []
        head = self._head
        for place in waiting:
            batch.append(_chained(self._mutations[place], head))
            head = batch[-1].follows
        self._sent.update(waiting)
        answers = self._script.send(batch)
        for place, attempt, answer in zip(waiting, batch, answers, strict=True):
            if isinstance(answer, Exception):
                self._stop(partial(_alike, self._script.translate(answer)))
                return
            self._take(place, attempt, answer)

    def _take(self, place: int, attempt: Attempt, answer: Sequence[str]) -> None:
        mutation = attempt.mutation
        if answer[0] == "OK":
            _log.info(
                "%s of job %s applied as operation %s, audit record %d",
                mutation.action,
                mutation.job_id,
                mutation.op_id,
                attempt.follows.seq,
            )
            self._head = attempt.follows
            self._outcomes[place] = Applied(op_id=mutation.op_id, audit_seq=attempt.follows.seq)
        elif answer[0] == "HEAD":
            self._head = head_from(answer[1], answer[2], answer[3])
        else:
            self._outcomes[place] = self._earlier(mutation, answer) or self._script.refusal(
                answer, mutation
            )
            if self._script.concerns_all(answer, mutation):
                self._stop(lambda one: self._script.refusal(answer, one))

    def _earlier(self, mutation: Mutation, answer: Sequence[str]) -> Applied | None:
        """Our own attempt whose reply was lost, if that is why this one was refused."""
        if not self._lost and answer[0] != "REPLAYED":
            return None
        replayed = answer[0] == "REPLAYED"
        since = 0 if replayed else self._first.seq
        found = self._script.applied_since(since, [mutation]).get(mutation.op_id)
        if found is None and replayed:  # somebody has cut its audit record off since
            return Applied(op_id=mutation.op_id, audit_seq=0, replayed=True)
        return found

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

    def _stop(self, refusal: Callable[[Mutation], JobctlError]) -> None:
        """What no mutation can succeed against is not tried once for each of them."""
        for place in self._waiting():
            self._outcomes[place] = refusal(self._mutations[place])

    def _abandon(self, waiting: Sequence[int]) -> None:
        for place in waiting:
            job_id = self._mutations[place].job_id
            self._outcomes[place] = ConflictError(
                f"job {job_id}: too many writers at once, gave up after "
                f"{_CONTENTION_SECONDS:.0f} s; nothing was changed",
                hint="run the command again",
                job_id=job_id,
                refusal="too many writers at once",
            )
