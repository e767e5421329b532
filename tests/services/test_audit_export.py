"""`audit export`: the trail goes into segments that pin each other, once each record."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jobctl.domain.audit_chain import Breach
from jobctl.errors import ExitCode, FindingsError
from jobctl.services.audit_export import ExportAudit, audit_export
from jobctl.services.audit_segments import SegmentStore, unpack
from jobctl.storage.directory_segments import DirectorySegmentStore
from jobctl.storage.ed25519_keys import Ed25519Signer, Ed25519Verifier
from tests.services.tampering import NAMESPACE, Trail, directory, exported, honest, put, verified
from tests.services.world import World
from tests.storage.redis_under_test import AT, open_audit_log


@pytest.fixture
def segments(tmp_path: Path) -> DirectorySegmentStore:
    return directory(tmp_path / "segments")


def held(store: SegmentStore) -> Sequence[Sequence[int]]:
    """The sequence numbers of each segment."""
    return [
        [int(place.removesuffix("-0")) for place, _ in unpack(store.read(number, None)).records]
        for number in sorted(store.versions())
    ]


def in_a_row(store: SegmentStore) -> list[int]:
    return [*chain.from_iterable(held(store))]


def test_an_empty_trail_has_nothing_to_export(
    world: World, segments: DirectorySegmentStore
) -> None:
    report = exported(world, segments)
    assert (report.segments, report.records, report.last, report.place) == (0, 0, 0, None)
    assert held(segments) == []


def test_records_go_into_segments_of_some_each(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(45))
    report = exported(world, segments)
    assert (report.segments, report.records, report.first, report.last) == (3, 45, 1, 45)
    assert held(segments) == [[*range(1, 21)], [*range(21, 41)], [*range(41, 46)]]
    assert report.place == segments.locate(3)
    assert verified(world, segments).exit_code == ExitCode.DONE


def test_the_next_run_appends_what_is_new_and_nothing_twice(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(25))
    exported(world, segments)
    before = segments.read(2, None)
    assert exported(world, segments).segments == 0
    put(world, honest(60))
    assert exported(world, segments).records == 35
    assert segments.read(2, None) == before
    assert in_a_row(segments) == [*range(1, 61)]
    assert verified(world, segments).anchored_to == 60


def test_two_exporters_at_once_make_one_history(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(400))
    with ThreadPoolExecutor(4) as pool:
        reports = [*pool.map(lambda _: exported(world, segments, most=10), range(4))]
    assert sum(report.records for report in reports) == 400
    assert in_a_row(segments) == [*range(1, 401)]
    assert verified(world, segments).exit_code == ExitCode.DONE


def test_a_run_that_is_interrupted_is_gone_on_with(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(100))
    signals: Iterator[ExitCode | None] = iter([None, None])
    request = ExportAudit(
        namespace=NAMESPACE,
        actor="tester",
        at=AT,
        most=10,
        interrupted=lambda: next(signals, ExitCode.INTERRUPTED),
    )
    with open_audit_log(world.redis.url, world.redis.keys) as trail:
        report = audit_export(request, trail=trail, segments=segments)
    assert (report.exit_code, report.segments, report.last) == (ExitCode.INTERRUPTED, 2, 20)
    assert exported(world, segments).records == 80
    assert verified(world, segments).exit_code == ExitCode.DONE


def test_a_broken_trail_is_exported_up_to_the_segment_before_the_breach(
    world: World, segments: DirectorySegmentStore
) -> None:
    trail = honest(50)
    trail[34] = trail[34][0], {**trail[34][1], "actor": "somebody else"}
    put(world, trail)
    with pytest.raises(FindingsError, match="record 35"):
        exported(world, segments)
    assert held(segments) == [[*range(1, 21)]]


@pytest.mark.parametrize("kept", [0, 10, 19])
def test_a_trail_that_was_rolled_back_is_not_gone_on_with(
    world: World, segments: DirectorySegmentStore, kept: int
) -> None:
    put(world, honest(20))
    exported(world, segments)
    put(world, honest(kept))
    with pytest.raises(FindingsError, match=f"ends at record {kept}"):
        exported(world, segments)


def test_a_trail_that_was_written_anew_is_not_gone_on_with(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(20))
    exported(world, segments)
    other: Trail = [(place, {**fields, "hash": "0" * 64}) for place, fields in honest(30)]
    put(world, other)
    with pytest.raises(FindingsError, match="record 20 is not the one"):
        exported(world, segments)
    assert held(segments) == [[*range(1, 21)]]


def test_records_that_are_gone_before_they_were_exported_are_told(
    world: World, segments: DirectorySegmentStore
) -> None:
    put(world, honest(20))
    exported(world, segments)
    put(world, honest(50)[30:])
    with pytest.raises(FindingsError, match="records 21 to 30 are neither"):
        exported(world, segments)


def test_segments_of_which_one_is_missing_are_not_gone_on_with(
    world: World, segments: DirectorySegmentStore, tmp_path: Path
) -> None:
    put(world, honest(60))
    exported(world, segments)
    Path(segments.locate(2)).unlink()
    put(world, honest(70))
    with pytest.raises(FindingsError, match="segment 2 is missing"):
        exported(world, segments)


def keys(path: Path) -> tuple[Path, Path]:
    private = Ed25519PrivateKey.generate()
    secret, public = path / "audit.key", path / "audit.pub"
    secret.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return secret, public


def test_segments_that_a_key_has_signed_are_known_by_it(
    world: World, segments: DirectorySegmentStore, tmp_path: Path
) -> None:
    secret, public = keys(tmp_path)
    put(world, honest(45))
    exported(world, segments, signer=Ed25519Signer(secret))
    assert verified(world, segments, Ed25519Verifier(public)).exit_code == ExitCode.DONE
    (tmp_path / "other").mkdir()
    _, other = keys(tmp_path / "other")
    found = verified(world, segments, Ed25519Verifier(other))
    assert [one.breach for one in found.findings] == [Breach.SIGNATURE] * 3
    assert found.exit_code == ExitCode.FINDINGS


def test_a_segment_without_a_signature_is_found_where_one_is_asked_for(
    world: World, segments: DirectorySegmentStore, tmp_path: Path
) -> None:
    secret, public = keys(tmp_path)
    put(world, honest(20))
    exported(world, segments, signer=Ed25519Signer(secret))
    put(world, honest(30))
    exported(world, segments)
    found = verified(world, segments, Ed25519Verifier(public))
    assert [(one.breach, one.seq) for one in found.findings] == [(Breach.SIGNATURE, 21)]
