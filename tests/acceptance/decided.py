"""Jobs that await a decision, and what must hold once they are decided, whoever took part."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.acceptance.foreign_approval import ForeignApprovalService
from tests.cli.world import World, new_id
from tests.storage.redis_under_test import assert_sound_chain

REASON = "names of the staff alone"
DECISIONS = ("approve", "deny", "cancel")
ENDS = {"processing_queued": "approve", "denied": "deny", "cancelled": "cancel"}
DECISION_FIELDS = {
    "approve": {"approval_decision", "approved_at"},
    "deny": {"denial_decision", "denied_at"},
    "cancel": {"cancelled_at", "cancel_reason"},
}


def approvals(world: World) -> ForeignApprovalService:
    return ForeignApprovalService(
        world.redis,
        world.namespace,
        delete_documents=lambda key: world.bucket.delete_object(Bucket=world.documents, Key=key),
    )


def awaiting(world: World, count: int) -> list[str]:
    """The ids of new jobs with documents that somebody is to decide on, as the services do it."""
    service = approvals(world)
    ids = [world.seed("pii_scanning", job_id=new_id()) for _ in range(count)]
    for job_id in ids:
        service.request_approval(job_id)
    put_documents(world, ids)
    return ids


def put_documents(world: World, ids: Iterable[str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda job_id: _put(world, job_id), ids))


def _put(world: World, job_id: str) -> None:
    world.bucket.put_object(Bucket=world.documents, Key=f"temp/{job_id}.pdf", Body=b"%PDF-1.7")


@dataclass(slots=True, kw_only=True)
class Trail:
    """What a namespace holds, by job; read once, after everybody has come to an end.

    `refused` are the records of attempts that changed nothing; `actions` has the others.
    """

    records: Mapping[str, Mapping[str, str]]
    entries: Mapping[str, Counter[str]]
    documents: frozenset[str]
    actions: Mapping[str, list[str]] = field(default_factory=dict)
    op_ids: Mapping[tuple[str, str], str] = field(default_factory=dict)
    refused: int = 0


def read_trail(world: World, ids: Sequence[str]) -> Trail:
    chain = world.redis.xrange(world.key("audit"))
    assert_sound_chain(chain)
    actions: dict[str, list[str]] = defaultdict(list)
    op_ids = {}
    refused = 0
    for _, entry in chain:
        if entry["action"].endswith("-refused"):
            refused += 1
            continue
        actions[entry["job_id"]].append(entry["action"])
        op_ids[entry["job_id"], entry["action"]] = entry["op_id"]
    found = world.bucket.list_objects_v2(Bucket=world.documents).get("Contents", ())
    return Trail(
        records={job_id: world.job(job_id) for job_id in ids},
        entries={name: _jobs_in(world, f"queue:{name}") for name in ("processing", "approval")},
        documents=frozenset(item["Key"] for item in found),
        actions=actions,
        op_ids=op_ids,
        refused=refused,
    )


def _jobs_in(world: World, queue: str) -> Counter[str]:
    texts: list[str] = world.redis.lrange(world.key(queue), 0, -1)
    return Counter(json.loads(text)["job_id"] for text in texts)


def assert_decided_once(
    world: World, ids: Sequence[str], *, by_others: Iterable[str] = ()
) -> Mapping[str, str]:
    """Which decision each job has, after checking that it has that one alone and all of it.

    The jobs of *by_others*, which the foreign service approved, are checked for no trace of jobctl.
    """
    trail = read_trail(world, ids)
    others = frozenset(by_others)
    decisions = {job_id: _decision_of(job_id, trail) for job_id in ids if job_id not in others}
    for job_id in others:
        assert trail.actions.get(job_id, []) == [], job_id
        assert trail.entries["processing"][job_id] == 0, job_id
        assert f"temp/{job_id}.pdf" in trail.documents, job_id
        assert "denial_decision" not in trail.records[job_id], job_id
    left = [key for key in world.keys if ":approval-token:" in key or ":approval-lock:" in key]
    assert len(left) == len(others), left
    deadlines = set(world.redis.zrange(world.key("timeouts:approval"), 0, -1))
    assert deadlines.isdisjoint(decisions)
    return decisions


def _decision_of(job_id: str, trail: Trail) -> str:
    record = trail.records[job_id]
    assert record["status"] in ENDS, (job_id, record)
    decision = ENDS[record["status"]]
    for other, names in DECISION_FIELDS.items():
        assert names <= record.keys() if other == decision else names.isdisjoint(record), job_id
    assert {"approval_token", "cleanup_state"}.isdisjoint(record), (job_id, record)
    wanted = [decision, "deny-cleanup"] if decision == "deny" else [decision]
    assert trail.actions[job_id] == wanted, job_id
    assert trail.entries["approval"][job_id] == 0, job_id
    assert trail.entries["processing"][job_id] == (decision == "approve"), job_id
    assert (f"temp/{job_id}.pdf" in trail.documents) == (decision != "deny"), job_id
    return decision
