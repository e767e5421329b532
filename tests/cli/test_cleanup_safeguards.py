"""What keeps `cleanup` from taking the jobs of others, or a broken store, for rubbish."""

import time

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import with_document
from tests.cli.expect import assert_refused, unchanged
from tests.cli.fixtures import MakeWorld
from tests.cli.world import World, new_id
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.s3 import S3Server

DAY = 86_400


@pytest.fixture
def own_world(own_valkey: ValkeyFactory, moto: S3Server, make_world: MakeWorld) -> World:
    return make_world(own_valkey(), moto)


def _seeded(world: World, *, age: float) -> str:
    return with_document(world, world.seed("completed", job_id=new_id(), at=time.time() - age))


def test_the_index_of_another_namespace_costs_nobody_a_document(world: World) -> None:
    """A wrong namespace beside the right index makes a ghost of every job."""
    young = [_seeded(world, age=DAY) for _ in range(3)]
    old = _seeded(world, age=60 * DAY)
    wrong = {"JOBCTL_NAMESPACE": "wrong", "JOBCTL_INDEX_KEY": world.key("jobs-by-updated")}
    with unchanged(world):
        refused = world.run("cleanup", "--yes", "--max-delete", "0", **wrong)
        shown = world.run("cleanup", "-o", "json", **wrong)
    assert_refused(refused, ExitCode.REFUSED)
    assert "(index 1)" in refused.stderr
    assert [one["id"] for one in shown.json["items"]] == [old]
    assert shown.json["summary"]["gone_early"] == 3
    assert set(shown.json["summary"]["examples"]["gone_early"]) == set(young)


def test_what_is_left_alone_is_named_without_what_a_terminal_acts_upon(world: World) -> None:
    with_document(world, lost := world.seed("completed", at=time.time() - DAY))
    world.redis.delete(world.key("job", lost))
    world.redis.zadd(world.key("jobs-by-updated"), {"\x1b[31m/x": 1})
    with unchanged(world):
        outcome = world.run("cleanup", "--yes")
    assert outcome.exit_code == 0
    assert "gone before it could expire" in outcome.stderr
    assert f"'{lost}'" in outcome.stderr
    assert "no valid job id" in outcome.stderr
    assert "\x1b" not in outcome.stderr


@pytest.mark.parametrize("policy", ["volatile-lru", "noeviction"])
def test_a_server_that_drops_jobs_is_told_of(own_world: World, policy: str) -> None:
    own_world.redis.config_set("maxmemory-policy", policy)
    outcome = own_world.run("cleanup", "--yes")
    assert outcome.exit_code == 0
    assert ("maxmemory-policy is volatile-lru" in outcome.stderr) is (policy == "volatile-lru")
    summary = own_world.run("cleanup", "-o", "json").json["summary"]
    assert summary["eviction_policy"] == policy


def test_a_server_that_may_not_be_asked_is_not(own_world: World) -> None:
    own_world.redis.execute_command("ACL", "SETUSER", "default", "-info")
    outcome = own_world.run("cleanup", "--yes", "-o", "json")
    assert outcome.exit_code == 0, outcome.everything
    assert outcome.json["summary"]["eviction_policy"] is None
