"""The audit trail as it is read: a page of the stream a round trip."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from jobctl.domain.audit import AuditEntry
from jobctl.domain.moments import parse_timestamp
from jobctl.storage.keys import Keys
from jobctl.storage.redis_reads import RedisReader

if TYPE_CHECKING:
    from redis import Redis

# A server refuses to look behind it.
_LAST_PLACE = f"{2**64 - 1}-{2**64 - 1}"


class RedisAuditLog:
    """`AuditLog` on the stream of one namespace. *server* names its database in messages."""

    def __init__(self, client: "Redis", *, keys: Keys, server: str) -> None:
        self._reads = RedisReader(client, server=server)
        self._stream = keys.audit

    def walk(
        self, *, after: str | None, oldest_first: bool, page_size: int
    ) -> Iterator[Sequence[AuditEntry]]:
        command, start, end = ("XRANGE", "-", "+") if oldest_first else ("XREVRANGE", "+", "-")
        while not (oldest_first and after == _LAST_PLACE):
            bound = start if after is None else f"({after}"
            page = self._reads.one(command, self._stream, bound, end, "COUNT", page_size)
            if page:
                yield [_entry(place, fields) for place, fields in page]
            if len(page) < page_size:
                return
            after = page[-1][0]


def _entry(place: str, fields: Mapping[str, str]) -> AuditEntry:
    return AuditEntry(
        place=place,
        at=parse_timestamp(fields.get("at")),
        op_id=fields.get("op_id"),
        actor=fields.get("actor"),
        action=fields.get("action"),
        job_id=fields.get("job_id"),
        from_status=fields.get("from"),
        to_status=fields.get("to"),
        reason=fields.get("reason"),
        summary=fields.get("summary"),
        prev=fields.get("prev"),
        hash=fields.get("hash"),
    )
