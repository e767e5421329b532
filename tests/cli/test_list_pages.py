"""`list` by pages: nothing is lost or repeated, whatever the index holds and whoever writes it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from tests.cli.world import World, new_id

NOW = 1_790_000_000.0


def _pages(world: World, *options: str) -> Iterator[list[str]]:
    cursor: str | None = None
    while True:
        more = ["--cursor", cursor] if cursor else []
        document = world.run("list", "-o", "json", *options, *more).json
        yield [item["id"] for item in document["items"]]
        cursor = document["next_cursor"]
        if cursor is None:
            return


def _seed(world: World, amount: int, *, spacing: float) -> list[str]:
    ids = [f"job-{number:04}" for number in range(amount)]
    pipe = world.redis.pipeline(transaction=False)
    for number, job_id in enumerate(ids):
        status = "failed" if number % 3 else "completed"
        pipe.hset(world.key("job", job_id), mapping={"job_id": job_id, "status": status})
        pipe.zadd(world.key("jobs-by-updated"), {job_id: NOW + number * spacing})
    pipe.execute()
    return ids


@pytest.mark.parametrize("spacing", [1.0, 0.0], ids=["different times", "equal times"])
@pytest.mark.parametrize("size", ["1", "7", "64", "100"])
def test_pages_together_are_the_whole_list(size: str, spacing: float, any_world: World) -> None:
    amount = 9 if size == "1" else 150
    ids = _seed(any_world, amount, spacing=spacing)
    pages = list(_pages(any_world, "--limit", size))
    assert [job_id for page in pages for job_id in page] == ids[::-1]
    assert all(len(page) <= int(size) for page in pages)


def test_pages_of_a_filtered_list(world: World) -> None:
    ids = _seed(world, 150, spacing=0.5)
    pages = list(_pages(world, "--limit", "10", "--status", "completed"))
    assert [job_id for page in pages for job_id in page] == ids[::3][::-1]


def test_all_is_the_whole_list_at_once(world: World) -> None:
    ids = _seed(world, 300, spacing=0.0)
    assert world.run("list", "--all", "-o", "id").stdout.split() == ids[::-1]


@contextmanager
def _busy(world: World, ids: list[str]) -> Iterator[None]:
    """Somebody touches these jobs, one after the other, until the block ends."""
    done = threading.Event()

    def touch() -> None:
        for number in count():
            if done.is_set():
                return
            job_id = ids[number % len(ids)]
            world.redis.zadd(world.key("jobs-by-updated"), {job_id: NOW + 100_000 + number})

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("spacing", [1.0, 0.0], ids=["different times", "equal times"])
def test_jobs_that_nobody_touches_are_listed_once_while_others_change(
    spacing: float, any_world: World
) -> None:
    world = any_world
    ids = _seed(world, 200, spacing=spacing)
    busy, quiet = ids[::4], [job_id for place, job_id in enumerate(ids) if place % 4]
    with _busy(world, busy):
        paged = [job_id for page in _pages(world, "--limit", "15") for job_id in page]
        whole = world.run("list", "--all", "-o", "id").stdout.split()
    for listed in (paged, whole):
        assert [job_id for job_id in listed if job_id in set(quiet)] == quiet[::-1]


def test_ghosts_are_left_out_and_named(any_world: World) -> None:
    world = any_world
    job_id = world.seed(at=NOW)
    world.redis.zadd(world.key("jobs-by-updated"), {f"ghost-{n}": NOW + n for n in range(-3, 4)})
    outcome = world.run("list", "-o", "id")
    assert (outcome.exit_code, outcome.stdout) == (0, f"{job_id}\n")
    assert "7 index entries point to expired jobs" in outcome.stderr
    assert world.run("list", "--count").stdout == "1\n"
    assert [one for page in _pages(world, "--limit", "1") for one in page] == [job_id]
    assert world.run("status", "ghost-1").exit_code == 4


def test_nothing_but_ghosts(world: World) -> None:
    world.redis.zadd(world.key("jobs-by-updated"), {f"ghost-{n}": NOW for n in range(300)})
    outcome = world.run("list", "-o", "json", "--limit", "5")
    assert outcome.exit_code == 0
    assert outcome.json["items"] == []
    assert outcome.json["next_cursor"] is None


def test_a_record_that_was_written_after_it_expired(any_world: World) -> None:
    """No job_id, no created_at, no lifetime, and sometimes not in the index (hazard 4)."""
    world = any_world
    indexed, hidden, sound = new_id(), new_id(), world.seed()
    for job_id in (indexed, hidden):
        world.foreign.put_fields(job_id, status="completed", result_url="s3://r/1.md")
    world.redis.zadd(world.key("jobs-by-updated"), {indexed: NOW})
    listed = world.run("list", "-o", "id")
    assert listed.exit_code == 0
    assert set(listed.stdout.split()) == {indexed, sound}
    items = world.run("status", indexed, hidden, "-o", "json").json["items"]
    codes = [{one["code"] for one in item["anomalies"]} for item in items]
    assert codes[0] == {"no_ttl", "unreadable_field"}
    assert codes[1] == {"no_ttl", "unreadable_field", "not_indexed"}
    assert items[0]["record"]["ttl_seconds"] is None
    assert "job_id is missing" in items[0]["unreadable"]
    for output in ("table", "wide", "csv", "tsv", "id"):
        assert world.run("status", hidden, "-o", output).exit_code == 0
    assert "never expires" in world.run("status", hidden, "-o", "table").stdout


GARBAGE = {
    "status": "",
    "created_at": "yesterday",
    "updated_at": "2026-01-01T00:00:00",
    "max_rounds": "many",
    "percentage": "nan",
    "file_size": "1e3",
    "confidence_score": "inf",
    "pii_findings": "not json",
    "metadata": "{" * 5000,
    "approval_decision": "[]",
    "page_image_keys": "null",
    "": "an empty name",
}


@pytest.mark.parametrize("output", ["table", "wide", "json", "jsonl", "csv", "tsv", "id"])
def test_a_record_of_garbage_breaks_no_command(output: str, any_world: World) -> None:
    world = any_world
    job_id = new_id()
    world.redis.hset(world.key("job", job_id), mapping=GARBAGE)
    world.redis.zadd(world.key("jobs-by-updated"), {job_id: NOW})
    for arguments in (["list"], ["status", job_id], ["list", "--sort", "created", "--limit", "5"]):
        outcome = world.run(*arguments, "-o", output)
        assert outcome.exit_code == 0, outcome.stderr
        assert job_id in outcome.stdout


def test_bytes_that_are_not_utf8_break_no_command(any_world: World) -> None:
    world = any_world
    job_id = world.seed()
    world.redis.hset(world.key("job", job_id), "document_name", b"caf\xe9")
    world.redis.hset(world.key("job", job_id), b"fie\xffld", b"\xfe")
    assert world.run("list").rows[0]["name"] == r"caf\xe9"
    document = world.run("status", job_id, "-o", "json").json
    assert document["name"] == "caf\ufffd"
