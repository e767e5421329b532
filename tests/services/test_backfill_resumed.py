"""A run that was stopped is gone on with, unless that would mean nothing."""

from collections.abc import Callable, Iterator

import pytest

from jobctl.errors import ExitCode
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer
from tests.services.indexing import Bench, crowd, opened


@pytest.fixture
def bench(any_redis: RedisServer, namespace: str) -> Iterator[Bench]:
    with opened(any_redis.url, namespace) as entered:
        yield entered


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


def test_a_run_that_goes_on_is_paced_by_what_it_has_done_itself(bench: Bench) -> None:
    """Else a rate would make it wait for all that the run before has done."""
    crowd(bench, 6_000)
    first = bench.run(interrupted=stopping(3))
    paced: list[int] = []
    second = bench.run(pace=paced.append)
    assert second.resumed
    assert paced[-1] == second.scanned - first.scanned
    assert paced[0] < first.scanned
