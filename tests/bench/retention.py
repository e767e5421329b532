"""How fast the past goes: `python -m tests.bench.retention [JOBS] [DUE]`, 100,000 and 10,000.

Each is done by a whole jobctl process and, on a sample that is extrapolated, the way the seeds
have it: SCAN 100 and a HGETALL a job; an EVALSHA and a delete_object a job; a ZADD a job.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from jobctl.storage.keys import Keys
from tests.bench import seeds_way
from tests.bench.past_jobs import documents_left, job_id, load, put_documents
from tests.bench.pings import pinging
from tests.cli.runner import clean_environment, command
from tests.servers.redis_server import RedisServer, start_valkey
from tests.servers.s3 import S3Server, start_seaweed

SAMPLE = 20_000  # jobs that are read the seeds' way
DELETED = 1_000  # and deleted
BUCKET, SAMPLE_BUCKET = "bench-documents", "bench-sample"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """*seconds* for *jobs*; `measured` is how many of them it was measured on."""

    name: str
    seconds: float
    jobs: int
    measured: int
    pings: Sequence[float]
    peak: int | None = None

    @property
    def all_seconds(self) -> float:
        return self.seconds * self.jobs / self.measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    server: RedisServer
    s3: S3Server
    pool: ProcessPoolExecutor
    keys: Keys
    jobs: int
    due: int

    def jobctl(self, name: str, jobs: int, *words: str) -> Timed:
        """A process of its own, and the most memory that it had."""
        with pinging(self.server) as pings:
            started = time.perf_counter()
            process = subprocess.Popen(
                command(*words), env=self._environment, stdout=subprocess.DEVNULL
            )
            peak = _peak_of(process)
            seconds = time.perf_counter() - started
        assert process.returncode == 0, process.returncode
        return Timed(name=name, seconds=seconds, jobs=jobs, measured=jobs, pings=pings, peak=peak)

    def seeds(
        self, name: str, jobs: int, measured: int, work: Callable[..., float], *arguments: Any
    ) -> Timed:
        """In a process of its own too, so that nobody shares the interpreter with the PINGs."""
        with pinging(self.server) as pings:
            seconds = self.pool.submit(work, *arguments).result()
        return Timed(name=name, seconds=seconds, jobs=jobs, measured=measured, pings=pings)

    @property
    def _environment(self) -> dict[str, str]:
        return clean_environment(
            {
                "JOBCTL_REDIS_URL": self.server.url,
                "JOBCTL_NAMESPACE": self.keys.namespace,
                "JOBCTL_DOCUMENTS_BUCKET": BUCKET,
                "JOBCTL_RESULTS_BUCKET": BUCKET,
                "JOBCTL_S3_ENDPOINT_URL": self.s3.endpoint_url,
                "JOBCTL_S3_REGION": "us-east-1",
                "JOBCTL_S3_ADDRESSING_STYLE": "path",
                "AWS_ACCESS_KEY_ID": self.s3.access_key,
                "AWS_SECRET_ACCESS_KEY": self.s3.secret_key,
            }
        )


def _peak_of(process: "subprocess.Popen[bytes]") -> int:
    """KiB. Not ru_maxrss, which counts the memory of whoever started the process."""
    peak = 0
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1])
        time.sleep(0.01)
    return peak


def _selecting(bench: Bench) -> list[Timed]:
    sample = min(SAMPLE, bench.jobs)
    words = ("cleanup", "--only", "retention", "--dry-run", "-q", "-o", "jsonl")
    return [
        bench.jobctl(f"select {bench.due:,} of {bench.jobs:,}", bench.jobs, *words),
        bench.seeds(
            "  the seeds' way", bench.jobs, sample,
            seeds_way.select, bench.server.url, bench.keys.namespace, sample,
        ),
    ]  # fmt: skip


def _filling(bench: Bench) -> list[Timed]:
    sample = min(SAMPLE, bench.jobs)
    with bench.server.client() as client:
        client.unlink(bench.keys.index)
        theirs = bench.seeds(
            "  the seeds' way", bench.jobs, sample,
            seeds_way.back_fill, bench.server.url, bench.keys.namespace, sample,
        )  # fmt: skip
        client.unlink(bench.keys.index)
        ours = bench.jobctl(f"back-fill {bench.jobs:,}", bench.jobs, "backfill-index", "-q")
        assert client.zcard(bench.keys.index) == bench.jobs
    return [ours, theirs]


def _deleting(bench: Bench) -> list[Timed]:
    words = ("cleanup", "--only", "retention", "--yes", "--max-delete", "100%", "-q", "-o", "jsonl")
    ours = bench.jobctl(f"delete {bench.due:,} with documents", bench.due, *words)
    with bench.server.client() as client:
        assert client.zcard(bench.keys.index) == bench.jobs - bench.due
    left = sum(1 for _ in documents_left(bench.s3, BUCKET))
    assert left == 0, left
    sample = Keys("bench-sample")
    count = min(DELETED, bench.due)
    load(bench.server, sample, count, count)
    ids = [job_id(number) for number in range(count)]
    put_documents(bench.s3, SAMPLE_BUCKET, ids)
    access = (bench.s3.access_key, bench.s3.secret_key)
    theirs = bench.seeds(
        "  the seeds' way", bench.due, count, seeds_way.delete,
        bench.server.url, sample.namespace, ids, SAMPLE_BUCKET, bench.s3.endpoint_url, access,
    )  # fmt: skip
    return [ours, theirs]


def _print(pairs: Sequence[Sequence[Timed]], idle: Sequence[float]) -> None:
    print(f"{'':34}{'seconds':>9}{'jobs/s':>10}{'ratio':>8}{'MiB':>8}{'p99 ms':>9}{'max ms':>9}")
    for ours, theirs in pairs:
        for one in (ours, theirs):
            peak = f"{one.peak / 1024:8.1f}" if one.peak else f"{'':8}"
            note = "" if one.jobs == one.measured else f"  extrapolated from {one.measured:,}"
            print(
                f"{one.name:34}{one.all_seconds:9.2f}{one.jobs / one.all_seconds:10,.0f}"
                f"{one.all_seconds / ours.all_seconds:8.1f}{peak}{_pings(one.pings)}{note}"
            )
    print(f"{'(nobody at work)':34}{'':35}{_pings(idle)}")
    print("\nratio: to the jobctl process, its start and (where it deletes) its selection included")


def _pings(waits: Sequence[float]) -> str:
    return f"{statistics.quantiles(waits, n=100)[98]:9.2f}{max(waits):9.2f}"


def _run(server: RedisServer, s3: S3Server, jobs: int, due: int) -> None:
    keys = Keys("bench")
    started = time.perf_counter()
    load(server, keys, jobs, due)
    seconds = time.perf_counter() - started
    print(f"{jobs:,} jobs loaded in {seconds:.1f} s, {jobs / seconds:,.0f} a second", flush=True)
    put_documents(s3, BUCKET, [job_id(number) for number in range(due)])
    with pinging(server) as idle:
        time.sleep(2)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(seeds_way.ready).result()  # what it imports counts for nobody
        bench = Bench(server=server, s3=s3, pool=pool, keys=keys, jobs=jobs, due=due)
        _print([_selecting(bench), _filling(bench), _deleting(bench)], idle)


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    due = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    server = start_valkey()
    try:
        s3 = start_seaweed(Path(tempfile.mkdtemp(prefix="jobctl-weed-")))
        try:
            _run(server, s3, jobs, due)
        finally:
            s3.stop()
    finally:
        server.stop()


if __name__ == "__main__":
    main()
