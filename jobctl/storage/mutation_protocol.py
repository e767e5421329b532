"""What goes to `lua/mutate.lua` and what its answers mean; the script's header is the contract."""

from collections.abc import Sequence
from datetime import timedelta
from math import ceil

from jobctl.domain.audit import REASON_LIMIT, AuditHead, AuditRecord
from jobctl.domain.moments import parse_timestamp
from jobctl.errors import ConflictError, JobctlError, NotPermittedError, UnavailableError
from jobctl.services.ports import Mutation
from jobctl.storage.codec import encode
from jobctl.storage.keys import Keys
from jobctl.storage.redis_errors import wrong_type


def record_of(mutation: Mutation, head: AuditHead) -> AuditRecord:
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


def arguments(mutation: Mutation, record: AuditRecord, head: AuditHead) -> list[str]:
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
        f"{head.seq}-0 {head.hash}" if head.seq else "",
        f"{record.seq}-0",
        repr(mutation.at.timestamp()),
        _whole_seconds(mutation.ttl) if mutation.ttl else "",
        mutation.held_token.reveal() if mutation.held_token else "",
        "1" if mutation.delete else "",
        "-" if mutation.closes_approval else deadline,
        _whole_seconds(opens.lifetime) if opens else "",
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


def _whole_seconds(duration: timedelta) -> str:
    """At least one: EXPIRE 0 would delete the record."""
    return str(max(1, ceil(duration.total_seconds())))


def keys_of(mutation: Mutation, keys: Keys) -> list[str]:
    """KEYS of `mutate.lua`."""
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
    return answer[0] == "NOPERM" or (answer[0] == "TYPE" and answer[1] != keys.job(mutation.job_id))


def refusal(answer: Sequence[str], mutation: Mutation, server: str) -> JobctlError:
    """Why the script changed nothing, for every answer but OK, REPLAYED and HEAD."""
    match answer[0]:
        case "NOPERM":
            return NotPermittedError(
                f"the Redis user may not {answer[1]} {_family(answer[2])}; nothing was changed",
                hint="grant it, or use a user that may; jobctl doctor lists what is needed",
                job_id=mutation.job_id,
            )
        case "TYPE":
            return wrong_type(server, answer[1], answer[2])
        case _:
            return _conflict(answer, mutation)


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
