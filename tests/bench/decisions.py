"""How fast many jobs are approved: `python -m tests.bench.decisions [JOBS]`, 10,000 if not told.

Each way has the same jobs in a namespace of its own, on one server. Documents are not looked for
(`--no-verify`): they would be the same for every way.
"""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from jobctl.domain.status import TtlPolicy
from jobctl.errors import JobctlError
from jobctl.services.approve import ApproveJobs, approve
from jobctl.services.bulk import Bulk
from jobctl.services.decisions import Deciding, Reviewer
from jobctl.services.documents import Buckets, Documents
from jobctl.services.ports import Applied, JobStore, Mutation
from jobctl.storage.directory_objects import DirectoryObjectStore
from jobctl.storage.keys import Keys
from tests.acceptance.foreign_approval import ForeignApprovalService
from tests.bench.awaiting import seed
from tests.bench.pings import PING_EVERY, pinging
from tests.cli.runner import clean_environment
from tests.servers.redis_server import RedisServer, start_valkey
from tests.storage.redis_under_test import open_store

REASON = "names of the staff alone"
ROUNDS = 3
PROCESSES = 10  # a round
FLOOR = "EVALSHA a round trip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    name: str
    seconds: float
    jobs: int
    note: str = ""
    pings: Sequence[float] = ()

    @property
    def each(self) -> float:
        return self.seconds / self.jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    server: RedisServer
    ids: Sequence[str]

    def jobctl(self, keys: Keys, *words: str, ids: Sequence[str] = ()) -> None:
        done = subprocess.run(
            [Path(sys.executable).parent / "jobctl", "approve", *words, "--reason", REASON,
             "--no-verify", "-o", "jsonl"],
            env=clean_environment(
                {"JOBCTL_REDIS_URL": self.server.url, "JOBCTL_NAMESPACE": keys.namespace}
            ),
            input="".join(f"{job_id}\n" for job_id in ids),
            stdout=subprocess.DEVNULL,
            text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0

    def check(self, keys: Keys, ids: Sequence[str], status: str) -> None:
        with self.server.client() as client:
            found = {client.hget(keys.job(job_id), "status") for job_id in ids}
        assert found == {status}, found


def _timed(bench: Bench, name: str, work: Callable[[], object], jobs: int, note: str = "") -> Timed:
    with pinging(bench.server) as pings:
        started = time.perf_counter()
        work()
        seconds = time.perf_counter() - started
    return Timed(name=name, seconds=seconds, jobs=jobs, note=note, pings=pings)


def _one_process(bench: Bench, name: str, ids: Sequence[str]) -> Timed:
    keys = seed(bench.server, bench.ids)
    timed = _timed(bench, name, lambda: bench.jobctl(keys, "-", ids=ids), len(ids))
    bench.check(keys, ids, "processing_queued")
    return timed


def _process_each(bench: Bench, name: str) -> Timed:
    keys, ids = seed(bench.server, bench.ids), bench.ids[:PROCESSES]

    def work() -> None:
        for job_id in ids:
            bench.jobctl(keys, job_id)

    note = f"extrapolated from {len(ids)} a round"
    timed = _timed(bench, name, work, len(ids), note)
    bench.check(keys, ids, "processing_queued")
    return timed


class _Recorder:
    """A job store that keeps what it should apply."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self.mutations: list[Mutation] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def apply_all(self, mutations: Sequence[Mutation]) -> Sequence[Applied | JobctlError]:
        self.mutations += mutations
        return [Applied(op_id=one.op_id, audit_seq=0) for one in mutations]


def _script_each(bench: Bench, name: str) -> Timed:
    keys = seed(bench.server, bench.ids)
    store = open_store(bench.server.url, keys)
    recorder = _Recorder(store)
    list(approve(_request(bench.ids), jobs=recorder, documents=_documents()))

    def work() -> None:
        for mutation in recorder.mutations:
            store.apply(mutation)

    timed = _timed(bench, name, work, len(bench.ids), "the script alone: nothing is read or told")
    bench.check(keys, bench.ids, "processing_queued")
    store.close()
    return timed


def _request(ids: Sequence[str]) -> ApproveJobs:
    numbers = iter(range(len(ids)))
    deciding = Deciding(
        reason=REASON,
        reviewer=Reviewer(name="tester", origin="--as"),
        actor="tester",
        new_op_id=lambda: f"{next(numbers):020x}",
    )
    return ApproveJobs(bulk=Bulk(ids=ids), deciding=deciding, ttl=TtlPolicy(), verify=False)


def _documents() -> Documents:
    buckets = Buckets(documents="documents", results="results")
    return Documents(objects=DirectoryObjectStore(Path("/nonexistent")), buckets=buckets)


def _service(bench: Bench, name: str) -> Timed:
    keys = seed(bench.server, bench.ids)
    with bench.server.client() as client:
        service = ForeignApprovalService(client, keys.namespace)

        def work() -> None:
            for job_id in bench.ids:
                service.process_approval_decision(job_id, "approved", REASON, "tester")

        note = "no audit, no queue entry removed"
        timed = _timed(bench, name, work, len(bench.ids), note)
    bench.check(keys, bench.ids, "processing")
    return timed


def _print(rounds: Sequence[Sequence[Timed]], jobs: int, idle: Sequence[float]) -> None:
    """The fastest of the rounds; the ratio is the median of those round by round."""
    floors = [next(one.each for one in found if one.name == FLOOR) for found in rounds]
    print(f"approving {jobs:,} jobs; PING of another client every {PING_EVERY * 1000:g} ms\n")
    head = f"{'':28}{'seconds':>9}{'jobs/s':>9}{'ratio':>9}"
    print(f"{head}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}")
    for runs in zip(*rounds, strict=True):
        best = min(runs, key=lambda one: one.seconds)
        pairs = zip(runs, floors, strict=True)
        ratio = statistics.median(one.each / floor for one, floor in pairs)
        print(
            f"{best.name:28}{best.each * jobs:9.2f}{1 / best.each:9,.0f}{ratio:9.2f}"
            f"{_pings(best.pings)}  {best.note}"
        )
    print(f"{'(nobody at work)':28}{'':27}{_pings(idle)}")
    print(f"\nfastest of {len(rounds)} rounds; ratio: to `{FLOOR}`, median of the rounds")


def _pings(waits: Sequence[float]) -> str:
    percentiles = statistics.quantiles(waits, n=100)
    return f"{percentiles[49]:9.2f}{percentiles[98]:9.2f}{max(waits):9.2f}"


def _round(bench: Bench, draw: random.Random) -> list[Timed]:
    return [
        _one_process(bench, "approve -, as listed", bench.ids),
        _one_process(bench, "approve -, in any order", draw.sample(bench.ids, len(bench.ids))),
        _process_each(bench, "a process each"),
        _script_each(bench, FLOOR),
        _service(bench, "the service's way"),
    ]


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    draw = random.Random(0)
    ids = [str(UUID(int=draw.getrandbits(128), version=4)) for _ in range(jobs)]
    server = start_valkey()
    try:
        with pinging(server) as idle:
            time.sleep(2)
        rounds = []
        for _ in range(ROUNDS):
            rounds.append(_round(Bench(server=server, ids=ids), draw))
            with server.client() as client:
                client.flushall()
        _print(rounds, jobs, idle)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
