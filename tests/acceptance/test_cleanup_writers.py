"""Others revive and change jobs while cleanup deletes: what they have saved stays."""

import json
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from redis import Redis

from tests.cli.foreign import ForeignJobService
from tests.cli.runner import start
from tests.cli.world import World, new_id
from tests.storage.redis_under_test import assert_sound_chain

JOBS = 10_000
WITH_DOCUMENTS = 1_000
WRITERS = 4
DAY = 86_400
# Written in one step with the check that the record is still there: a worker that is holding a
# job knows that it exists.
REVIVE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[1], 'updated_at', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
return 1
"""


def test_no_job_that_a_writer_has_saved_is_deleted(world: World) -> None:
    ids = _old_jobs(world)
    stop = threading.Event()
    with ThreadPoolExecutor(WRITERS) as pool:
        process = start("cleanup", "--yes", "--max-delete", "100%", "-o", "jsonl", env=world.env)
        writers = [
            pool.submit(_write, world, ids[number::WRITERS], stop, number)
            for number in range(WRITERS)
        ]
        try:
            stdout, stderr = process.communicate(timeout=120)
        finally:
            process.kill()
            stop.set()
        saved = {job_id for writer in writers for job_id in writer.result()}
    assert process.returncode in {0, 3}, stderr
    chain = world.redis.xrange(world.key("audit"))
    assert_sound_chain(chain)
    deleted = [entry["job_id"] for _, entry in chain if entry["action"] == "delete"]
    intended = [entry["job_id"] for _, entry in chain if entry["action"] == "delete-intent"]
    assert len(deleted) == len(set(deleted))
    assert set(deleted) <= set(intended)
    assert saved.isdisjoint(deleted)
    known = {key.rpartition(":")[2] for key in world.redis.keys(world.key("job", "*"))}
    assert saved <= known
    assert known == set(ids) - set(deleted)
    # Both have had their share, else this has shown nothing.
    assert saved
    assert len(deleted) > len(saved) / 10
    _check_documents(world, ids, saved, intended)
    *told, summary = [json.loads(line) for line in stdout.splitlines()]
    assert summary["done"]["delete"] == len(deleted)
    assert {one["id"] for one in told if one["action"] == "delete" and one["changed"]} == {*deleted}


def _old_jobs(world: World) -> Sequence[str]:
    ids = [new_id() for _ in range(JOBS)]
    foreign, at = world.foreign, time.time() - 60 * DAY
    for number, job_id in enumerate(ids):
        foreign.create_job(job_id, f"temp/{job_id}.pdf", "completed", at=at - number)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda job_id: _put(world, job_id), ids[:: JOBS // WITH_DOCUMENTS]))
    return ids


def _put(world: World, job_id: str) -> None:
    world.bucket.put_object(Bucket=world.documents, Key=f"temp/{job_id}.pdf", Body=b"%PDF-1.7")


def _write(world: World, ids: Sequence[str], stop: threading.Event, seed: int) -> set[str]:
    """The ids of the jobs that were there when this writer changed them."""
    draw = random.Random(seed)
    saved: set[str] = set()
    with Redis.from_url(world.redis_url, decode_responses=True) as client:
        revive = client.register_script(REVIVE)
        foreign = ForeignJobService(client, world.namespace)
        while not stop.is_set():
            job_id = draw.choice(ids)
            now = time.time()
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now))
            status = draw.choice(["processing", "completed", "queued"])
            keys = [f"{foreign.prefix}{job_id}", foreign.index_key]
            if revive(keys=keys, args=[status, stamp, now, job_id]):
                saved.add(job_id)
            stop.wait(0.002)
    return saved


def _check_documents(
    world: World, ids: Sequence[str], saved: set[str], intended: Sequence[str]
) -> None:
    """A document is gone only behind an intent; one that was saved before its mark is there."""
    pages = world.bucket.get_paginator("list_objects_v2").paginate(Bucket=world.documents)
    there = {item["Key"] for page in pages for item in page.get("Contents", ())}
    for job_id in ids[:: JOBS // WITH_DOCUMENTS]:
        if f"temp/{job_id}.pdf" not in there:
            assert job_id in intended
        elif job_id not in saved:
            assert world.job(job_id)
