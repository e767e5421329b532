"""Whatever is done to a trail or to its segments is found, if the promise covers it."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from jobctl.domain.audit_chain import Breach
from tests.services.tampering import (
    Tamper,
    alter_segment,
    directory,
    dropped,
    duplicated,
    exported,
    flipped,
    honest,
    put,
    put_in,
    rewritten,
    rewritten_onwards,
    rolled_back,
    swapped,
    verified,
    wiped,
)
from tests.services.world import World

# For each kind, on both servers: some thousand on each.
ROUNDS = 85
RECORDS = 60
SEEN_IN_REDIS = [flipped, dropped, swapped, duplicated, put_in, rewritten]
SEEN_BY_ANCHORS = [*SEEN_IN_REDIS, rewritten_onwards, rolled_back, wiped]


@pytest.mark.parametrize("tamper", SEEN_IN_REDIS)
def test_what_is_done_to_records_is_found_by_those_behind_them(
    world: World, tamper: Tamper
) -> None:
    draw = random.Random(tamper.__name__)
    for _ in range(ROUNDS):
        trail = honest(RECORDS)
        concerned = tamper(trail, draw)
        put(world, trail)
        found = verified(world)
        assert found.exit_code == 10, concerned
        assert concerned.isdisjoint(range(found.first, found.intact_to + 1)), (found, concerned)
        assert found.first_bad is not None
        assert found.first_bad.seq is not None
        assert found.first_bad.seq <= min(concerned) + 1


@pytest.mark.parametrize("tamper", SEEN_BY_ANCHORS)
def test_what_is_done_to_anchored_records_is_found_by_their_segments(
    world: World, tmp_path: Path, tamper: Tamper
) -> None:
    draw = random.Random(tamper.__name__)
    segments = directory(tmp_path)
    put(world, honest(RECORDS))
    exported(world, segments)
    for _ in range(10):
        trail = honest(RECORDS)
        concerned = tamper(trail, draw)
        put(world, trail)
        found = verified(world, segments)
        assert found.exit_code == 10, concerned
        assert concerned.isdisjoint(range(found.first, found.intact_to + 1))
        assert found.anchored_to == RECORDS


def test_a_tail_that_is_rewritten_above_the_last_anchor_is_not_found(
    world: World, tmp_path: Path
) -> None:
    """The limit of the promise, as the manual has it."""
    segments = directory(tmp_path)
    put(world, honest(20))
    exported(world, segments)
    trail, draw = honest(RECORDS), random.Random(1)
    while min(rewritten_onwards(trail, draw)) <= 20:
        trail = honest(RECORDS)
    put(world, trail)
    assert verified(world, segments).exit_code == 0


def flip_byte(files: dict[int, bytes], draw: random.Random) -> None:
    number = draw.choice([*files])
    body = bytearray(files[number])
    body[draw.randrange(len(body))] ^= 1 << draw.randrange(8)
    files[number] = bytes(body)


def cut_short(files: dict[int, bytes], draw: random.Random) -> None:
    number = draw.choice([*files])
    files[number] = files[number][: draw.randrange(len(files[number]))]


def drop_file(files: dict[int, bytes], draw: random.Random) -> None:
    del files[draw.choice(sorted(files)[:-1])]


def swap_files(files: dict[int, bytes], draw: random.Random) -> None:
    one, other = draw.sample([*files], 2)
    files[one], files[other] = files[other], files[one]


def copy_file(files: dict[int, bytes], draw: random.Random) -> None:
    one = draw.choice([*files])
    other = draw.choice([number for number in range(1, len(files) + 2) if number != one])
    files[other] = files[one]


def rewrite_file(files: dict[int, bytes], draw: random.Random) -> None:
    number = draw.choice([*files])
    files[number] = alter_segment(files[number], draw)


@pytest.mark.parametrize(
    "tamper", [flip_byte, cut_short, drop_file, swap_files, copy_file, rewrite_file]
)
def test_what_is_done_to_segments_is_found(
    world: World, tmp_path: Path, tamper: Callable[[dict[int, bytes], random.Random], None]
) -> None:
    draw = random.Random(tamper.__name__)
    put(world, honest(RECORDS))
    original = directory(tmp_path / "original")
    exported(world, original, most=12)
    files = {number: original.read(number, None) for number in original.versions()}
    assert len(files) == 5
    for round_number in range(ROUNDS):
        altered = dict(files)
        tamper(altered, draw)
        segments = directory(tmp_path / str(round_number))
        for number, body in altered.items():
            assert segments.write(number, body)
        found = verified(world, segments)
        if found.exit_code == 0:
            # A byte of the last file that says nothing about its records.
            assert {number for number in files if altered[number] != files[number]} <= {5}
            assert tamper is flip_byte
            continue
        assert found.exit_code == 10
        assert {one.breach for one in found.findings} & {Breach.SEGMENT, Breach.REWRITTEN}
