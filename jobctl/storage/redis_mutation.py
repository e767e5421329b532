"""Applies mutations through `lua/mutate.lua`, exactly once each.

A change is safe to repeat for two reasons that hold each other up: its audit record is written
in the same atomic step, so its operation id tells whether it happened; and the script writes
only while the audit head is the one that was seen, so an attempt that is still on its way when
the next one is sent cannot take effect as well.

Several mutations go out in one round trip, their audit records chained in advance. Where one is
refused or somebody else was faster, those behind it are chained anew and sent again.
"""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jobctl.domain.audit import AuditHead, number_of
from jobctl.errors import JobctlError, OutcomeUnknownError, UnavailableError
from jobctl.services.ports import Applied, Mutation
from jobctl.storage.exchange import command, exchange
from jobctl.storage.keys import Keys
from jobctl.storage.mutation_protocol import (
    arguments,
    concerns_all,
    head_from,
    keys_of,
    refusal,
)
from jobctl.storage.mutation_round import Attempt, RepliesLostError, Round, ServerGoneError
from jobctl.storage.redis_errors import describe, translated
from jobctl.storage.scripts import digest, source

if TYPE_CHECKING:
    from redis import Redis

_log = logging.getLogger(__name__)
_RECOVERY_SECONDS = 8.0
_AUDIT_PAGE = 500


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
        return Round(self, mutations, self._head).run()

    def send(self, batch: Sequence[Attempt]) -> list[Sequence[str] | Exception]:
        """The script's answer or Redis' error for each, in one round trip."""
        from redis import exceptions

        with translated(self._server):
            try:
                answers = self._execute(batch)
                missing = [isinstance(one, exceptions.NoScriptError) for one in answers]
                if any(missing):
                    # What stands before it took effect; what stands behind was refused or missing.
                    first = missing.index(True)
                    self._client.script_load(source("mutate"))
                    answers[first:] = self._execute(batch[first:])
            except (exceptions.BusyLoadingError, exceptions.AuthenticationError):
                raise
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                raise RepliesLostError from error
        return answers

    def _execute(self, batch: Sequence[Attempt]) -> list[Sequence[str] | Exception]:
        commands = []
        for one in batch:
            keys = keys_of(one.mutation, self._keys)
            args = arguments(one.mutation, one.record, one.head, digest=one.follows.hash)
            commands.append(command("EVALSHA", digest("mutate"), len(keys), *keys, *args))
        answers: list[Sequence[str] | Exception] = exchange(self._client, commands)
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
            page = self._ask_until_answered(start)
            for entry_id, fields in page:
                op_id = fields.get("op_id")
                if op_id in op_ids:
                    place = number_of(entry_id)
                    found[op_id] = Applied(op_id=op_id, audit_seq=place, replayed=True)
            if len(page) < _AUDIT_PAGE:
                return found
            start = f"({page[-1][0]}"

    def recovered_head(self) -> AuditHead:
        return _newest(self._ask_until_answered(None))

    def unknown(self, mutation: Mutation) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"job {mutation.job_id}: the connection to Redis at {self._server} was lost; whether "
            f"operation {mutation.op_id} ({mutation.action}) took effect is unknown",
            op_id=mutation.op_id,
            job_id=mutation.job_id,
        )

    def not_sent(self, mutation: Mutation) -> UnavailableError:
        return UnavailableError(
            f"job {mutation.job_id}: the connection to Redis at {self._server} was lost before "
            "anything was changed",
            hint="run the command again once it answers",
            job_id=mutation.job_id,
        )

    def _ask_until_answered(self, start: str | None) -> list[Any]:
        from redis import exceptions

        give_up = time.monotonic() + _RECOVERY_SECONDS
        while True:
            try:
                return self._audit_page(start)
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                refused = isinstance(error, exceptions.AuthenticationError)
                if refused or time.monotonic() > give_up:
                    raise ServerGoneError from error
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


def _newest(entries: Sequence[tuple[str, dict[str, str]]]) -> AuditHead:
    if not entries:
        return AuditHead()
    entry_id, fields = entries[0]
    return head_from(entry_id, fields.get("hash", ""), fields.get("at", ""))
