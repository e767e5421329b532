"""The index is mended from the records, and scores never move back, whoever writes meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from jobctl.errors import ConflictError, ExitCode
from jobctl.services.backfill_index import IndexReport
from jobctl.storage.keys import Keys
from jobctl.storage.redis_index_repair import RedisIndexRepair
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer
from tests.services.indexing import Bench, Writers, crowd, damaged, opened
from tests.storage.redis_under_test import (
    AT,
    SCORE,
    assert_sound_chain,
)

LATER = AT + timedelta(days=1)


@pytest.fixture
def bench(any_redis: RedisServer, namespace: str) -> Iterator[Bench]:
    with opened(any_redis.url, namespace) as entered:
        yield entered


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
    (_, begin), (_, record) = bench.redis.audit()
    assert (begin["action"], begin["summary"]) == ("backfill-index-begin", "repair")
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
    assert bench.redis.actions() == ["backfill-index-begin", "backfill-index"]


def test_an_index_that_is_lost_is_rebuilt(bench: Bench) -> None:
    expected = crowd(bench, 1_300)
    bench.redis.raw.delete(bench.redis.keys.index)
    report = bench.run(mode="rebuild")
    assert (report.missing, bench.scores()) == (1_300, expected)


def test_without_records_a_rebuilt_index_is_empty(bench: Bench) -> None:
    bench.redis.raw.zadd(bench.redis.keys.index, {"ghost-1": 7})
    report = bench.run(mode="rebuild")
    assert (report.size, bench.scores(), bench.own_keys()) == (0, {}, set())


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
    swap: Callable[[], None] = bench.index.swap
    now = datetime.now(UTC)

    def late() -> None:
        bench.redis.write_job("late", score=now.timestamp(), updated_at=now.isoformat())
        bench.redis.raw.zadd(bench.redis.keys.index, {"job-00007": now.timestamp()})
        swap()

    bench.index.swap = late
    bench.run(mode="rebuild")
    assert bench.scores()["late"] == pytest.approx(now.timestamp(), abs=0.000_01)
    assert bench.scores()["job-00007"] == pytest.approx(now.timestamp(), abs=0.000_01)


def test_a_swap_that_comes_twice_leaves_the_index_whole(bench: Bench) -> None:
    expected = crowd(bench, 50)
    swap: Callable[[], None] = bench.index.swap

    def twice() -> None:
        swap()
        swap()

    bench.index.swap = twice
    with pytest.raises(ConflictError):
        bench.run(mode="rebuild")
    assert bench.scores() == expected


@pytest.mark.parametrize("meanwhile", ["expired", "another run"])
def test_an_index_that_is_not_what_this_run_rebuilt_is_not_swapped_in(
    bench: Bench, meanwhile: str
) -> None:
    """A run that was paused for longer than its lease may meet what another one has begun."""
    expected = crowd(bench, 50)
    swap: Callable[[], None] = bench.index.swap
    other = RedisIndexRepair(bench.redis.raw, keys=bench.redis.keys, server="here")

    def late() -> None:
        other.begin_rebuilding()
        if meanwhile == "another run":
            other.raise_scores({"job-00001": SCORE}, rebuilt=True)
        swap()

    bench.index.swap = late
    with pytest.raises(ConflictError):
        bench.run(mode="rebuild")
    assert bench.scores() == expected


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


def test_a_record_of_unknown_fields_is_undatable_and_no_drift(bench: Bench) -> None:
    """Late workers write into records that have expired; their progress alone is in them then."""
    late, other = bench.redis.keys.job("late"), bench.redis.keys.job("list")
    bench.redis.raw.hset(late, mapping={"percentage": "50", "processing_phase": "ocr"})
    bench.redis.raw.rpush(other, "something else")
    bench.redis.raw.zadd(bench.redis.keys.index, {"late": 5, "list": 6})
    report = bench.run(mode="check")
    assert (report.undatable, report.ghosts, report.exit_code) == (2, 0, ExitCode.DONE)
    assert sorted(report.examples) == ["late", "list"]
    assert bench.run(prune=True).pruned == 0
    assert bench.scores() == {"late": 5, "list": 6}
