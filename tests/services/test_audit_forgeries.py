"""What whoever knows how the trail is made could try: nothing of it is taken for intact."""

import gzip
import json
import threading
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from jobctl.domain.audit_chain import Breach
from jobctl.errors import FindingsError, NotPermittedError
from jobctl.services.audit_anchors import Anchors
from jobctl.services.audit_trim import TrimAudit, audit_trim
from jobctl.storage.directory_segments import DirectorySegmentStore
from jobctl.storage.redis_audit import RedisAuditLog
from jobctl.storage.redis_connection import connect, parse_redis_url
from tests.services.tampering import (
    NAMESPACE,
    directory,
    exported,
    honest,
    linked,
    put,
    records_of,
    verified,
)
from tests.services.world import World
from tests.storage.redis_under_test import AT, open_audit_log

LAST_PLACE = f"{2**64 - 1}-{2**64 - 1}"


@pytest.fixture
def segments(tmp_path: Path) -> DirectorySegmentStore:
    return directory(tmp_path / "segments")


def breaches(found: Any) -> set[Breach]:
    return {one.breach for one in found.findings}


def test_a_record_whose_own_hash_is_wrong_vouches_for_nothing(world: World) -> None:
    """Record 30 is rewritten, and record 31 pins it under a hash that is no longer its own."""
    trail = honest(60)
    forged = linked(records_of(trail)[:30], actor="somebody else")
    trail[:30] = forged
    trail[30] = trail[30][0], {**trail[30][1], "prev": forged[-1][1]["hash"]}
    put(world, trail)
    found = verified(world)
    assert [one.seq for one in found.findings] == [31]
    assert found.intact_to == 29


def test_what_segments_hold_is_intact_up_to_the_breach_behind_it(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(40))
    exported(world, segments)
    trail = honest(60)
    del trail[40]
    put(world, trail)
    assert verified(world, segments).intact_to == 40
    assert verified(world).intact_to == 39


def test_a_field_that_stands_twice_is_no_record(world: World) -> None:
    put(world, honest(9))
    (_, fields), *_ = honest(10)[9:]
    words = ["reason", "FORGED", *(word for pair in fields.items() for word in pair)]
    world.redis.raw.execute_command("XADD", world.redis.keys.audit, "10-0", *words)
    found = verified(world)
    assert (breaches(found), found.intact_to) == ({Breach.MALFORMED}, 8)


def test_the_last_place_of_all_blinds_nobody(world: World) -> None:
    put(world, honest(249))
    world.redis.raw.xadd(world.redis.keys.audit, {"a": "b"}, id=LAST_PLACE)
    assert breaches(verified(world)) == {Breach.FOREIGN}


def test_noise_hides_no_finding_of_another_kind(world: World) -> None:
    trail = [
        (place, {**fields, "actor": "x"} if number % 2 else fields)
        for number, (place, fields) in enumerate(honest(400))
    ][50:]
    put(world, trail)
    found = verified(world)
    assert found.found > 175
    assert {Breach.ALTERED, Breach.TRUNCATED} <= breaches(found)
    assert found.first_bad is not None
    assert found.first_bad.seq == 1


@pytest.mark.parametrize(
    "line",
    [
        {"id": "abc"}, {"id": 7}, {"id": "9" * 5_000 + "-0"}, {"id": "1-5"}, {"at": 7},
        {"actor": None}, {"prev": "\ud800"}, {"prev": 1}, "text", [[[]]], 1e999,
    ],
)  # fmt: skip
def test_a_forged_line_of_a_segment_is_a_finding(
    world: World, segments: DirectorySegmentStore, line: Any
) -> None:
    put(world, honest(40))
    exported(world, segments)
    head, *records, _ = gzip.decompress(segments.read(2, None)).splitlines(keepends=True)
    record = json.loads(records[3])
    forged = json.dumps(record | line if isinstance(line, dict) else line).encode() + b"\n"
    body = head + b"".join([*records[:3], forged, *records[4:]])
    seal = {"kind": "AuditSeal", "sha256": sha256(body).hexdigest(), "signature": None}
    Path(segments.locate(2)).unlink()
    assert segments.write(2, gzip.compress(body + json.dumps(seal).encode() + b"\n"))
    found = verified(world, segments)
    assert breaches(found) & {Breach.SEGMENT, Breach.REWRITTEN, Breach.ALTERED, Breach.MISSING}


@pytest.mark.parametrize("body", [b"x", b"", gzip.compress(b""), gzip.compress(b"[" * 100_000)])
def test_a_file_that_is_no_segment_is_a_finding(
    world: World, segments: DirectorySegmentStore, body: bytes
) -> None:
    put(world, honest(40))
    exported(world, segments)
    assert segments.write(3, body)
    assert Breach.SEGMENT in breaches(verified(world, segments))
    with pytest.raises(FindingsError, match="segment 3"):
        exported(world, segments)


def test_a_segment_with_a_large_number_is_one_finding(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(40))
    exported(world, segments)
    assert segments.write(900_000_000_000, b"x")
    texts = [one.text for one in verified(world, segments).findings]
    assert texts[0].startswith("segment 3 to 899999999999 are missing")
    assert len(texts) == 2
    with pytest.raises(FindingsError, match="segment 3 is missing"):
        exported(world, segments)


def test_a_trail_whose_end_was_deleted_is_not_exported(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(40))
    world.redis.raw.xdel(world.redis.keys.audit, "39-0", "40-0")
    with pytest.raises(FindingsError, match="records 39 to 40 were written"):
        exported(world, segments)
    assert segments.versions() == {}


def test_a_trail_that_is_trimmed_while_it_is_verified_is_sound(
    world: World, segments: DirectorySegmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(world, honest(2_000))
    exported(world, segments, most=1_000)
    read, over = RedisAuditLog.stored, threading.Event()

    def stored(self: RedisAuditLog, **options: Any) -> Any:
        for number, page in enumerate(read(self, **options)):
            yield page
            if number == 1 and not over.is_set():
                over.set()
                monkeypatch.setattr(RedisAuditLog, "stored", read)
                trimmed(world, segments)

    monkeypatch.setattr(RedisAuditLog, "stored", stored)
    found = verified(world, segments)
    assert over.is_set()
    assert (found.exit_code, found.trimmed_to) == (0, 1_999)


def trimmed(world: World, segments: DirectorySegmentStore) -> None:
    with open_audit_log(world.redis.url, world.redis.keys) as trail:
        trim_through(trail, world, segments)


def trim_through(trail: RedisAuditLog, world: World, segments: DirectorySegmentStore) -> None:
    request = TrimAudit(
        actor="tester",
        new_op_id=world.op_id,
        older=timedelta(seconds=1),
        keep_last=1,
        at=AT + timedelta(days=1),
    )
    anchors = Anchors(segments, namespace=NAMESPACE)
    audit_trim(request, trail=trail, anchors=anchors, jobs=world.redis.store)


def test_a_trim_that_is_not_permitted_leaves_no_record(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(40))
    exported(world, segments)
    user = f"u-{world.redis.keys.namespace}"
    world.redis.raw.acl_setuser(
        user, enabled=True, nopass=True, keys=["*"], commands=["+@all", "-xtrim"]
    )
    client = connect(parse_redis_url(world.redis.url), slot_key="any")
    client.connection_pool.connection_kwargs |= {"username": user, "password": ""}
    trail = RedisAuditLog(client, keys=world.redis.keys, server="here")
    try:
        with pytest.raises(NotPermittedError):
            trim_through(trail, world, segments)
    finally:
        client.close()
        world.redis.raw.acl_deluser(user)
    assert len(world.redis.audit()) == 40
