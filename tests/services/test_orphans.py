"""Documents of nobody: found only where nobody could miss them, and their names are never told."""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from jobctl.domain.ownership import shown_key
from jobctl.domain.retention import Due, Sweep
from jobctl.errors import JobctlError, UnavailableError
from jobctl.storage.keys import Keys
from tests.servers.proxy import FaultProxy
from tests.services.cleaning import DAY, actions_on, job_of_the_past, planned, policy, swept
from tests.services.deciding import documents, server_time
from tests.services.world import DOCUMENTS, RESULTS, World
from tests.storage.redis_under_test import assert_sound_chain, open_store

ORPHANS = frozenset({Sweep.ORPHANS})
OWN = ("temp/{}.pdf", "temp/{}/John.pdf", "{}/pages/1.png", "debug/{}/round-1/log.json")
OWN_RESULTS = ("results/{}/out.html", "{}.md", "{}/old.html")


def put(world: World, bucket: str, *keys: str, age: timedelta = 3 * DAY) -> None:
    world.put(bucket, *keys)
    written = (server_time(world) - age).timestamp()
    for key in keys:
        os.utime(world.root / bucket / key, (written, written))


def orphaned(world: World, bucket: str = DOCUMENTS, patterns: Sequence[str] = OWN) -> str:
    """The id below which there are old documents of each kind, and no job."""
    job_id = str(uuid4())
    put(world, bucket, *(pattern.format(job_id) for pattern in patterns))
    return job_id


def found(world: World, **options: Any) -> list[Due]:
    return [*planned(world, sweeps=ORPHANS, **options).entries()]


def keys_found(world: World, **options: Any) -> set[str]:
    return {due.key for due in found(world, **options)}


def test_old_documents_of_no_job_are_found(world: World) -> None:
    job_id = orphaned(world)
    assert keys_found(world) == {pattern.format(job_id) for pattern in OWN}
    assert {due.job_id for due in found(world)} == {job_id}


@pytest.mark.parametrize("status", ["completed", "processing", "paused"])
def test_documents_of_a_job_are_nobodys_orphans(world: World, status: str) -> None:
    job_of_the_past(world, orphaned(world), status, document=False)
    assert keys_found(world) == set()


def test_a_job_that_is_not_in_the_index_keeps_its_documents(world: World) -> None:
    job_id = job_of_the_past(world, orphaned(world), document=False)
    world.redis.raw.zrem(world.redis.keys.index, job_id)
    assert keys_found(world) == set()


def test_an_expired_job_that_is_in_the_index_is_left_to_the_sweep_of_the_index(
    world: World,
) -> None:
    world.redis.raw.zadd(world.redis.keys.index, {orphaned(world): 5})
    assert keys_found(world) == set()


@pytest.mark.parametrize("kind", ["no times", "no hash"])
def test_a_record_that_nobody_can_read_keeps_its_documents(world: World, kind: str) -> None:
    key = world.redis.keys.job(orphaned(world))
    if kind == "no times":
        world.redis.raw.hset(key, mapping={"s3_key": "temp/a.pdf"})
    else:
        world.redis.raw.set(key, "text")
    assert keys_found(world) == set()


def test_the_grace_period_is_kept(world: World) -> None:
    young, old = str(uuid4()), str(uuid4())
    put(world, DOCUMENTS, f"temp/{young}.pdf", age=2 * DAY - timedelta(minutes=1))
    put(world, DOCUMENTS, f"temp/{old}.pdf", age=2 * DAY + timedelta(minutes=1))
    assert keys_found(world) == {f"temp/{old}.pdf"}
    assert keys_found(world, grace=timedelta(hours=1)) == {f"temp/{young}.pdf", f"temp/{old}.pdf"}


@pytest.mark.parametrize("indexed", [True, False])
def test_a_document_that_another_record_names_is_kept(world: World, indexed: bool) -> None:
    job_id = orphaned(world)
    job_of_the_past(world, "job-1", document=False, s3_key=f"temp/{job_id}.pdf")
    if not indexed:
        world.redis.raw.zrem(world.redis.keys.index, "job-1")
    assert keys_found(world) == {pattern.format(job_id) for pattern in OWN[1:]}


def test_what_has_no_uuid_may_be_anybodys(world: World) -> None:
    job_id = str(uuid4())
    put(
        world,
        DOCUMENTS,
        "temp/job-1.pdf", "readme.txt", f"temp/{job_id}-other.pdf", f"temp/{job_id}.tar.gz",
        f"backup/{job_id}.pdf", f"{job_id}/other/x", f"temp/{job_id}",
    )  # fmt: skip
    assert keys_found(world, results=True) == set()


def test_results_are_looked_at_only_on_request(world: World) -> None:
    job_id = orphaned(world, RESULTS, OWN_RESULTS)
    assert keys_found(world) == set()
    assert keys_found(world, results=True) == {one.format(job_id) for one in OWN_RESULTS}


def test_a_redis_that_does_not_answer_makes_no_orphans(world: World) -> None:
    orphaned(world)
    with FaultProxy(world.redis.url) as proxy:
        store = open_store(proxy.url, world.redis.keys)
        proxy.refuse()
        with pytest.raises(UnavailableError):
            [*_orphans(world, store)]
        store.close()


@pytest.mark.parametrize("lost", [b"HMGET", b"ZSCORE"])
def test_a_redis_that_goes_away_in_the_middle_makes_no_orphans(world: World, lost: bytes) -> None:
    orphaned(world)
    job_of_the_past(world, "job-1")
    with FaultProxy(world.redis.url) as proxy:
        store = open_store(proxy.url, world.redis.keys)
        proxy.drop_reply(matching=lost, times=100)
        with pytest.raises(JobctlError):
            [*_orphans(world, store)]
        store.close()


def _orphans(world: World, store: Any) -> Any:
    from jobctl.services.orphans import find_orphans

    return find_orphans(policy(world), jobs=store, documents=documents(world), results=False)


def test_orphans_go_behind_a_record_of_the_intent(world: World) -> None:
    job_id, other = orphaned(world), orphaned(world, patterns=OWN[:1])
    job_of_the_past(world, "job-1", "processing", age=timedelta(0))
    report, operations = swept(world, sweeps=ORPHANS)
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
    assert (len(operations), report.failed, report.objects) == (5, 0, 5)
    assert {one.action for one in operations if one.changed} == {"delete-orphan"}
    for one in (job_id, other):
        assert actions_on(world, one) == ["orphan-intent", "delete-orphan"]
    summaries = {entry["summary"] for _, entry in world.redis.audit()}
    assert summaries == {"documents of no job", "4 objects deleted", "1 object deleted"}
    assert_sound_chain(world.redis.audit())


def test_names_of_documents_are_never_told(world: World) -> None:
    job_id = orphaned(world, patterns=("temp/{}/John.pdf", "temp/{}.pdf"))
    _, operations = swept(world, sweeps=ORPHANS)
    told = repr(operations) + repr(world.redis.audit())
    assert "John" not in told
    assert f"temp/{job_id}/…" in told
    assert f"temp/{job_id}.pdf" in told


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("temp/ID/John.pdf", "temp/ID/…"),
        ("temp/ID.pdf", "temp/ID.pdf"),
        ("ID/pages/1.png", "ID/…"),
        ("ID-John.md", "ID-…"),
    ],
)
def test_a_key_is_shown_up_to_its_owner(key: str, shown: str) -> None:
    assert shown_key(key, "ID") == shown


def test_a_job_that_has_appeared_meanwhile_keeps_its_documents(world: World) -> None:
    job_id, other = orphaned(world), orphaned(world)
    plan = planned(world, sweeps=ORPHANS)
    job_of_the_past(world, job_id, document=False)
    report, operations = swept(world, plan)
    assert world.keys_in(DOCUMENTS) == {pattern.format(job_id) for pattern in OWN}
    assert {one.id for one in operations if one.changed} == {other}
    assert (report.failed, actions_on(world, job_id)) == (0, [])


def test_a_document_that_is_registered_meanwhile_is_kept(world: World) -> None:
    """A plan may be days old."""
    job_id = orphaned(world)
    plan = planned(world, sweeps=ORPHANS)
    job_of_the_past(world, "job-1", document=False, s3_key=f"temp/{job_id}.pdf")
    report, operations = swept(world, plan)
    assert world.keys_in(DOCUMENTS) == {f"temp/{job_id}.pdf"}
    assert sum(one.changed for one in operations) == 3
    assert report.failed == 0


def test_what_cannot_be_deleted_is_told_and_left_for_the_next_run(world: World) -> None:
    job_id, other = orphaned(world), orphaned(world)
    world.objects.stuck = {f"temp/{job_id}.pdf"}
    report, operations = swept(world, sweeps=ORPHANS)
    assert world.keys_in(DOCUMENTS) == {f"temp/{job_id}.pdf"}
    assert {one.id for one in operations if one.error} == {job_id}
    assert report.failed == 4
    assert actions_on(world, job_id) == ["orphan-intent"]
    assert actions_on(world, other) == ["orphan-intent", "delete-orphan"]

    world.objects.stuck = set()
    swept(world, sweeps=ORPHANS)
    assert world.keys_in(DOCUMENTS) == set()


def test_a_lease_that_has_run_out_deletes_nothing(world: World) -> None:
    orphaned(world)
    plan, before = planned(world, sweeps=ORPHANS), world.keys_in(DOCUMENTS)
    peek = world.redis.store.peek

    class Paused:
        def __getattr__(self, name: str) -> Any:
            return getattr(world.redis.store, name)

        def peek(self, job_ids: Sequence[str]) -> Any:
            world.redis.raw.delete(world.redis.keys.lease)
            return peek(job_ids)

    with pytest.raises(JobctlError, match="lease has run out"):
        swept(world, plan, jobs=Paused())
    assert world.keys_in(DOCUMENTS) == before
    assert world.redis.audit() == []


def test_thousands_of_orphans_are_joined_with_thousands_of_jobs(world: World) -> None:
    ids = [str(uuid4()) for _ in range(1_300)]
    put(world, DOCUMENTS, *(f"temp/{job_id}.pdf" for job_id in ids))
    keys = Keys(world.redis.keys.namespace)
    pipe = world.redis.raw.pipeline(transaction=False)
    for job_id in ids[::2]:
        pipe.hset(keys.job(job_id), mapping={"status": "queued", "s3_key": f"temp/{job_id}.pdf"})
    pipe.execute()
    assert keys_found(world) == {f"temp/{job_id}.pdf" for job_id in ids[1::2]}
