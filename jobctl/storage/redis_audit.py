"""The audit trail as it is read: a page of the stream a round trip."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from jobctl.domain.audit import AuditEntry, number_of
from jobctl.domain.moments import parse_timestamp
from jobctl.errors import ConflictError
from jobctl.services.audit_trail import StoredRecord, TrailExtent
from jobctl.storage import redis_connection
from jobctl.storage.keys import Keys
from jobctl.storage.redis_errors import translated
from jobctl.storage.redis_reads import RedisReader
from jobctl.storage.scripts import call

if TYPE_CHECKING:
    from redis import Redis

# A server refuses to look behind it.
_LAST_PLACE = f"{2**64 - 1}-{2**64 - 1}"
# As many as a server hands out in about a millisecond.
_PAGE = 250
_SHARE_OF_TIMEOUT = 0.2


class RedisAuditLog:
    """`AuditLog` on the stream of one namespace. *server* names its database in messages."""

    def __init__(self, client: "Redis", *, keys: Keys, server: str) -> None:
        self._client = client
        self._server = server
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

    def appended(self, *, after: str) -> Sequence[AuditEntry]:
        # A reply that is not due yet must not look like one that is overdue.
        milliseconds = int(1000 * redis_connection.COMMAND_SECONDS * _SHARE_OF_TIMEOUT)
        options = ("COUNT", _PAGE, "BLOCK", milliseconds)
        found = self._reads.one("XREAD", *options, "STREAMS", self._stream, after)
        return [_entry(*one) for _, entries in found for one in entries]

    def stored(self, *, after: int | None = None) -> Iterator[Sequence[StoredRecord]]:
        place = "" if after is None else f"{after}-{2**64 - 1}"
        while place != _LAST_PLACE:
            bound = f"({place}" if place else "-"
            page = self._reads.raw("XRANGE", self._stream, bound, "+", "COUNT", _PAGE)
            if page:
                yield [(found, _fields(pairs)) for found, pairs in page]
            if len(page) < _PAGE:
                return
            place = page[-1][0]

    def extent(self) -> TrailExtent:
        found, first, last = self._reads.ask(
            [
                ("EXISTS", self._stream),
                ("XRANGE", self._stream, "-", "+", "COUNT", 1),
                ("XREVRANGE", self._stream, "+", "-", "COUNT", 1),
            ]
        )
        if not found:
            return TrailExtent()
        about = self._reads.one("XINFO", "STREAM", self._stream)
        known = dict(zip(about[::2], about[1::2], strict=True))
        return TrailExtent(
            length=known["length"],
            first=number_of(first[0][0]) if first else 0,
            last=number_of(last[0][0]) if last else 0,
            written=number_of(known["last-generated-id"]),
        )

    def trim(self, upto: int, *, pinned: str, step: int) -> int:
        with translated(self._server):
            removed = int(
                call(
                    self._client, "trim_audit",
                    keys=[self._stream], args=[f"{upto}-0", pinned, str(step)],
                )
            )  # fmt: skip
        if removed < 0:
            raise ConflictError(
                f"record {upto} of the trail is not what its anchor says; no more is removed",
                hint="jobctl audit verify --anchors tells what is wrong",
            )
        return removed


def _fields(pairs: Sequence[str]) -> dict[str, str]:
    """A name that stands twice is no record's: what there is says so by a field without a name."""
    fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return fields if 2 * len(fields) == len(pairs) else {**fields, "": "a name stands twice"}


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
        stored=fields,
    )
