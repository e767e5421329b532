"""Killed at any moment: the next run of cleanup finishes what was begun, and nothing twice."""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from tests.acceptance.decided import put_documents
from tests.acceptance.warm import Ending, Start, WarmJobctl
from tests.cli.world import World, new_id
from tests.storage.redis_under_test import assert_sound_chain

RUNS = int(os.environ.get("KILL_RUNS", "24"))  # in all; KILL_RUNS=100 for a long look
TESTS = 4  # so that several workers have something to do
KILLED = -9
DAY = 86_400
SIZES = (*[30] * 8, 40, 40, 60, 300)
CLEANUP = Start(arguments=["cleanup", "--yes", "--max-delete", "100%", "-o", "jsonl"])
# Where the next one is aimed at, so that most are hit between their first change and their end.
_CORRECTION = {"nothing done": 1.15, "not yet": 1.05, "past it": 0.93, "survived": 0.8}
# What the trail of a job holds in the end, by what it was.
TRAILS = {
    "old": ["delete-intent", "delete"],
    "ghost": ["prune-intent", "prune"],
    "late": ["time-out", "time-out-cleanup"],
    "stuck": ["fail-stuck"],
    "new": [],
}
KEPT = frozenset({"new", "stuck"})


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmJobctl]:
    with WarmJobctl() as warm:
        yield warm


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The kind of each job."""

    kinds: Mapping[str, str]

    def of(self, *kinds: str) -> set[str]:
        return {job_id for job_id, kind in self.kinds.items() if kind in kinds}


def _population(world: World, draw: random.Random) -> Population:
    kinds = {new_id(): _kind(draw) for _ in range(draw.choice(SIZES))}
    now = time.time()
    long_ago, expired = now - 60 * DAY, "2026-01-01T00:00:00+00:00"
    for job_id, kind in kinds.items():
        if kind == "new":
            world.seed(draw.choice(["completed", "queued"]), job_id=job_id, at=now - DAY)
        elif kind == "late":
            world.seed("awaiting_approval", job_id=job_id, approval_expires_at=expired)
            world.redis.zadd(world.key("timeouts:approval"), {job_id: 1.0})
            world.redis.lpush(world.key("queue:approval"), json.dumps({"job_id": job_id}))
        elif kind == "stuck":
            world.seed("processing", job_id=job_id, at=now - DAY)
        else:
            world.seed("completed", job_id=job_id, at=long_ago)
    ghosts = [world.key("job", job_id) for job_id, kind in kinds.items() if kind == "ghost"]
    world.redis.delete("nothing", *ghosts)
    put_documents(world, kinds)
    return Population(kinds=kinds)


def _kind(draw: random.Random) -> str:
    (kind,) = draw.choices(["old", "new", "ghost", "late", "stuck"], weights=[12, 4, 3, 3, 2])
    return kind


@pytest.mark.parametrize("seed", range(TESTS))
def test_a_cleanup_that_was_killed_is_finished_by_the_next(
    seed: int, strict_world: World, warm: WarmJobctl
) -> None:
    draw = random.Random(seed)
    aim = 0.2
    fates: Counter[str] = Counter()
    for run in range(RUNS // TESTS):
        world = replace(strict_world, namespace=f"{strict_world.namespace}-{new_id()}")
        population = _population(world, draw)
        doomed = replace(CLEANUP, kill_after=draw.uniform(0.6, 1.3) * aim)
        [first] = warm.run([doomed], env=world.env)
        _check_while_unfinished(world, population)
        fate = _fate(world, first)
        fates[fate] += 1
        aim *= _CORRECTION.get(fate, 1)
        world.redis.delete(world.key("jobctl:lease:cleanup"))  # it would run out by itself
        [again] = warm.run([CLEANUP], env=world.env)
        told = f"seed {seed}, run {run}, {fate}: {first.stderr} {again.stderr}"
        assert first.exit_code in {0, KILLED}, told
        assert again.exit_code == 0, told
        _check_the_end(world, population, told, killed=first.exit_code == KILLED)
        if run % 5 == 0:
            [idle] = warm.run([CLEANUP], env=world.env)
            [summary] = idle.stdout.splitlines()
            assert (idle.exit_code, json.loads(summary)["done"]) == (0, {}), told
        world.redis.delete(*world.keys)
        _empty(world)
    # Else nobody was hit where it hurts; few runs may miss it.
    assert fates["begun"] or RUNS < 100, fates


def _fate(world: World, ending: Ending) -> str:
    if ending.exit_code != KILLED:
        return "survived"
    done = Counter(entry["action"] for entry in world.audit)
    if done["delete-intent"] > done["delete"] or done["prune-intent"] > done["prune"]:
        return "begun"
    if done["delete"]:
        return "past it"
    return "not yet" if done else "nothing done"


def _documents(world: World) -> set[str]:
    pages = world.bucket.get_paginator("list_objects_v2").paginate(Bucket=world.documents)
    keys = {item["Key"] for page in pages for item in page.get("Contents", ())}
    return {key.removeprefix("temp/").removesuffix(".pdf") for key in keys}


def _empty(world: World) -> None:
    left = [{"Key": f"temp/{job_id}.pdf"} for job_id in _documents(world)]
    if left:
        world.bucket.delete_objects(Bucket=world.documents, Delete={"Objects": left})  # type: ignore[typeddict-item] # as above


def _check_while_unfinished(world: World, population: Population) -> None:
    """Whatever has lost its documents has a record of the intent; nobody lost more than was due."""
    trail: dict[str, list[str]] = {}
    for entry in world.audit:
        trail.setdefault(entry["job_id"], []).append(entry["action"])
    lost = population.kinds.keys() - _documents(world)
    assert lost.isdisjoint(population.of(*KEPT))
    assert all(trail.get(job_id) for job_id in lost)
    known = {key.rpartition(":")[2] for key in world.redis.keys(world.key("job", "*"))}
    indexed = set(world.redis.zrange(world.key("jobs-by-updated"), 0, -1))
    # A document without a job is found by the next run.
    assert population.kinds.keys() - lost <= known | indexed
    for job_id in population.kinds.keys() - known - population.of("ghost"):
        assert trail[job_id] == TRAILS["old"]


def _without_repeated_intent(trail: list[str], *, killed: bool) -> list[str]:
    """An expired record has nowhere to keep a mark: a run that was killed between the intent and
    the deletion leaves the next one nothing to know it by, so it records its own."""
    repeated = killed and trail[:2] == ["prune-intent", "prune-intent"]
    return trail[1:] if repeated else trail


def _check_the_end(world: World, population: Population, told: str, *, killed: bool) -> None:
    chain = world.redis.xrange(world.key("audit"))
    assert_sound_chain(chain)
    trail: dict[str, list[str]] = {job_id: [] for job_id in population.kinds}
    for _, entry in chain:
        trail[entry["job_id"]].append(entry["action"])
    for job_id, kind in population.kinds.items():
        assert _without_repeated_intent(trail[job_id], killed=killed) == TRAILS[kind], told
    assert _documents(world) == population.of(*KEPT), told
    known = {key.rpartition(":")[2] for key in world.redis.keys(world.key("job", "*"))}
    assert known == population.of("new", "stuck", "late"), told
    assert set(world.redis.zrange(world.key("jobs-by-updated"), 0, -1)) == known, told
    late = [world.job(job_id) for job_id in population.of("late")]
    assert all(one["status"] == "failed" and "cleanup_state" not in one for one in late), told
    assert not world.redis.exists(world.key("queue:approval"), world.key("timeouts:approval")), told
