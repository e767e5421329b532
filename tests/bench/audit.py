"""How fast the audit trail is checked and anchored: `python -m tests.bench.audit [RECORDS]`,
200,000 if not told.

Whole processes, against reading the same stream with redis-py and doing nothing with it; and eight
processes that decide on jobs at once, each of which writes a record.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobctl.storage.keys import Keys
from tests.acceptance.warm import Start, WarmJobctl
from tests.bench.awaiting import seed
from tests.bench.past_jobs import job_id
from tests.bench.pings import pinging
from tests.cli.runner import clean_environment, command
from tests.servers.redis_server import RedisServer, start_valkey
from tests.storage.audit_trail import write_trail
from tests.storage.redis_under_test import assert_sound_chain

ROUNDS = 3
WRITERS, DECISIONS = 8, 250
REASON = "names of the staff alone"


def _write(client: Any, stream: str, records: int) -> None:
    write_trail(client, stream, records)


def _read(server: RedisServer, stream: str) -> float:
    """As an interpreter that is there already reads it, a page of 500 a round trip."""
    started, place = time.perf_counter(), "-"
    with server.client() as client:
        while page := client.xrange(stream, place, "+", count=500):
            place = f"({page[-1][0]}"
    return time.perf_counter() - started


def _run(env: dict[str, str], *words: str) -> tuple[float, int]:
    """Seconds, and the most memory that it had in KiB."""
    started = time.perf_counter()
    process = subprocess.Popen(command(*words), env=env, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1])
        time.sleep(0.01)
    assert process.returncode == 0, process.returncode
    return time.perf_counter() - started, peak


def _row(name: str, seconds: Sequence[float], records: int, floor: float, more: str = "") -> None:
    median = statistics.median(seconds)
    print(f"{name:36}{median:9.2f}{records / median:12,.0f}{median / floor:8.2f}{more}")


def _reading(server: RedisServer, keys: Keys, records: int, directory: Path) -> None:
    env = clean_environment(
        {
            "JOBCTL_REDIS_URL": server.url,
            "JOBCTL_NAMESPACE": keys.namespace,
            "JOBCTL_AUDIT_BUCKET": str(directory / "0"),
        }
    )
    reads, verified, exported, anchored, peaks = [], [], [], [], []
    waits: list[float] = []
    for number in range(ROUNDS):
        env["JOBCTL_AUDIT_BUCKET"] = str(directory / str(number))
        reads.append(_read(server, keys.audit))
        with pinging(server) as pings:
            seconds, peak = _run(env, "audit", "verify", "-q")
        verified.append(seconds)
        peaks.append(peak)
        waits += pings
        exported.append(_run(env, "audit", "export", "-q")[0])
        anchored.append(_run(env, "audit", "verify", "--anchors", "-q")[0])
    floor = statistics.median(reads)
    p99 = statistics.quantiles(waits, n=100)[98]
    print(f"{'':36}{'seconds':>9}{'records/s':>12}{'ratio':>8}")
    _row("XRANGE with redis-py, no checks", reads, records, floor)
    more = f"   {max(peaks) / 1024:.1f} MiB, PING p99 {p99:.2f} ms, max {max(waits):.2f}"
    _row("audit verify", verified, records, floor, more)
    _row("audit export to a directory", exported, records, floor)
    _row("audit verify --anchors", anchored, records, floor)


def _writing(server: RedisServer) -> None:
    ids = [job_id(number) for number in range(WRITERS * DECISIONS)]
    keys = seed(server, ids)
    env = {"JOBCTL_REDIS_URL": server.url, "JOBCTL_NAMESPACE": keys.namespace}
    starts = [
        Start(
            arguments=["approve", "-", "--reason", REASON, "--yes", "--no-verify", "-q"],
            stdin="\n".join(ids[number::WRITERS]),
        )
        for number in range(WRITERS)
    ]
    with WarmJobctl() as warm:
        endings = warm.run(starts, env=env)
    assert [one.exit_code for one in endings] == [0] * WRITERS
    seconds = max(one.seconds for one in endings)
    with server.client() as client:
        chain = client.xrange(keys.audit)
    assert_sound_chain(chain)
    assert len(chain) == len(ids)
    size = sum(len(name) + len(value) for _, one in chain for name, value in one.items())
    print(
        f"\n{WRITERS} processes at once: {len(ids):,} decisions in {seconds:.2f} s, "
        f"{len(ids) / seconds:,.0f} a second; {size / len(chain):.0f} bytes a record"
    )


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    server = start_valkey()
    try:
        keys = Keys("bench")
        with server.client() as client:
            _write(client, keys.audit, records)
        with tempfile.TemporaryDirectory(prefix="jobctl-bench-") as directory:
            _reading(server, keys, records, Path(directory))
        _writing(server)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
