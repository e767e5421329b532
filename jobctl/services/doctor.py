"""`doctor`: can jobctl do its work here, and is what it finds sound?"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from jobctl.errors import ExitCode, JobctlError
from jobctl.services.object_store import ObjectStore
from jobctl.services.operations import counted

_TOLERATED_CLOCK_DIFFERENCE = timedelta(seconds=2)
_TOLERATED_EXPIRED = 0.01

Outcome = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSample:
    """*taken* random index members: how many have no record, or one that never expires."""

    members: int
    taken: int
    expired: int
    without_ttl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHealth:
    """What a store tells of itself; None where its user may not ask."""

    product: str
    version: str
    round_trip: timedelta
    clock: datetime
    clock_read_at: datetime
    role: str | None = None
    eviction_policy: str | None = None
    persistent: bool | None = None
    last_save_failed: bool = False
    missing_permissions: tuple[str, ...] | None = None
    wrong_types: tuple[tuple[str, str], ...] = ()
    one_slot: bool | None = None
    sample: IndexSample | None = None
    audit_records: int | None = None
    notes: tuple[str, ...] = field(default=())


class StoreProbe(Protocol):
    def probe(self) -> ServerHealth:
        """Ask the store; raises what connecting raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    name: str
    result: Outcome
    message: str
    hint: str | None = None
    exit_code: ExitCode = ExitCode.FINDINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        return all(check.result != "failed" for check in self.checks)

    @property
    def exit_code(self) -> ExitCode:
        """The code of the first failed check; warnings alone are no failure."""
        failed = [check.exit_code for check in self.checks if check.result == "failed"]
        return failed[0] if failed else ExitCode.DONE


class LateProbe:
    """A probe that is made when it is asked: making it may fail as asking does."""

    def __init__(self, make: Callable[[], StoreProbe]) -> None:
        self._make = make

    def probe(self) -> ServerHealth:
        return self._make().probe()


def doctor(*, store: StoreProbe, objects: ObjectStore, buckets: Sequence[str]) -> DoctorReport:
    """Every check runs; a service that is down fails its own checks and no others."""
    return DoctorReport(
        checks=(*_store_checks(store), *(_bucket_check(objects, bucket) for bucket in buckets))
    )


def _store_checks(store: StoreProbe) -> Iterator[Check]:
    try:
        health = store.probe()
    except JobctlError as error:
        yield _failure("store", error)
        return
    milliseconds = health.round_trip.total_seconds() * 1000
    yield Check(
        name="store",
        result="ok",
        message=f"{health.product} {health.version}, {milliseconds:.1f} ms a round trip",
    )
    yield from _role(health)
    yield from _eviction(health)
    yield from _persistence(health)
    yield _clock(health)
    yield from _permissions(health)
    yield from _keys(health)
    yield from _index(health)
    if health.audit_records is not None:
        yield Check(name="audit", result="ok", message=counted(health.audit_records, "record"))


def _failure(name: str, error: JobctlError) -> Check:
    return Check(
        name=name,
        result="failed",
        message=error.message,
        hint=error.hint,
        exit_code=error.exit_code,
    )


def _not_told(name: str, command: str) -> Check:
    return Check(
        name=name,
        result="warning",
        message=f"unknown: the Redis user may not run {command}",
        hint="ask somebody who may, or grant it",
    )


def _role(health: ServerHealth) -> Iterator[Check]:
    if health.role is not None and health.role != "master":
        yield Check(
            name="role",
            result="failed",
            message="this server is a replica: it takes no changes",
            hint="point redis_url to the primary, or use redis+sentinel://",
            exit_code=ExitCode.UNAVAILABLE,
        )


def _eviction(health: ServerHealth) -> Iterator[Check]:
    policy = health.eviction_policy
    if policy is None:
        yield _not_told("eviction", "INFO")
        return
    sound = policy == "noeviction"
    yield Check(
        name="eviction",
        result="ok" if sound else "warning",
        message=policy if sound else f"{policy}: a full server drops jobs without a word",
        hint=None if sound else "set maxmemory-policy noeviction",
    )


def _persistence(health: ServerHealth) -> Iterator[Check]:
    if health.persistent is None:
        yield _not_told("persistence", "INFO and CONFIG GET")
        return
    if health.last_save_failed:
        yield Check(
            name="persistence",
            result="warning",
            message="the last save to disk failed",
            hint="look into the server's log",
        )
    elif not health.persistent:
        yield Check(
            name="persistence",
            result="warning",
            message="off: a restart of the server loses every job",
            hint="switch on appendonly",
        )
    else:
        yield Check(name="persistence", result="ok", message="on")


def _clock(health: ServerHealth) -> Check:
    difference = abs(health.clock - health.clock_read_at)
    sound = difference <= _TOLERATED_CLOCK_DIFFERENCE
    return Check(
        name="clock",
        result="ok" if sound else "warning",
        message=f"{difference.total_seconds():.1f} s apart from this machine's",
        hint=None if sound else "jobctl goes by the server's clock; synchronise both",
    )


def _permissions(health: ServerHealth) -> Iterator[Check]:
    if health.missing_permissions is None:
        return
    if not health.missing_permissions:
        yield Check(name="permissions", result="ok", message="all that jobctl needs")
        return
    shown = ", ".join(health.missing_permissions)
    yield Check(
        name="permissions",
        result="warning",
        message=f"the Redis user may not: {shown}",
        hint="grant them, or use jobctl for reading only",
    )


def _keys(health: ServerHealth) -> Iterator[Check]:
    for key, found in health.wrong_types:
        yield Check(
            name="keys",
            result="failed",
            message=f"{key} is a {found}: it belongs to something else",
            hint="check the settings namespace and index_key",
            exit_code=ExitCode.UNAVAILABLE,
        )
    if health.one_slot is False:
        yield Check(
            name="slots",
            result="failed",
            message="the server is a cluster and the namespace spans several slots",
            hint="use a namespace with a hash tag, such as {eq-pdf}",
            exit_code=ExitCode.BAD_CONFIGURATION,
        )


def _index(health: ServerHealth) -> Iterator[Check]:
    sample = health.sample
    if sample is None:
        yield _not_told("index", "ZRANDMEMBER")
        return
    if sample.members == 0:
        yield Check(name="index", result="ok", message="empty")
        return
    expired = sample.expired / sample.taken
    sound = expired <= _TOLERATED_EXPIRED and not sample.without_ttl
    parts = [f"entries: {sample.members}"]
    if sample.expired:
        parts.append(f"about {expired:.0%} of them point to expired jobs")
    if sample.without_ttl:
        parts.append(f"{sample.without_ttl} of {sample.taken} sampled jobs never expire")
    yield Check(
        name="index",
        result="ok" if sound else "warning",
        message=", ".join(parts),
        hint=None if sound else "jobctl status ID tells what is wrong with one of them",
    )


def _bucket_check(objects: ObjectStore, bucket: str) -> Check:
    name = f"bucket {bucket}"
    try:
        objects.check_bucket(bucket)
    except JobctlError as error:
        return _failure(name, error)
    if objects.keeps_versions(bucket):
        return Check(
            name=name,
            result="warning",
            message="readable; it keeps versions, so deleted documents leave their data behind",
            hint="give the bucket a lifecycle rule that expires noncurrent versions",
        )
    return Check(name=name, result="ok", message="readable; writing was not tried")
