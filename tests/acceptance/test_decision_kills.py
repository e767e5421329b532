"""Killed at any moment: the same commands again end what was begun, and nothing is done twice."""

import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from tests.acceptance.decided import REASON, assert_decided_once, awaiting
from tests.acceptance.warm import Ending, Start, WarmJobctl
from tests.cli.world import World, new_id

# In all; each kills three processes, if they live so long. KILL_RUNS=100 for a long look.
RUNS = int(os.environ.get("KILL_RUNS", "32"))
TESTS = 4  # so that several workers have something to do
KILLED = -9
VERBS = ("approve", "deny", "cancel")
# More than go out at once, now and then.
SIZES = (1, 2, 2, 3, 3, 4, 4, 5, 20)

# Where the next one is aimed at, so that most are hit between their first change and their end,
# however quick the machine is.
_CORRECTION = {"nothing done": 1.15, "survived": 0.8}

Shares = Mapping[str, Sequence[str]]


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmJobctl]:
    with WarmJobctl() as warm:
        yield warm


def _shares(world: World, draw: random.Random) -> Shares:
    """New jobs, each verb with its own."""
    sizes = {verb: draw.choice(SIZES) for verb in VERBS}
    ids = iter(awaiting(world, sum(sizes.values())))
    return {verb: [next(ids) for _ in range(size)] for verb, size in sizes.items()}


def _starts(shares: Shares, *, verify: bool) -> dict[str, Start]:
    """Looking for documents takes longer than all the rest of an approval."""
    options = {"approve": [] if verify else ["--no-verify"]}
    return {
        verb: Start(arguments=[verb, *ids, "--reason", REASON, *options.get(verb, [])])
        for verb, ids in shares.items()
    }


@pytest.mark.parametrize("seed", range(TESTS))
def test_commands_that_were_killed_are_finished_by_the_same_commands(
    seed: int, strict_world: World, warm: WarmJobctl
) -> None:
    draw = random.Random(seed)
    aim = dict.fromkeys(VERBS, 0.1)
    fates: Counter[str] = Counter()
    for run in range(RUNS // TESTS):
        world = _elsewhere(strict_world)
        shares = _shares(world, draw)
        starts = _starts(shares, verify=run % 4 == 0)
        doomed = [
            replace(start, kill_after=draw.uniform(0.2, 1.4) * aim[verb])
            for verb, start in starts.items()
        ]
        killed = dict(zip(VERBS, warm.run(doomed, env=world.env), strict=True))
        for verb, ending in killed.items():
            fate = _fate(world, verb, shares[verb], ending)
            fates[fate] += 1
            aim[verb] *= _CORRECTION.get(fate, 1)
        again = warm.run([*starts.values()], env=world.env)
        _check(world, shares, [*killed.values(), *again], where=f"seed {seed}, run {run}")
        _clear(world, shares)
    # Else nobody was hit where it hurts.
    assert fates["documents left"] or RUNS < 100, fates
    assert fates["nothing done"] or RUNS < 100, fates


def _elsewhere(world: World) -> World:
    return replace(world, namespace=f"{world.namespace}-{new_id()}")


def _fate(world: World, verb: str, ids: Sequence[str], ending: Ending) -> str:
    if ending.exit_code != KILLED:
        return "survived"
    if any("cleanup_state" in world.job(job_id) for job_id in ids):
        return "documents left"
    decided = [entry for entry in world.audit if entry["action"] == verb]
    if not decided:
        return "nothing done"
    return "all done" if len(decided) == len(ids) else "some decided"


def _check(world: World, shares: Shares, endings: Sequence[Ending], *, where: str) -> None:
    first, again = endings[: len(VERBS)], endings[len(VERBS) :]
    told = f"{where}: {[one.stderr for one in endings]}"
    assert {one.exit_code for one in first} <= {0, KILLED}, told
    assert {one.exit_code for one in again} == {0}, told
    wanted = {job_id: verb for verb, ids in shares.items() for job_id in ids}
    try:
        assert assert_decided_once(world, [*wanted]) == wanted
    except AssertionError as error:
        error.add_note(told)
        raise


def _clear(world: World, shares: Shares) -> None:
    """What two hundred runs leave would slow down the last."""
    world.redis.delete(*world.keys)
    world.bucket.delete_objects(
        Bucket=world.documents,
        Delete={
            "Objects": [{"Key": f"temp/{job_id}.pdf"} for ids in shares.values() for job_id in ids]
        },
    )
