"""Applies mutations through `lua/mutate.lua`, exactly once each.

A change is safe to repeat for two reasons that hold each other up: its audit record is written
in the same atomic step, so its operation id tells whether it happened; and the script writes
only while the audit head is the one that was seen, so an attempt that is still on its way when
the next one is sent cannot take effect as well.
"""

import logging
import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jobctl.domain.audit import REASON_LIMIT, AuditHead, AuditRecord
from jobctl.domain.moments import parse_timestamp
from jobctl.errors import ConflictError, NotPermittedError, OutcomeUnknownError, UnavailableError
from jobctl.services.ports import Applied, Mutation
from jobctl.storage.codec import encode
from jobctl.storage.keys import Keys
from jobctl.storage.redis_errors import describe, translated, wrong_type
from jobctl.storage.scripts import call

if TYPE_CHECKING:
    from redis import Redis

_log = logging.getLogger(__name__)
_CONTENTION_SECONDS = 30.0
_RECOVERY_SECONDS = 8.0
_AUDIT_PAGE = 500


class _ReplyLostError(Exception):
    """The request may have been executed."""


class MutationScript:
    def __init__(self, client: "Redis", *, keys: Keys, server: str) -> None:
        self._client: Any = client  # redis-py types every reply as bytes or str or None
        self._keys = keys
        self._server = server
        self._head: AuditHead | None = None

    def apply(self, mutation: Mutation) -> Applied:
        """See `JobStore.apply`."""
        head = self._head or self._read_head()
        give_up = time.monotonic() + _CONTENTION_SECONDS
        attempts = 0
        while time.monotonic() < give_up:
            record = _record(mutation, head)
            try:
                answer = self._call(mutation, record, head)
            except _ReplyLostError:
                _log.warning("the reply to operation %s was lost; looking for it", mutation.op_id)
                applied = self._look_for(mutation, after=head.seq)
                if applied is not None:
                    return applied
                head = self._recovered_head(mutation)
                continue
            if answer[0] != "HEAD":
                return self._conclude(answer, mutation, record)
            head = _head_from(answer[1], answer[2], answer[3])
            attempts += 1
            _log.debug("the audit head moved to %d; operation %s again", head.seq, mutation.op_id)
            # Whoever lost a few races steps back at random, so that a crowd gets through.
            time.sleep(random.uniform(0, 0.002 * min(attempts, 16)))  # noqa: S311 - no secret
        raise ConflictError(
            f"job {mutation.job_id}: too many writers at once, gave up after "
            f"{_CONTENTION_SECONDS:.0f} s; nothing was changed",
            hint="run the command again",
            job_id=mutation.job_id,
        )

    def _conclude(self, answer: Sequence[str], mutation: Mutation, record: AuditRecord) -> Applied:
        match answer[0]:
            case "OK":
                _log.info(
                    "%s of job %s applied as operation %s, audit record %d",
                    mutation.action,
                    mutation.job_id,
                    mutation.op_id,
                    record.seq,
                )
                self._head = AuditHead(seq=record.seq, hash=record.digest(), at=record.at)
                return Applied(op_id=mutation.op_id, audit_seq=record.seq)
            case "REPLAYED":
                found = self._look_for(mutation, after=0)
                return found or Applied(op_id=mutation.op_id, audit_seq=0, replayed=True)
            case "NOPERM":
                raise NotPermittedError(
                    f"the Redis user may not {answer[1]} {_family(answer[2])}; nothing was changed",
                    hint="grant it, or use a user that may; jobctl doctor lists what is needed",
                    job_id=mutation.job_id,
                )
            case "TYPE":
                raise wrong_type(self._server, answer[1], answer[2])
            case _:
                raise _conflict(answer, mutation)

    def _call(self, mutation: Mutation, record: AuditRecord, head: AuditHead) -> Sequence[str]:
        from redis import exceptions

        keys = self._keys_of(mutation)
        args = _arguments(mutation, record, head)
        with translated(self._server):
            try:
                answer: Sequence[str] = call(self._client, "mutate", keys=keys, args=args)
            except exceptions.BusyLoadingError:
                raise
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                raise _ReplyLostError from error
        return answer

    def _keys_of(self, mutation: Mutation) -> list[str]:
        keys = self._keys
        issued, consumed = mutation.opens, mutation.held_token
        return [
            keys.job(mutation.job_id),
            keys.index,
            keys.deadlines,
            keys.audit,
            keys.approval_lock(mutation.job_id),
            keys.processing_queue,
            keys.approval_queue,
            keys.approval_token(issued.token.reveal()) if issued else keys.probe,
            keys.approval_token(consumed.reveal()) if consumed else keys.probe,
            keys.probe,
        ]

    def _read_head(self) -> AuditHead:
        with translated(self._server):
            return _newest(self._client.xrevrange(self._keys.audit, count=1))

    def _look_for(self, mutation: Mutation, *, after: int) -> Applied | None:
        """The audit record of the operation, once the server can be asked again."""
        start = f"({after}-0"
        while True:
            page = self._ask_until_answered(mutation, start)
            for entry_id, fields in page:
                if fields.get("op_id") == mutation.op_id:
                    seq = int(entry_id.partition("-")[0])
                    return Applied(op_id=mutation.op_id, audit_seq=seq, replayed=True)
            if len(page) < _AUDIT_PAGE:
                return None
            start = f"({page[-1][0]}"

    def _recovered_head(self, mutation: Mutation) -> AuditHead:
        return _newest(self._ask_until_answered(mutation, None))

    def _ask_until_answered(self, mutation: Mutation, start: str | None) -> list[Any]:
        from redis import exceptions

        give_up = time.monotonic() + _RECOVERY_SECONDS
        while True:
            try:
                return self._audit_page(start)
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                if time.monotonic() > give_up:
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


def _record(mutation: Mutation, head: AuditHead) -> AuditRecord:
    old = mutation.expected_status or ""
    new = "" if mutation.delete else mutation.to_status.value if mutation.to_status else old
    return AuditRecord(
        seq=head.seq + 1,
        op_id=mutation.op_id,
        actor=mutation.actor,
        action=mutation.action,
        job_id=mutation.job_id,
        from_status=old,
        to_status=new,
        reason=mutation.reason[:REASON_LIMIT],
        summary=mutation.summary,
        at=head.not_before(mutation.at),
        prev=head.hash,
    )


def _arguments(mutation: Mutation, record: AuditRecord, head: AuditHead) -> list[str]:
    """ARGV of `mutate.lua`; its header says what stands where."""
    expected, opens = mutation.expected_status, mutation.opens
    entry = record.stream_fields()
    del entry["seq"]  # the entry id says it
    audit = _flat(entry | {"prev": record.prev, "hash": record.digest()})
    fields = _flat(encode(mutation.fields))
    removed, dequeued = mutation.removed_fields, mutation.drop_queue_entries
    deadline = repr(opens.expires_at.timestamp()) if opens else ""
    return [
        mutation.op_id,
        mutation.job_id,
        "absent" if expected is None else f"={expected}",
        f"{head.seq}-0" if head.seq else "",
        f"{record.seq}-0",
        repr(mutation.at.timestamp()),
        str(int(mutation.ttl.total_seconds())) if mutation.ttl else "",
        mutation.held_token.reveal() if mutation.held_token else "",
        "1" if mutation.delete else "",
        "-" if mutation.closes_approval else deadline,
        str(int(opens.lifetime.total_seconds())) if opens else "",
        mutation.push_processing or "",
        mutation.push_approval or "",
        " ".join(str(len(part)) for part in (audit, fields, removed, dequeued)),
        *audit,
        *fields,
        *removed,
        *dequeued,
    ]


def _flat(fields: dict[str, str]) -> list[str]:
    return [text for pair in fields.items() for text in pair]


def _newest(entries: Sequence[tuple[str, dict[str, str]]]) -> AuditHead:
    if not entries:
        return AuditHead()
    entry_id, fields = entries[0]
    return _head_from(entry_id, fields.get("hash", ""), fields.get("at", ""))


def _head_from(entry_id: str, digest: str, at: str) -> AuditHead:
    if not entry_id:
        return AuditHead()
    seq, _, part = entry_id.partition("-")
    if part != "0" or not digest:
        raise UnavailableError(
            f"the audit trail ends with entry {entry_id}, which jobctl did not write",
            hint="check the setting namespace; the audit stream belongs to jobctl alone",
        )
    return AuditHead(seq=int(seq), hash=digest, at=parse_timestamp(at))


def _conflict(answer: Sequence[str], mutation: Mutation) -> ConflictError:
    job = f"job {mutation.job_id}"
    match answer[0]:
        case "LOCKED":
            text = f"{job} is being decided by the approval service at this moment"
            hint = "try again in a minute, then look at its status"
        case "DELETING":
            text = f"{job} is being deleted"
            hint = f"finish it with jobctl delete {mutation.job_id}"
        case "TOKEN":
            text, hint = f"{job} has another approval token now", "issue a new token"
        case _:
            text = _status_conflict(job, answer[1], mutation)
            hint = "look at its status, then decide again"
    return ConflictError(f"{text}; nothing was changed", hint=hint, job_id=mutation.job_id)


def _status_conflict(job: str, actual: str, mutation: Mutation) -> str:
    if actual == "absent":
        return f"{job} has disappeared since it was read"
    if mutation.expected_status is None:
        return f"{job} exists already"
    return f"{job} changed from {mutation.expected_status or '(none)'} to {actual[1:] or '(none)'}"


def _family(key: str) -> str:
    """A key without the token or id that may stand in it."""
    head, _, _ = key.partition(":approval-token:")
    return f"{head}:approval-token:*" if head != key else key
