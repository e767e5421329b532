"""Many that decide on the same jobs at the same moment: each job is decided once, and whole."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jobctl.errors import ExitCode
from tests.acceptance.decided import (
    REASON,
    approvals,
    assert_decided_once,
    awaiting,
    read_trail,
)
from tests.acceptance.warm import Ending, Start, WarmJobctl
from tests.cli.fixtures import MakeWorld
from tests.cli.world import World
from tests.waiting import wait_until

JOBS = 100
CROWD = 8
VERBS = ("approve", "deny")
PAST = {"approve": "approved", "deny": "denied"}


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmJobctl]:
    with WarmJobctl() as warm:
        yield warm


@pytest.fixture(params=["valkey9-seaweed", "redis62-moto"])
def each_world(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    names = {"valkey9-seaweed": ("valkey", "seaweed"), "redis62-moto": ("redis62", "moto")}
    redis, s3 = (request.getfixturevalue(name) for name in names[request.param])
    return make_world(redis, s3)


def _starts(ids: Sequence[str], seed: int) -> list[Start]:
    """Approving and denying in turn, every one in an order of its own; half of them read the ids
    from standard input, a line each or as JSONL."""
    order = random.Random(seed)
    starts = []
    for number in range(CROWD):
        mine = order.sample(ids, len(ids))
        # Looking for documents takes so long that the others would all be first.
        options = ["--no-verify"] if VERBS[number % 2] == "approve" and number < 6 else []
        options += ["--reason", REASON, "--as", f"reviewer-{number}", "-o", "jsonl"]
        options += ["--wait", "30s"]  # for the approval service, where that takes part
        lines = [json.dumps({"id": one}) if number % 3 else one for one in mine]
        piped = number % 4 < 2
        starts.append(
            Start(
                arguments=[VERBS[number % 2], *(["-"] if piped else mine), *options],
                stdin="\n".join(lines) if piped else "",
            )
        )
    return starts


def _answers(endings: Sequence[Ending]) -> list[tuple[int, Any]]:
    """Every outcome with the number of the process that told it."""
    for one in endings:
        assert one.exit_code in (ExitCode.DONE, ExitCode.PARTIAL, ExitCode.CONFLICT), one.everything
        assert len(one.lines) == JOBS
    return [(number, item) for number, one in enumerate(endings) for item in one.lines]


def _assert_told(
    answers: Sequence[tuple[int, Any]], decisions: Mapping[str, str], world: World
) -> None:
    """One process a job says that the decision is its own; the others know how it was decided."""
    trail = read_trail(world, [*decisions])
    winners: dict[str, int] = {}
    for number, item in answers:
        job_id, decision = item["id"], decisions[item["id"]]
        if item["op_id"] == trail.op_ids[job_id, decision]:
            assert item["changed"]
            assert job_id not in winners
            winners[job_id] = number
        elif item["action"] == decision and _code(item) == "partly_done":
            assert "approval service" in item["error"]["message"], item
        elif item["action"] == decision:
            assert item["error"] is None, item
            assert item["notes"][0].startswith(f"{PAST[decision]} already"), item
            assert item["op_id"] == (
                (item["changed"] and trail.op_ids[job_id, "deny-cleanup"]) or None
            )
        else:
            assert _code(item) == "conflict", item
            assert f"was {PAST[decision]} by reviewer-" in item["error"]["message"], item
            assert not item["changed"]
    assert winners.keys() == decisions.keys()
    for job_id, number in winners.items():
        field = "approval_decision" if decisions[job_id] == "approve" else "denial_decision"
        stored = json.loads(trail.records[job_id][field])
        assert stored["reviewed_by"] == f"reviewer-{number}"


def test_a_crowd_that_approves_and_denies_decides_each_job_once(
    each_world: World, warm: WarmJobctl
) -> None:
    world = each_world
    ids = awaiting(world, JOBS)
    endings = warm.run(_starts(ids, seed=len(ids)), env=world.env)
    decisions = assert_decided_once(world, ids)
    _assert_told(_answers(endings), decisions, world)


def test_a_crowd_that_makes_the_same_decision_makes_it_once(
    strict_world: World, warm: WarmJobctl
) -> None:
    """Of several that deny, at most one says that it has finished what another had begun."""
    world = strict_world
    ids = awaiting(world, 20)
    start = Start(arguments=["deny", *ids, "--reason", REASON, "-o", "jsonl"])
    endings = warm.run([start] * CROWD, env=world.env)
    assert {one.exit_code for one in endings} == {0}, [one.stderr for one in endings]
    assert set(assert_decided_once(world, ids).values()) == {"deny"}
    trail = read_trail(world, ids)
    for action in ("deny", "deny-cleanup"):
        told = [
            item["id"]
            for one in endings
            for item in one.lines
            if item["op_id"] == trail.op_ids[item["id"], action]
        ]
        assert len(told) == len(set(told)), "two tell the same change as their own"
        assert action == "deny-cleanup" or set(told) == set(ids)
    changed = Counter(item["id"] for one in endings for item in one.lines if item["changed"])
    assert max(changed.values()) <= 2, "once decided, and once finished for another"


def _approve_all(world: World, ids: Sequence[str], reviewer: str) -> set[str]:
    """What the foreign service approved of *ids*, one after the other, once jobctl has begun."""
    service = approvals(world)
    wait_until(lambda: bool(world.redis.exists(world.key("audit"))))
    won = set()
    for job_id in ids:
        try:
            if service.process_approval_decision(job_id, "approved", REASON, reviewer):
                won.add(job_id)
        except ValueError:  # as its callers see a job that is decided already
            continue
    return won


def _finish(world: World, endings: Sequence[Ending]) -> None:
    """The service locks denied jobs too before it looks at them; who takes off the mark that the
    documents are to be deleted is then told to come again."""
    left = {item["id"] for _, item in _answers(endings) if _code(item) == "partly_done"}
    if left:
        assert world.run("deny", *left, "--reason", REASON).exit_code == 0


def _code(item: Any) -> Any:
    return item["error"] and item["error"]["code"]


def test_a_crowd_beside_the_approval_service_decides_each_job_once(
    each_world: World, warm: WarmJobctl
) -> None:
    world = each_world
    ids = awaiting(world, JOBS)
    order = random.Random(2)
    with ThreadPoolExecutor(5) as pool:
        crowd = pool.submit(warm.run, _starts(ids, seed=3), env=world.env)
        foreign = [
            pool.submit(_approve_all, world, order.sample(ids, JOBS), f"reviewer-{name}")
            for name in "abcd"
        ]
        won = [one.result() for one in foreign]
        endings = crowd.result()
    _finish(world, endings)
    by_service = set().union(*won)
    assert len(by_service) == sum(map(len, won)), "two of the service approved one job"
    ours = assert_decided_once(world, ids, by_others=by_service)
    for job_id in by_service:
        assert world.job(job_id)["status"] == "processing"
    for number, item in _answers(endings):
        if item["id"] in by_service:
            assert item["op_id"] is None, (number, item)
            assert (item["error"] is None) == (item["action"] == "approve"), (number, item)
    _assert_told(
        [(number, item) for number, item in _answers(endings) if item["id"] in ours], ours, world
    )
