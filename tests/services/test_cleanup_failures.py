"""Outages, stuck documents, leases that are lost, signals and limits of time."""

from datetime import timedelta
from typing import Any

import pytest

from jobctl.domain.retention import USUAL_SWEEPS, Sweep
from jobctl.errors import ExitCode, LockedError, NotFoundError, UnavailableError
from jobctl.services.cleanup import Pace
from jobctl.services.left_alone import Oddity
from tests.services.cleaning import (
    DAY,
    actions_on,
    done,
    held_lease,
    job_of_the_past,
    lease_of,
    planned,
    revive,
    swept,
)
from tests.services.deciding import awaiting, lives, server_time, snapshot
from tests.services.observed import ObservedJobs
from tests.services.world import DOCUMENTS, World


def _jobs(world: World, count: int) -> list[str]:
    """In the order in which they are deleted."""
    ids = [f"job-{number:03}" for number in range(count)]
    for number, job_id in enumerate(ids):
        job_of_the_past(world, job_id, age=timedelta(days=60, minutes=number))
    return ids


def _documents(*ids: str) -> set[str]:
    return {f"temp/{job_id}.pdf" for job_id in ids}


def test_one_document_that_cannot_be_deleted_keeps_its_job_alone(world: World) -> None:
    ids = _jobs(world, 1_500)
    world.objects.stuck.add("temp/job-070.pdf")
    report, operations = swept(world)
    [failed] = [one for one in operations if one.error]
    assert failed.error is not None
    assert "job-070" in failed.error.message
    assert (failed.id, failed.changed, report.exit_code) == ("job-070", False, 3)
    assert len(done(operations)) == len(ids) - 1
    assert world.keys_in(DOCUMENTS) == _documents("job-070")
    assert world.redis.hash("job-070")["cleanup_state"] == "deleting"
    world.objects.stuck.clear()
    assert done(swept(world)[1]) == [("job-070", "delete")]
    assert actions_on(world, "job-070") == ["delete-intent", "delete"]


def test_a_bucket_that_cannot_be_listed_changes_nothing(world: World) -> None:
    ids = _jobs(world, 3)
    world.objects.broken.add("list")
    with pytest.raises(UnavailableError):
        swept(world)
    assert all(actions_on(world, job_id) == [] for job_id in ids)
    assert world.keys_in(DOCUMENTS) == _documents(*ids)


def test_a_missing_bucket_changes_nothing_though_few_jobs_are_due(world: World) -> None:
    _jobs(world, 3)
    awaiting(world, "job-1", approval_expires_at=(server_time(world) - DAY).isoformat())
    before = snapshot(world)
    gone = NotFoundError("bucket documents does not exist")
    for method in ("check_bucket", "list"):
        world.objects.failing = {method: gone}
        sweeps = frozenset({Sweep.RETENTION}) if method == "list" else USUAL_SWEEPS
        plan = planned(world, sweeps=sweeps)
        with pytest.raises(NotFoundError):
            swept(world, plan)
        assert snapshot(world) == before


def test_a_job_whose_id_is_none_is_not_deleted_and_stops_no_other(world: World) -> None:
    ids = _jobs(world, 3)
    odd = job_of_the_past(world, "job-\udcff", document=False)
    before = world.redis.hash(odd)
    report, operations = swept(world)
    assert report.exit_code == 0
    assert [job_id for job_id, _ in done(operations)] == ids
    assert report.plan.header.left_alone[Oddity.MALFORMED].examples == (odd,)
    assert world.redis.hash(odd) == before


@pytest.mark.parametrize("days", [None, 1, 30])
def test_an_intent_never_shortens_what_a_record_has_to_live(world: World, days: int | None) -> None:
    [job_id] = _jobs(world, 1)
    key = world.redis.keys.job(job_id)
    world.redis.raw.persist(key)
    if days is not None:
        world.redis.raw.expire(key, days * DAY)
    world.objects.broken.add("delete")
    swept(world)
    assert world.redis.hash(job_id)["cleanup_state"] == "deleting"
    if days is None:
        assert world.redis.raw.ttl(key) == -1
    else:
        assert lives(world, max(days, 7) * DAY, key)
    world.objects.broken.clear()
    revive(world, job_id)
    assert done(swept(world)[1]) == [(job_id, "delete-abandon")]
    assert world.redis.raw.ttl(key) == -1 if days is None else lives(world, max(days, 7) * DAY, key)


def test_without_the_object_store_all_records_stay(world: World) -> None:
    ids = _jobs(world, 3)
    world.objects.broken.add("delete")
    report, operations = swept(world)
    assert report.exit_code == 3
    assert [one.changed for one in operations] == [False] * 3
    assert all(world.redis.hash(job_id)["status"] == "completed" for job_id in ids)
    assert world.keys_in(DOCUMENTS) == _documents(*ids)
    world.objects.broken.clear()
    assert len(done(swept(world)[1])) == 3
    assert all(actions_on(world, job_id) == ["delete-intent", "delete"] for job_id in ids)


def test_an_object_store_that_is_gone_is_not_asked_for_every_batch(world: World) -> None:
    _jobs(world, 6)
    world.objects.broken.add("delete")
    report, operations = swept(world, pace=Pace(rate=2.0))
    assert (len(operations), report.not_tried, report.exit_code) == (2, 4, 3)
    assert isinstance(report.halted, UnavailableError)


@pytest.mark.parametrize(
    ("call", "documents_stay"), [(("apply_all", 1), True), (("apply_all", 2), False)]
)
def test_nothing_is_deleted_without_a_record_of_the_intent(
    world: World, call: tuple[str, int], documents_stay: bool
) -> None:
    ids = _jobs(world, 3)
    plan = planned(world)
    jobs = ObservedJobs(world)
    jobs.fail(*call, UnavailableError("Redis has gone"))
    if documents_stay:
        with pytest.raises(UnavailableError):
            swept(world, plan, jobs=jobs)
    else:
        assert swept(world, plan, jobs=jobs)[0].exit_code in {3, 6}
    assert world.keys_in(DOCUMENTS) == (_documents(*ids) if documents_stay else set())
    wanted = [] if documents_stay else ["delete-intent"]
    assert [actions_on(world, job_id) for job_id in ids] == [wanted] * 3
    assert len(done(swept(world)[1])) == 3
    assert [actions_on(world, job_id) for job_id in ids] == [["delete-intent", "delete"]] * 3


def test_two_runs_never_work_at_once(world: World) -> None:
    with held_lease(world), pytest.raises(LockedError, match="another cleanup is at work"):
        lease_of(world).acquire()
    lease = lease_of(world)
    lease.acquire()
    lease.close()


@pytest.mark.parametrize("how", ["taken over", "run out"])
@pytest.mark.parametrize("moment", ["read", "apply_all"])
def test_a_run_that_has_lost_its_lease_changes_nothing_more(
    world: World, how: str, moment: str
) -> None:
    ids = _jobs(world, 3)
    before = snapshot(world)[2]
    jobs = ObservedJobs(world)
    lease = lease_of(world, "the first run")
    lease.acquire()
    jobs.at(moment, 1, lambda: _lose(world, how))
    report, operations = swept(world, planned(world), jobs=jobs, lease=lease)
    lease.close()
    assert [one.changed for one in operations] == [False] * 3
    assert report.exit_code == ExitCode.LOCKED
    assert world.redis.audit() == []
    assert snapshot(world)[2] == before
    assert all("cleanup_state" not in world.redis.hash(job_id) for job_id in ids)
    assert world.redis.raw.get(world.redis.keys.lease) == (
        "another run" if how == "taken over" else None
    )


def _lose(world: World, how: str) -> None:
    if how == "taken over":
        world.redis.raw.set(world.redis.keys.lease, "another run")
    else:
        world.redis.raw.delete(world.redis.keys.lease)


class _LostLease:
    """Taken over just before it is renewed for the third time: behind the marks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lease = lease_of(world)
        self._lease.acquire()
        self._renewals = 0

    @property
    def claim(self) -> str:
        return self._lease.claim

    def renew(self) -> None:
        self._renewals += 1
        if self._renewals == 3:
            _lose(self._world, "taken over")
        self._lease.renew()

    def hold(self) -> None:
        self._lease.hold()


def test_a_run_that_loses_its_lease_behind_the_marks_deletes_no_document(world: World) -> None:
    ids = _jobs(world, 3)
    report, _ = swept(world, planned(world), lease=_LostLease(world))
    assert report.exit_code == 3
    assert world.keys_in(DOCUMENTS) == _documents(*ids)
    assert all(actions_on(world, job_id) == ["delete-intent"] for job_id in ids)


def test_a_run_that_loses_its_lease_behind_the_documents_keeps_the_records(world: World) -> None:
    ids = _jobs(world, 3)
    lease = lease_of(world)
    lease.acquire()
    world.objects.before["delete"] = lambda: _lose(world, "taken over")
    report, _ = swept(world, planned(world), lease=lease)
    assert report.exit_code == 3
    assert all(actions_on(world, job_id) == ["delete-intent"] for job_id in ids)
    assert all(world.redis.hash(job_id)["status"] == "completed" for job_id in ids)


def test_a_signal_ends_the_work_between_two_batches(world: World) -> None:
    ids = _jobs(world, 5)
    seen: list[str] = []

    def interrupted() -> ExitCode | None:
        return ExitCode.INTERRUPTED if any(_gone(world, one) for one in ids) else None

    report, operations = swept(world, pace=Pace(rate=2.0, interrupted=interrupted))
    seen += [one.id for one in operations]
    assert (seen, report.exit_code, report.not_tried) == (ids[:2], ExitCode.INTERRUPTED, 3)
    assert world.keys_in(DOCUMENTS) == _documents(*ids[2:])
    assert len(done(swept(world)[1])) == 3


def _gone(world: World, job_id: str) -> bool:
    return not world.redis.raw.exists(world.redis.keys.job(job_id))


def test_what_the_time_does_not_suffice_for_is_left_and_counted(world: World) -> None:
    ids = _jobs(world, 5)
    pace = Pace(rate=3.0, time_budget=timedelta(microseconds=1))
    report, operations = swept(world, pace=pace)
    assert (operations, report.exit_code, report.not_tried) == ([], 0, 5)
    assert report.out_of_time
    assert world.keys_in(DOCUMENTS) == _documents(*ids)
    report, operations = swept(world, pace=Pace(time_budget=timedelta(hours=1)))
    assert (len(operations), report.exit_code, report.not_tried) == (5, 0, 0)
    assert not report.out_of_time


def test_a_failure_counts_though_the_time_ran_out(world: World) -> None:
    _jobs(world, 4)
    world.objects.stuck.add("temp/job-000.pdf")
    jobs = ObservedJobs(world)
    pace = Pace(rate=2.0, time_budget=timedelta(seconds=0.2))
    report, operations = swept(world, jobs=jobs, pace=pace)
    assert len(operations) == 2
    assert (report.exit_code, report.not_tried) == (3, 2)


class _SlowLease:
    """Renewing it takes longer than the pause that the rate asks for."""

    claim = ""

    def __init__(self, clock: dict[str, Any]) -> None:
        self._clock = clock

    def renew(self) -> None:
        self._clock["now"] += 7.0

    hold = renew


def test_a_rate_is_kept_though_renewing_the_lease_takes_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = {"now": 0.0}
    slept: list[float] = []
    monkeypatch.setattr("jobctl.services.cleanup.time.monotonic", lambda: clock["now"])
    monkeypatch.setattr("jobctl.services.cleanup.time.sleep", slept.append)
    ids = _jobs(world, 3)
    report, operations = swept(world, lease=_SlowLease(clock), pace=Pace(rate=0.02))
    assert [one.id for one in operations] == ids
    assert report.exit_code == 0
    assert slept
    assert min(slept) >= 0
