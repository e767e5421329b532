"""How long jobctl takes to start: `python -m tests.bench.start_up [ROUNDS]`."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.measure import Subject, print_table, wall_times
from tests.servers.redis_server import connect, start_valkey

JOB = "7d0c5a0e-5c5b-4c1e-9d55-0f3b8a5b6c11"


def _subjects(url: str, data: str) -> list[Subject]:
    python, jobctl = sys.executable, str(Path(sys.executable).parent / "jobctl")
    on_redis = {"JOBCTL_REDIS_URL": url}
    embedded = {"XDG_DATA_HOME": data}
    return [
        Subject(name="python -c pass", command=[python, "-c", "pass"], against="python -c pass"),
        Subject(
            name="import typer", command=[python, "-c", "import typer"], against="python -c pass"
        ),
        Subject(
            name="import redis", command=[python, "-c", "import redis"], against="python -c pass"
        ),
        Subject(name="jobctl --version", command=[jobctl, "--version"], against="import typer"),
        Subject(name="jobctl --help", command=[jobctl, "--help"], against="import typer", goal=2.5),
        Subject(
            name="status ID -o json",
            command=[jobctl, "status", JOB, "-o", "json"],
            against="import redis",
            goal=2.0,
            environment=on_redis,
        ),
        Subject(
            name="list",
            command=[jobctl, "list"],
            against="import redis",
            environment=on_redis,
        ),
        Subject(
            name="status, embedded, cold",
            command=[jobctl, "status", JOB, "-o", "json"],
            against="status ID -o json",
            environment=embedded,
        ),
    ]


def _store_a_job(url: str, data: str) -> None:
    """The same job in both stores, so that every `status` has something to show."""
    with connect(url) as client:
        client.hset(
            f"eq-pdf:job:{JOB}",
            mapping={
                "job_id": JOB,
                "status": "processing",
                "created_at": "2026-01-31T12:00:00+00:00",
                "updated_at": "2026-01-31T12:00:00+00:00",
            },
        )
        client.zadd("eq-pdf:jobs-by-updated", {JOB: 1_769_860_800})
    jobctl = Path(sys.executable).parent / "jobctl"
    subprocess.run(
        [jobctl, "create", __file__, "--id", JOB, "-q"],
        env={"PATH": "", "HOME": data, "XDG_DATA_HOME": data},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    server = start_valkey()
    try:
        with tempfile.TemporaryDirectory(prefix="jobctl-bench-") as data:
            _store_a_job(server.url, data)
            subjects = _subjects(server.url, data)
            print_table(subjects, wall_times(subjects, rounds=rounds))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
