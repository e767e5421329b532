"""Trails and segments, and what somebody who may write to them could do to them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from jobctl.domain.audit import GENESIS, AuditHead, AuditRecord
from jobctl.services.audit_anchors import Anchors
from jobctl.services.audit_export import AuditExport, ExportAudit, audit_export
from jobctl.services.audit_segments import SegmentStore, Signer, Verifier, pack, unpack
from jobctl.services.audit_trail import StoredRecord
from jobctl.services.audit_verify import AuditVerification, VerifyAudit, audit_verify
from jobctl.storage.directory_segments import DirectorySegmentStore
from tests.services.world import World
from tests.storage.audit_trail import record
from tests.storage.redis_under_test import AT, open_audit_log

NAMESPACE = "n"
Trail = list[StoredRecord]


def honest(amount: int) -> Trail:
    """A trail of records as jobctl writes them, a second apart."""
    return linked(record(number, GENESIS) for number in range(1, amount + 1))


def linked(records: Any, after: AuditHead | None = None, **altered: Any) -> Trail:
    """*records* numbered and chained anew, as whoever knows how it is done would."""
    head, trail = after or AuditHead(), []
    for unlinked in records:
        one = replace(unlinked, seq=head.seq + 1, prev=head.hash, **altered)
        fields = one.stream_fields()
        del fields["seq"]
        head = AuditHead(seq=one.seq, hash=one.digest(), at=one.at)
        trail.append((f"{one.seq}-0", fields | {"prev": one.prev, "hash": head.hash}))
    return trail


def put(world: World, trail: Trail) -> None:
    """In the place of what is there."""
    pipe = world.redis.raw.pipeline(transaction=False)
    pipe.delete(world.redis.keys.audit)
    for place, fields in trail:
        pipe.xadd(world.redis.keys.audit, dict(fields), id=place)
    pipe.execute()


def verified(
    world: World, segments: SegmentStore | None = None, verifier: Verifier | None = None
) -> AuditVerification:
    anchors = None
    if segments is not None:
        anchors = Anchors(segments, namespace=NAMESPACE, verifier=verifier)
    with open_audit_log(world.redis.url, world.redis.keys) as trail:
        return audit_verify(VerifyAudit(anchors=anchors), trail=trail)


def exported(
    world: World, segments: SegmentStore, *, most: int = 20, signer: Signer | None = None
) -> AuditExport:
    request = ExportAudit(namespace=NAMESPACE, actor="tester", at=AT, most=most, signer=signer)
    with open_audit_log(world.redis.url, world.redis.keys) as trail:
        return audit_export(request, trail=trail, segments=segments)


def directory(path: Path) -> DirectorySegmentStore:
    return DirectorySegmentStore(path, namespace=NAMESPACE)


# What is done to a trail; each answers with the sequence numbers that are no longer what they were.


def flipped(trail: Trail, draw: random.Random) -> set[int]:
    """A character of a value is another one."""
    place = draw.randrange(len(trail) - 1)
    fields = dict(trail[place][1])
    name = draw.choice([name for name in fields if fields[name]])
    at = draw.randrange(len(fields[name]))
    fields[name] = fields[name][:at] + chr(ord(fields[name][at]) ^ 1) + fields[name][at + 1 :]
    trail[place] = trail[place][0], fields
    return {place + 1}


def dropped(trail: Trail, draw: random.Random) -> set[int]:
    place = draw.randrange(len(trail) - 1)
    del trail[place]
    return {place + 1}


def swapped(trail: Trail, draw: random.Random) -> set[int]:
    one, other = draw.sample(range(len(trail)), 2)
    (here, first), (there, second) = trail[one], trail[other]
    trail[one], trail[other] = (here, second), (there, first)
    return {one + 1, other + 1}


def duplicated(trail: Trail, draw: random.Random) -> set[int]:
    """A record stands once more, behind itself or further on, and the others are numbered anew."""
    place = draw.randrange(len(trail) - 1)
    fields = trail[place][1]
    there = draw.randrange(place + 1, len(trail))
    trail.insert(there, ("", fields))
    trail[:] = [(f"{number}-0", each) for number, (_, each) in enumerate(trail, start=1)]
    return set(range(there + 1, len(trail) + 1))


def put_in(trail: Trail, draw: random.Random) -> set[int]:
    """An entry between two others, in the form of a record."""
    place = draw.randrange(len(trail) - 1)
    number = place + 1
    trail.insert(number, (f"{number}-1", {**trail[place][1], "reason": "for nothing"}))
    return {number + 1}


def rewritten(trail: Trail, draw: random.Random) -> set[int]:
    """One record says something else, under a hash that fits."""
    place = draw.randrange(len(trail) - 1)
    trail[place] = linked([_altered(trail[place])], _before(trail, place))[0]
    return {place + 1}


def rewritten_onwards(trail: Trail, draw: random.Random) -> set[int]:
    """As `rewritten`, with every hash behind it made anew: the chain is sound."""
    place = draw.randrange(len(trail) - 1)
    records = [_altered(trail[place]), *(_record(one) for one in trail[place + 1 :])]
    trail[place:] = linked(records, _before(trail, place))
    return set(range(place + 1, len(trail) + 1))


def rolled_back(trail: Trail, draw: random.Random) -> set[int]:
    keep = draw.randrange(1, len(trail))
    gone = set(range(keep + 1, len(trail) + 1))
    del trail[keep:]
    return gone


def wiped(trail: Trail, draw: random.Random) -> set[int]:
    del draw
    gone = set(range(1, len(trail) + 1))
    trail.clear()
    return gone


Tamper = Callable[[Trail, random.Random], set[int]]


def _before(trail: Trail, place: int) -> AuditHead:
    return AuditHead(seq=place, hash=trail[place - 1][1]["hash"]) if place else AuditHead()


def _altered(one: StoredRecord) -> AuditRecord:
    return replace(_record(one), actor="somebody else")


def records_of(trail: Trail) -> list[AuditRecord]:
    return [_record(one) for one in trail]


def _record(one: StoredRecord) -> AuditRecord:
    place, fields = one
    number = int(place.partition("-")[0])
    return AuditRecord(
        seq=number,
        op_id=fields["op_id"],
        actor=fields["actor"],
        action=fields["action"],
        job_id=fields["job_id"],
        from_status=fields["from"],
        to_status=fields["to"],
        reason=fields["reason"],
        summary=fields["summary"],
        at=AT + timedelta(seconds=number),
        prev=fields["prev"],
    )


def rewrite_segment(body: bytes, alter: Callable[[Sequence[StoredRecord]], Trail]) -> bytes:
    """A segment with other records, sealed as if nothing had been."""
    segment = unpack(body)
    return pack(segment.head, alter(segment.records), None)


def alter_segment(body: bytes, draw: random.Random) -> bytes:
    """One of its records says something else, and all behind it fit."""

    def alter(records: Sequence[StoredRecord]) -> Trail:
        after = unpack(body).head.after
        changed = draw.randrange(len(records))
        made = [
            _altered(one) if place == changed else _record(one) for place, one in enumerate(records)
        ]
        return linked(made, after)

    return rewrite_segment(body, alter)
