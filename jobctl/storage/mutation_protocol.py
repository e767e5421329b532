"""What goes to `lua/mutate.lua` and what its answers mean; the script's header is the contract."""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from jobctl.domain.audit import AuditHead, AuditRecord
from jobctl.domain.limits import REASON_LIMIT
from jobctl.domain.moments import parse_timestamp
from jobctl.domain.redaction import without_tokens
from jobctl.domain.status import named_status
from jobctl.errors import (
    ChangedMeanwhileError,
    ConflictError,
    HeldError,
    JobctlError,
    LockedError,
    NotPermittedError,
    UnavailableError,
)
from jobctl.services.ports import Mutation, QueueEntry, Token, TokenKind
from jobctl.storage.codec import encode
from jobctl.storage.keys import Keys, family_of
from jobctl.storage.redis_errors import wrong_type


def record_of(mutation: Mutation, head: AuditHead) -> AuditRecord:
    old = named_status(mutation.expected_status)
    new = "" if mutation.delete else mutation.to_status.value if mutation.to_status else old
    return AuditRecord(
        seq=head.seq + 1,
        op_id=mutation.op_id,
        actor=mutation.actor,
        action=mutation.action,
        job_id=mutation.job_id,
        from_status=old,
        to_status=new,
        reason=without_tokens(mutation.reason)[:REASON_LIMIT],
        summary=mutation.summary,
        at=head.not_before(mutation.at),
        prev=head.hash,
    )


def arguments(
    mutation: Mutation, record: AuditRecord, head: AuditHead, *, digest: str
) -> list[str]:
    """ARGV of `mutate.lua`; its header says what stands where. *digest* is the record's."""
    expected, cleanup = mutation.expected_status, mutation.expected_cleanup
    entry = record.stream_fields()
    del entry["seq"]  # the entry id says it
    audit = _flat(entry | {"prev": record.prev, "hash": digest})
    fields = _flat(encode(mutation.fields))
    removed = mutation.removed_fields
    dequeued = [text for entry in mutation.drop_queue_entries for text in _removal(entry)]
    deadline = repr(mutation.deadline.timestamp()) if mutation.deadline else ""
    lifetime = mutation.token_lifetime
    return [
        mutation.op_id,
        mutation.job_id,
        "absent" if expected is None else f"={expected}",
        f"{head.seq}-0 {head.hash}" if head.seq else "",
        f"{record.seq}-0",
        "" if mutation.keeps_place else repr(mutation.at.timestamp()),
        _lifetime(mutation),
        _expected_token(mutation),
        _extent(mutation),
        "-" if mutation.closes_approval else deadline,
        _whole_seconds(lifetime) if lifetime else "",
        mutation.push_processing or "",
        mutation.push_approval or "",
        "" if cleanup is None else f"={cleanup}",
        "1" if mutation.consumes else "",
        "" if mutation.expected_stamp is None else f"={mutation.expected_stamp}",
        mutation.lease or "",
        " ".join(str(len(part)) for part in (audit, fields, removed, dequeued)),
        *audit,
        *fields,
        *removed,
        *dequeued,
    ]


def _extent(mutation: Mutation) -> str:
    """How much is to be written."""
    if mutation.only_recorded:
        return "r" if mutation.compares else "n"
    return "1" if mutation.delete else ""


def _expected_token(mutation: Mutation) -> str:
    """Whoever ends an approval or begins one knows its token, or knows that there is none."""
    if mutation.held_token is not None:
        return f"={mutation.held_token.reveal()}"
    begins = mutation.issues is not None and mutation.issues.kind is TokenKind.APPROVAL
    return "=" if begins or mutation.closes_approval else ""


def _removal(entry: QueueEntry) -> tuple[str, str, str]:
    return entry.queue, f"{'-' if entry.near_end else ''}{entry.times}", entry.text


def _flat(fields: dict[str, str]) -> list[str]:
    return [text for pair in fields.items() for text in pair]


def _lifetime(mutation: Mutation) -> str:
    if mutation.least_ttl:
        return f">{_whole_seconds(mutation.least_ttl)}"
    return _whole_seconds(mutation.ttl) if mutation.ttl else ""


def _whole_seconds(duration: timedelta) -> str:
    """At least one: EXPIRE 0 would delete the record."""
    return str(max(1, ceil(duration.total_seconds())))


def keys_of(mutation: Mutation, keys: Keys) -> list[str]:
    """KEYS of `mutate.lua`."""
    held = mutation.held_token
    consumed = Token(kind=TokenKind.APPROVAL, value=held) if held else mutation.consumes
    return [
        keys.job(mutation.job_id),
        keys.index,
        keys.deadlines,
        keys.audit,
        keys.approval_lock(mutation.job_id),
        keys.processing_queue,
        keys.approval_queue,
        keys.token(mutation.issues) if mutation.issues else keys.probe,
        keys.token(consumed) if consumed else keys.probe,
        keys.probe,
        keys.lease if mutation.lease else keys.probe,
    ]


def head_from(entry_id: str, digest: str, at: str) -> AuditHead:
    if not entry_id:
        return AuditHead()
    seq, _, part = entry_id.partition("-")
    if part != "0" or not digest:
        raise UnavailableError(
            f"the audit trail ends with entry {entry_id}, which jobctl did not write",
            hint="check the setting namespace; the audit stream belongs to jobctl alone",
        )
    return AuditHead(seq=int(seq), hash=digest, at=parse_timestamp(at))


def concerns_all(answer: Sequence[str], mutation: Mutation, keys: Keys) -> bool:
    """Whether every other mutation would be refused for the same reason."""
    if answer[0] != "TYPE":
        return answer[0] in {"NOPERM", "FENCED"}
    own = (keys.job(mutation.job_id), keys_of(mutation, keys)[8])  # the consumed token
    return answer[1] not in own


def refusal(answer: Sequence[str], mutation: Mutation, server: str) -> JobctlError:
    """Why the script changed nothing, for every answer but OK, REPLAYED and HEAD."""
    match answer[0]:
        case "NOPERM":
            return NotPermittedError(
                f"the Redis user may not {answer[1]} {family_of(answer[2])}; nothing was changed",
                hint="grant it, or use a user that may; jobctl doctor lists what is needed",
                job_id=mutation.job_id,
            )
        case "TYPE":
            return wrong_type(server, family_of(answer[1]), answer[2])
        case "FENCED":
            return LockedError(
                "this run was paused or held up for too long: its lease has run out, or was "
                "taken; nothing more is changed",
                hint="run the command again: it goes on where this one stopped",
                job_id=mutation.job_id,
            )
        case _:
            return _conflict(answer, mutation)


def _conflict(answer: Sequence[str], mutation: Mutation) -> ConflictError:
    job = f"job {mutation.job_id}"
    kind: type[ConflictError] = ChangedMeanwhileError
    match answer[0]:
        case "LOCKED":
            kind = HeldError
            text = f"{job} is being decided by the approval service at this moment"
            hint = "try again in a minute, then look at its status"
        case "DELETING":
            text = f"{job} is being deleted"
            hint = f"finish it with jobctl delete {mutation.job_id}"
        case "TOKEN":
            text = f"{job} has another token now, or the token was used up meanwhile"
            hint = f"jobctl token issue {mutation.job_id} makes a new one"
        case "STAMP":
            text, hint = f"{job} has changed since it was read", "look at it again"
        case "CLEANUP":
            text, hint = f"{job} is being cleaned up by somebody else", "look at its status"
        case _:
            text = _status_conflict(job, answer[1], mutation)
            hint = "look at its status, then decide again"
    return kind(f"{text}; nothing was changed", hint=hint, job_id=mutation.job_id)


def _status_conflict(job: str, actual: str, mutation: Mutation) -> str:
    if actual == "absent":
        return f"{job} has disappeared since it was read"
    if mutation.expected_status is None:
        return f"{job} exists already"
    return f"{job} changed from {mutation.expected_status or '(none)'} to {actual[1:] or '(none)'}"
