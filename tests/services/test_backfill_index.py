"""The index is mended from the records, and scores never move back, whoever writes meanwhile."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest

from jobctl.errors import ConflictError, ExitCode
from jobctl.services.backfill_index import BackfillIndex, IndexReport, backfill_index
from jobctl.storage.keys import Keys
from jobctl.storage.redis_connection import connect, parse_redis_url
from jobctl.storage.redis_index_repair import RedisIndexRepair
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer
from tests.storage.redis_under_test import (
    AT,
    SCORE,
    RedisUnderTest,
    assert_sound_chain,
    plain_client,
    redis_under_test,
)

LATER = AT + timedelta(days=1)


class Bench:
    """A server, and `backfill-index` on it. `index` may be replaced by one that misbehaves."""

    def __init__(self, redis: RedisUnderTest, client: Any) -> None:
        self.redis = redis
        self.index: Any = RedisIndexRepair(client, keys=redis.keys, server="here")

    def run(self, **changes: Any) -> IndexReport:
        values: dict[str, Any] = {"mode": "repair", "actor": "tester", "new_op_id": lambda: "op"}
        request = BackfillIndex(**(values | changes))
        return backfill_index(request, index=self.index, jobs=self.redis.store)

    def scores(self) -> dict[str, float]:
        return dict(self.redis.raw.zrange(self.redis.keys.index, 0, -1, withscores=True))

    def forget(self, *job_ids: str) -> None:
        self.redis.raw.zrem(self.redis.keys.index, *job_ids)

    def own_keys(self) -> set[str]:
        return set(self.redis.raw.keys(_escaped(self.redis.keys.namespace) + ":jobctl:*"))


def _escaped(text: str) -> str:
    return "".join(f"\\{one}" if one in "*?[]^\\" else one for one in text)


@contextmanager
def opened(url: str, namespace: str) -> Iterator[Bench]:
    with redis_under_test(url, namespace) as redis:
        client = connect(parse_redis_url(url), slot_key="any")
        yield Bench(redis, client)
        client.close()


@pytest.fixture
def bench(any_redis: RedisServer, namespace: str) -> Iterator[Bench]:
    with opened(any_redis.url, namespace) as entered:
        yield entered


def crowd(bench: Bench, count: int) -> dict[str, float]:
    """So many indexed jobs, each changed a second after the one before; their scores."""
    scores = {}
    pipe = bench.redis.raw.pipeline(transaction=False)
    for number in range(count):
        at = AT + timedelta(seconds=number)
        scores[f"job-{number:05}"] = at.timestamp()
        times = {"created_at": AT.isoformat(), "updated_at": at.isoformat()}
        pipe.hset(bench.redis.keys.job(f"job-{number:05}"), mapping=times | {"status": "failed"})
    pipe.zadd(bench.redis.keys.index, scores)
    pipe.execute()
    return scores


def damaged(bench: Bench) -> dict[str, float]:
    """Three missing, two behind, one ahead, one that nobody can date, and two ghosts."""
    scores = crowd(bench, 20)
    bench.forget("job-00001", "job-00002", "job-00003")
    bench.redis.raw.zadd(bench.redis.keys.index, {"job-00004": 1, "job-00005": SCORE - 60})
    bench.redis.raw.zadd(bench.redis.keys.index, {"job-00006": SCORE + 999})
    bench.redis.raw.hset(bench.redis.keys.job("undatable"), "status", "queued")
    bench.redis.raw.zadd(bench.redis.keys.index, {"ghost-1": 7, "ghost-2": 8})
    return scores | {"job-00006": SCORE + 999, "ghost-1": 7, "ghost-2": 8}


def counts(report: IndexReport) -> dict[str, int]:
    names = ("scanned", "missing", "behind", "undatable", "ghosts", "pruned", "unchanged", "size")
    return {name: getattr(report, name) for name in names}


def test_a_repair_adds_what_is_missing_and_raises_what_is_behind(bench: Bench) -> None:
    expected = damaged(bench)
    report = bench.run()
    assert bench.scores() == expected
    assert counts(report) == {
        "scanned": 21,
        "missing": 3,
        "behind": 2,
        "undatable": 1,
        "ghosts": 0,
        "pruned": 0,
        "unchanged": 15,
        "size": 22,
    }
    assert report.examples == ["undatable"]
    assert (report.complete, report.exit_code) == (True, ExitCode.DONE)
    ((_, record),) = bench.redis.audit()
    assert (record["action"], record["actor"]) == ("backfill-index", "tester")
    assert record["summary"] == "repair: 21 records, 3 added, 2 raised, 0 pruned"
    assert_sound_chain(bench.redis.audit())


def test_a_second_repair_finds_nothing_and_records_nothing(bench: Bench) -> None:
    damaged(bench)
    bench.run()
    before = bench.redis.everything()
    report = bench.run()
    assert (report.missing, report.behind) == (0, 0)
    assert bench.redis.everything() == before


def test_a_check_finds_what_a_repair_would_mend_and_changes_nothing(bench: Bench) -> None:
    damaged(bench)
    before = bench.redis.everything()
    report = bench.run(mode="check")
    assert bench.redis.everything() == before
    assert (report.missing, report.behind, report.ghosts, report.undatable) == (3, 2, 2, 1)
    assert report.exit_code is ExitCode.FINDINGS


def test_a_check_of_a_sound_index_finds_nothing(bench: Bench) -> None:
    crowd(bench, 700)
    report = bench.run(mode="check")
    assert (report.scanned, report.exit_code) == (700, ExitCode.DONE)


def test_pruning_takes_out_ghosts_alone(bench: Bench) -> None:
    expected = damaged(bench)
    bench.redis.raw.zadd(bench.redis.keys.index, {f"gone-{one}": one for one in range(1_500)})
    report = bench.run(prune=True)
    assert (report.ghosts, report.pruned) == (1_502, 1_502)
    assert bench.scores() == {one: at for one, at in expected.items() if "ghost" not in one}


@pytest.mark.parametrize("job_id", ["jöb-日本", "foreign-\udcff\udcfe", "with space"])
@pytest.mark.parametrize("mode", ["repair", "rebuild"])
def test_ids_beyond_ascii_and_beyond_utf8_are_mended_and_pruned(
    bench: Bench, job_id: str, mode: str
) -> None:
    bench.redis.write_job(job_id)
    bench.forget(job_id)
    bench.redis.raw.zadd(bench.redis.keys.index, {f"{job_id}-ghost": 5})
    bench.run(mode=mode, prune=True)
    assert bench.scores() == {job_id: SCORE}


def test_a_record_that_appears_again_is_not_pruned(bench: Bench) -> None:
    """It is looked at again in the step that takes the entry out."""
    bench.redis.raw.zadd(bench.redis.keys.index, {"ghost-1": 7, "back": 8})
    prune: Callable[[Sequence[str]], int] = bench.index.prune

    def revived(job_ids: Sequence[str]) -> int:
        bench.redis.write_job("back", score=8)
        return prune(job_ids)

    bench.index.prune = revived
    report = bench.run(prune=True)
    assert (report.ghosts, report.pruned) == (2, 1)
    assert set(bench.scores()) == {"back"}


def test_a_rebuilt_index_has_the_records_and_no_ghosts(bench: Bench) -> None:
    expected = damaged(bench)
    report = bench.run(mode="rebuild")
    assert bench.scores() == {one: at for one, at in expected.items() if "ghost" not in one}
    assert report.size == 20
    assert bench.own_keys() == set()
    assert bench.redis.raw.ttl(bench.redis.keys.index) == -1
    assert len(bench.redis.audit()) == 1


def test_an_index_that_is_lost_is_rebuilt(bench: Bench) -> None:
    expected = crowd(bench, 1_300)
    bench.redis.raw.delete(bench.redis.keys.index)
    report = bench.run(mode="rebuild")
    assert (report.missing, bench.scores()) == (1_300, expected)


def test_without_records_a_rebuilt_index_is_empty(bench: Bench) -> None:
    bench.redis.raw.zadd(bench.redis.keys.index, {"ghost-1": 7})
    report = bench.run(mode="rebuild")
    assert (report.size, bench.scores(), bench.own_keys()) == (0, {}, set())


class Writers:
    """Services that write jobs, old and new, for as long as a run takes; each score they set."""

    def __init__(self, bench: Bench, ids: Sequence[str], number: int) -> None:
        self._bench = bench
        self._ids = ids
        self._over = threading.Event()
        self.highest: dict[str, float] = {}
        self._threads = [threading.Thread(target=self._write, args=(one,)) for one in range(number)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _write(self, number: int) -> None:
        """A writer has ids of its own, as a job has one worker."""
        draw = random.Random(number)
        own = [*self._ids[number::4], *(f"new-{number}-{one}" for one in range(50))]
        keys = self._bench.redis.keys
        client = plain_client(self._bench.redis.url)
        while not self._over.is_set():
            job_id, now = draw.choice(own), datetime.now(UTC)
            pipe = client.pipeline()
            fields = {"status": "processing", "updated_at": now.isoformat()}
            pipe.hset(keys.job(job_id), mapping=fields)
            pipe.zadd(keys.index, {job_id: now.timestamp()})
            pipe.execute()
            self.highest[job_id] = now.timestamp()
        client.close()


@pytest.mark.parametrize("mode", ["repair", "rebuild"])
def test_no_score_moves_back_while_four_write(bench: Bench, mode: str) -> None:
    scores = crowd(bench, 4_000)
    lost = [*scores][::3]
    bench.forget(*lost)
    with Writers(bench, [*scores], 4) as writers:
        for _ in range(3):
            bench.run(mode=mode)
    expected = scores | writers.highest
    assert len(writers.highest) > 100
    assert bench.scores() == pytest.approx(expected, abs=0.000_01)


def test_what_is_written_between_the_scan_and_the_swap_is_kept(bench: Bench) -> None:
    crowd(bench, 50)
    swap: Callable[[float], int] = bench.index.swap
    now = datetime.now(UTC)

    def late(since: float) -> int:
        bench.redis.write_job("late", score=now.timestamp(), updated_at=now.isoformat())
        bench.redis.raw.zadd(bench.redis.keys.index, {"job-00007": now.timestamp()})
        return swap(since)

    bench.index.swap = late
    bench.run(mode="rebuild")
    assert bench.scores()["late"] == pytest.approx(now.timestamp(), abs=0.000_01)
    assert bench.scores()["job-00007"] == pytest.approx(now.timestamp(), abs=0.000_01)


def test_a_swap_that_comes_twice_leaves_the_index_whole(bench: Bench) -> None:
    expected = crowd(bench, 50)
    swap: Callable[[float], int] = bench.index.swap
    bench.index.swap = lambda since: (swap(since), swap(since))[1]
    with pytest.raises(ConflictError):
        bench.run(mode="rebuild")
    assert bench.scores() == expected


@pytest.mark.parametrize("meanwhile", ["expired", "another run"])
def test_an_index_that_is_not_what_this_run_rebuilt_is_not_swapped_in(
    bench: Bench, meanwhile: str
) -> None:
    """A run that was paused for longer than its lease may meet what another one has begun."""
    expected = crowd(bench, 50)
    swap: Callable[[float], int] = bench.index.swap
    other = RedisIndexRepair(bench.redis.raw, keys=bench.redis.keys, server="here")

    def late(since: float) -> int:
        other.begin_rebuilding()
        if meanwhile == "another run":
            other.raise_scores({"job-00001": SCORE}, rebuilt=True)
        return swap(since)

    bench.index.swap = late
    with pytest.raises(ConflictError):
        bench.run(mode="rebuild")
    assert bench.scores() == expected


def stopping(after: int) -> Callable[[], ExitCode | None]:
    left = iter(range(after))
    return lambda: None if next(left, None) is not None else ExitCode.INTERRUPTED


def test_an_interrupted_repair_goes_on_where_it_was(bench: Bench) -> None:
    expected = crowd(bench, 6_000)
    bench.forget(*expected)
    first = bench.run(interrupted=stopping(3))
    assert (first.complete, first.exit_code) == (False, ExitCode.INTERRUPTED)
    assert 0 < first.scanned < 6_000

    second = bench.run()
    assert (second.resumed, second.complete, second.exit_code) == (True, True, ExitCode.DONE)
    assert bench.scores() == expected
    assert second.scanned == 6_000
    assert bench.own_keys() == set()


def test_a_repair_that_is_killed_goes_on_at_its_last_checkpoint(bench: Bench) -> None:
    expected = crowd(bench, 20_000)
    bench.forget(*expected)
    passed = iter(range(25))

    def killed(_: int) -> None:
        if next(passed, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(pace=killed)
    second = bench.run()
    assert second.resumed
    assert bench.scores() == expected


def test_restart_begins_anew(bench: Bench) -> None:
    expected = crowd(bench, 3_000)
    bench.run(interrupted=stopping(1))
    bench.forget(*expected)
    report = bench.run(restart=True)
    assert (report.resumed, report.scanned) == (False, 3_000)
    assert bench.scores() == expected


@pytest.mark.parametrize("mode", ["check", "rebuild"])
def test_only_a_repair_goes_on_where_one_was_stopped(bench: Bench, mode: str) -> None:
    crowd(bench, 3_000)
    bench.run(interrupted=stopping(1))
    assert (report := bench.run(mode=mode)).scanned == 3_000
    assert not report.resumed


def test_a_checkpoint_means_nothing_to_a_server_that_was_restarted(
    own_valkey: ValkeyFactory, namespace: str
) -> None:
    server = own_valkey(config=("--appendonly", "yes", "--appendfsync", "always"))
    with opened(server.url, namespace) as bench:
        expected = crowd(bench, 3_000)
        bench.forget(*expected)
        assert not bench.run(interrupted=stopping(2)).complete
    server.kill()
    server.restart()
    with opened(server.url, namespace) as bench:
        assert bench.own_keys() == {bench.redis.keys.checkpoint}
        report = bench.run()
        assert (report.resumed, report.scanned) == (False, 3_000)
        assert bench.scores() == expected


@pytest.mark.parametrize(
    "text",
    ["no json", "[]", '{"mode": "repair"}', '{"mode":"repair","cursor":0,"counts":{"x":1}}'],
)
def test_a_checkpoint_that_makes_no_sense_is_passed_over(bench: Bench, text: str) -> None:
    crowd(bench, 10)
    bench.redis.raw.set(bench.redis.keys.checkpoint, text)
    report = bench.run()
    assert (report.resumed, report.scanned, report.complete) == (False, 10, True)


def test_counts_of_another_release_are_passed_over(bench: Bench) -> None:
    crowd(bench, 10)
    incarnation = bench.redis.raw.info("server")["run_id"]
    bench.redis.raw.set(
        bench.redis.keys.checkpoint,
        f'{{"mode":"repair","cursor":0,"incarnation":"{incarnation}","counts":{{"other":1}}}}',
    )
    assert bench.run().scanned == 10


def test_an_interrupted_rebuild_leaves_the_index_as_it_was(bench: Bench) -> None:
    expected = crowd(bench, 3_000)
    bench.redis.raw.zadd(bench.redis.keys.index, {"ghost-1": 7})
    report = bench.run(mode="rebuild", interrupted=stopping(1))
    assert not report.complete
    assert bench.scores() == expected | {"ghost-1": 7}
    assert all(bench.redis.raw.ttl(key) > 0 for key in bench.own_keys())
    bench.run(mode="rebuild")
    assert bench.scores() == expected
    assert bench.own_keys() == set()


@pytest.mark.parametrize("name", ["{%s}", "%s[ab]*?^\\", "%s:a"])
@pytest.mark.parametrize("mode", ["repair", "rebuild"])
def test_other_namespaces_are_left_alone(
    any_redis: RedisServer, namespace: str, name: str, mode: str
) -> None:
    """Glob characters and hash tags in a namespace are meant as they stand."""
    others = [Keys(namespace), Keys(f"{namespace}aX"), Keys(f"{namespace}[ab]X?^\\"), Keys("x")]
    with opened(any_redis.url, name % namespace) as bench:
        for keys in others[:3]:
            bench.redis.raw.hset(keys.job("foreign"), mapping={"updated_at": AT.isoformat()})
            bench.redis.raw.zadd(keys.index, {"foreign-ghost": 5})
        expected = crowd(bench, 30)
        bench.forget("job-00001", "job-00002")
        report = bench.run(mode=mode, prune=True)
        assert (report.scanned, report.missing) == (30, 2)
        assert bench.scores() == expected
        for keys in others[:3]:
            assert bench.redis.raw.zrange(keys.index, 0, -1) == ["foreign-ghost"]


def test_every_batch_is_paced_also_where_others_fill_the_key_space(
    own_valkey: ValkeyFactory, namespace: str
) -> None:
    """The lease is kept by the pace, however long no record of ours is found."""
    server = own_valkey()
    with opened(server.url, namespace) as bench:
        bench.redis.raw.mset({f"foreign-{number}": "" for number in range(20_000)})
        bench.redis.write_job("job-1")
        paced: list[int] = []
        bench.run(pace=paced.append)
        assert len(paced) > 20


def test_a_record_ahead_of_its_time_and_one_only_created_are_dated(bench: Bench) -> None:
    bench.redis.write_job("created", score=1, updated_at="")
    bench.redis.write_job("naive", score=1, updated_at="2026-03-01T12:00:00")
    bench.redis.write_job("zone", score=1, updated_at="2026-03-02T14:00:00.25+02:00")
    bench.run()
    assert bench.scores() == {"created": SCORE, "naive": SCORE, "zone": LATER.timestamp()}
