"""`doctor`: every check runs, and each outcome has its sentence and its exit code."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobctl.errors import (
    BadConfigurationError,
    ExitCode,
    JobctlError,
    NotPermittedError,
    UnavailableError,
)
from jobctl.services.doctor import (
    Check,
    DoctorReport,
    IndexSample,
    LateProbe,
    ServerHealth,
    doctor,
)
from jobctl.services.object_store import Versions
from jobctl.storage.redis_connection import connect, parse_redis_url
from jobctl.storage.redis_health import RedisProbe
from tests.services.world import DOCUMENTS, RESULTS, UnreliableObjects, World

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOUND = ServerHealth(
    product="Valkey",
    version="9.0",
    round_trip=timedelta(milliseconds=1.25),
    clock=NOW,
    clock_read_at=NOW,
    role="master",
    eviction_policy="noeviction",
    persistent=True,
    missing_permissions=(),
    sample=IndexSample(members=10, taken=10, expired=0, without_ttl=0),
    audit_records=3,
)


class Told:
    def __init__(self, told: ServerHealth | JobctlError) -> None:
        self._told = told

    def probe(self) -> ServerHealth:
        if isinstance(self._told, JobctlError):
            raise self._told
        return self._told


@pytest.fixture
def report_of(world: World) -> Any:
    def report(told: ServerHealth | JobctlError) -> DoctorReport:
        return doctor(store=Told(told), objects=world.objects, buckets=(DOCUMENTS, RESULTS))

    return report


def check(report: DoctorReport, name: str) -> Check:
    [found] = [one for one in report.checks if one.name == name]
    return found


def test_a_sound_installation_is_healthy(report_of: Any) -> None:
    report = report_of(SOUND)
    assert report.healthy
    assert report.exit_code == ExitCode.DONE
    assert {one.result for one in report.checks} == {"ok"}
    assert [one.name for one in report.checks][-2:] == [f"bucket {DOCUMENTS}", f"bucket {RESULTS}"]
    assert "1.2 ms" in check(report, "store").message


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"eviction_policy": "allkeys-lru"}, "eviction", "drops jobs"),
        ({"persistent": False}, "persistence", "loses every job"),
        ({"last_save_failed": True}, "persistence", "last save"),
        ({"clock": NOW + timedelta(seconds=3)}, "clock", "3.0 s"),
        ({"clock": NOW - timedelta(seconds=3)}, "clock", "3.0 s"),
        ({"missing_permissions": ("XADD k",)}, "permissions", "XADD k"),
        (
            {"sample": IndexSample(members=900, taken=200, expired=3, without_ttl=0)},
            "index",
            "expired",
        ),
        (
            {"sample": IndexSample(members=900, taken=200, expired=0, without_ttl=1)},
            "index",
            "never expire",
        ),
    ],
)
def test_what_is_unwise_is_a_warning_and_no_failure(
    report_of: Any, changes: dict[str, Any], name: str, words: str
) -> None:
    report = report_of(replace(SOUND, **changes))
    found = check(report, name)
    assert found.result == "warning"
    assert words in found.message
    assert found.hint
    assert report.healthy
    assert report.exit_code == ExitCode.DONE


@pytest.mark.parametrize(
    ("changes", "name", "code"),
    [
        ({"role": "slave"}, "role", ExitCode.UNAVAILABLE),
        ({"role": "replica"}, "role", ExitCode.UNAVAILABLE),
        ({"wrong_types": (("k", "list"),)}, "keys", ExitCode.UNAVAILABLE),
        ({"one_slot": False}, "slots", ExitCode.BAD_CONFIGURATION),
    ],
)
def test_what_cannot_work_is_a_failure(
    report_of: Any, changes: dict[str, Any], name: str, code: ExitCode
) -> None:
    report = report_of(replace(SOUND, **changes))
    assert check(report, name).result == "failed"
    assert not report.healthy
    assert report.exit_code == code


def test_what_may_not_be_asked_is_said_to_be_unknown(report_of: Any) -> None:
    unknown = ServerHealth(
        product="Redis", version="?", round_trip=timedelta(0), clock=NOW, clock_read_at=NOW
    )
    report = report_of(unknown)
    names = [one.name for one in report.checks if not one.name.startswith("bucket")]
    assert names == ["store", "eviction", "persistence", "clock", "index"]
    assert report.healthy


def test_a_difference_of_the_clocks_that_is_small_is_tolerated(report_of: Any) -> None:
    report = report_of(replace(SOUND, clock=NOW + timedelta(seconds=2)))
    assert check(report, "clock").result == "ok"


def test_one_percent_of_expired_entries_is_tolerated(report_of: Any) -> None:
    sample = IndexSample(members=900, taken=200, expired=2, without_ttl=0)
    assert check(report_of(replace(SOUND, sample=sample)), "index").result == "ok"


@pytest.mark.parametrize(
    "failure", [UnavailableError("gone", hint="h"), NotPermittedError("no", hint="h")]
)
def test_a_store_that_is_down_fails_its_own_checks_and_no_others(
    report_of: Any, failure: JobctlError
) -> None:
    report = report_of(failure)
    found = check(report, "store")
    assert (found.result, found.message, found.hint) == ("failed", failure.message, "h")
    assert report.exit_code == failure.exit_code
    assert check(report, f"bucket {DOCUMENTS}").result == "ok"


def test_a_probe_that_cannot_even_be_made_is_a_failed_check(world: World) -> None:
    def make() -> Told:
        raise BadConfigurationError("no such scheme")

    report = doctor(store=LateProbe(make), objects=world.objects, buckets=())
    assert report.exit_code == ExitCode.BAD_CONFIGURATION


def test_a_bucket_that_is_down_fails_its_own_check_and_no_other(
    world: World, report_of: Any
) -> None:
    class Down(UnreliableObjects):
        def check_bucket(self, bucket: str) -> None:
            if bucket == RESULTS:
                raise UnavailableError("that bucket is gone")

    world.objects = Down(world.root)
    report = doctor(store=Told(SOUND), objects=world.objects, buckets=(DOCUMENTS, RESULTS))
    assert check(report, f"bucket {DOCUMENTS}").result == "ok"
    assert check(report, f"bucket {RESULTS}").message == "that bucket is gone"
    assert report.exit_code == ExitCode.UNAVAILABLE


def test_a_bucket_that_keeps_versions_is_a_warning(world: World) -> None:
    class Versioned(UnreliableObjects):
        def keeps_versions(self, bucket: str) -> Versions:
            return Versions.ALL if bucket == DOCUMENTS else Versions.NONE

    report = doctor(store=Told(SOUND), objects=Versioned(world.root), buckets=(DOCUMENTS,))
    assert check(report, f"bucket {DOCUMENTS}").result == "warning"


def test_a_real_server_passes(world: World) -> None:
    world.redis.write_job()
    client = connect(parse_redis_url(world.redis.url), slot_key=world.redis.keys.audit)
    probe = RedisProbe(client, keys=world.redis.keys, server="here")
    report = doctor(store=probe, objects=world.objects, buckets=(DOCUMENTS,))
    client.close()
    assert report.healthy
    assert check(report, "index").message == "entries: 1"
