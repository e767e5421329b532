"""The approval service decides on a job, holding its lock, at the moment that jobctl is to."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from jobctl.errors import ExitCode
from tests.acceptance.decided import REASON, approvals, assert_decided_once, awaiting
from tests.acceptance.lost import CHANGE
from tests.cli.expect import assert_refused, only_refused, unchanged
from tests.cli.world import World
from tests.servers.proxy import FaultProxy
from tests.waiting import wait_until


@pytest.mark.parametrize("verb", ["approve", "deny", "cancel"])
def test_a_job_that_the_service_holds_is_a_conflict_and_stays_untouched(
    verb: str, any_world: World
) -> None:
    world = any_world
    (job_id,) = awaiting(world, 1)
    world.redis.set(approvals(world).lock_key(job_id), "processing", ex=60)
    with only_refused(world, verb):
        outcome = world.run(verb, job_id, "--reason", REASON)
    assert_refused(outcome, ExitCode.CONFLICT)
    assert "approval service" in outcome.stderr


@pytest.mark.parametrize("verb", ["approve", "deny", "cancel"])
def test_in_the_middle_of_a_decision_of_the_service_jobctl_changes_nothing(
    verb: str, any_world: World
) -> None:
    """The service has read that the job awaits a decision, and writes next."""
    world = any_world
    (job_id,) = awaiting(world, 1)
    service = approvals(world)
    outcomes = []

    def meanwhile(job_id: str) -> None:
        with only_refused(world, verb):
            outcomes.append(world.run(verb, job_id, "--reason", REASON))

    service.while_locked = meanwhile
    assert service.process_approval_decision(job_id, "approved", REASON, "somebody else")
    assert_refused(outcomes[0], ExitCode.CONFLICT)
    assert world.job(job_id)["status"] == "processing"


@contextmanager
def _once_refused(proxy: FaultProxy, happens: Callable[[], object]) -> Iterator[None]:
    """*happens* in a thread as soon as a change of jobctl was answered."""

    def wait_and_see() -> None:
        wait_until(lambda: proxy.executed(CHANGE) > 0)
        happens()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(wait_and_see)
        yield
        done.result()


@pytest.mark.parametrize("verb", ["approve", "deny", "cancel"])
def test_wait_goes_through_once_the_service_lets_go(
    verb: str, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    (job_id,) = awaiting(world, 1)
    lock = approvals(world).lock_key(job_id)
    world.redis.set(lock, "processing", ex=60)
    with _once_refused(proxy, lambda: world.redis.delete(lock)):
        outcome = world.run(verb, job_id, "--reason", REASON, "--wait", "50s")
    assert outcome.exit_code == 0, outcome.stderr
    assert assert_decided_once(world, [job_id]) == {job_id: verb}


@pytest.mark.parametrize(
    ("verb", "code"), [("approve", ExitCode.DONE), ("deny", ExitCode.CONFLICT)]
)
def test_wait_ends_with_what_the_service_has_decided(
    verb: str, code: ExitCode, far_world: World, proxy: FaultProxy
) -> None:
    world = far_world
    (job_id,) = awaiting(world, 1)
    service = approvals(world)
    held, go_on = threading.Event(), threading.Event()

    def hold(_job_id: str) -> None:
        held.set()
        assert go_on.wait(20)

    service.while_locked = hold
    with ThreadPoolExecutor(1) as pool:
        decision = pool.submit(
            service.process_approval_decision, job_id, "approved", REASON, "dean@example.edu"
        )
        assert held.wait(20)
        with _once_refused(proxy, go_on.set):
            outcome = world.run(verb, job_id, "--reason", REASON, "--wait", "50s", "-o", "json")
        assert decision.result()
    assert outcome.exit_code == code, outcome.everything
    (item,) = outcome.json["items"]
    assert item["changed"] is False
    told = item["notes"][0] if code is ExitCode.DONE else item["error"]["message"]
    assert "approved already" in told or "approved by dean@example.edu" in told
    assert_decided_once(world, [job_id], by_others=[job_id])


def test_a_decision_of_jobctl_is_not_overruled_by_a_late_one_of_the_service(
    any_world: World,
) -> None:
    """The service has taken the deadline away and is about to lock when jobctl is through."""
    world = any_world
    approved, denied = awaiting(world, 2)
    for verb, job_id in (("approve", approved), ("deny", denied)):
        assert world.run(verb, job_id, "--reason", REASON).exit_code == 0
        with unchanged(world), pytest.raises(ValueError, match=job_id):
            approvals(world).process_approval_decision(job_id, "approved", REASON, "late")
    assert assert_decided_once(world, [approved, denied]) == {approved: "approve", denied: "deny"}


def test_a_token_of_the_service_decides_once_and_is_void_for_it(world: World) -> None:
    service = approvals(world)
    job_id = world.seed("pii_scanning")
    token = service.request_approval(job_id)
    assert service.validate_approval_token(token) is not None
    command = ["approve", "--token-file", "-", "--no-verify", "--reason", REASON]
    assert world.run(*command, stdin=token).exit_code == 0
    assert service.validate_approval_token(token) is None
    assert world.run(*command, stdin=token).exit_code == ExitCode.NOT_FOUND
