"""The same life of a job behind a sentinel and in a cluster."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from jobctl.errors import ExitCode
from tests.cli.fixtures import MakeWorld
from tests.cli.world import World
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer
from tests.servers.s3 import S3Server
from tests.servers.topologies import running_cluster, running_sentinel


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[RedisServer]]:
    with running_cluster() as nodes:
        yield nodes


def _live_and_die(world: World) -> None:
    job_id = world.run("create", world.file(), "--id", "job-1").stdout.strip()
    assert job_id == "job-1"
    for status in ("processing", "completed"):
        assert world.run("update", job_id, "--status", status).exit_code == 0
    assert world.run("list", "-o", "id").stdout == "job-1\n"
    assert world.run("status", job_id, "-o", "json").json["status"] == "completed"
    assert world.run("delete", job_id).exit_code == 0
    assert world.run("status", job_id).exit_code == ExitCode.NOT_FOUND


def test_a_job_lives_behind_a_sentinel(
    own_valkey: ValkeyFactory, moto: S3Server, make_world: MakeWorld
) -> None:
    primary = own_valkey(tcp=True)
    with running_sentinel(primary, service="jobs") as url:
        _live_and_die(replace(make_world(primary, moto), redis_url=url))


def test_a_service_that_the_sentinel_does_not_know_is_named(
    own_valkey: ValkeyFactory, moto: S3Server, make_world: MakeWorld
) -> None:
    primary = own_valkey(tcp=True)
    with running_sentinel(primary, service="jobs") as url:
        world = replace(make_world(primary, moto), redis_url=url.replace("/jobs", "/others"))
        outcome = world.run("list")
    assert outcome.exit_code == ExitCode.UNAVAILABLE
    assert "primary of that name" in outcome.stderr


@pytest.mark.parametrize("entry", [0, 1, 2])
def test_a_job_lives_in_a_cluster_whichever_node_is_asked_first(
    entry: int, cluster: list[RedisServer], moto: S3Server, make_world: MakeWorld
) -> None:
    world = make_world(cluster[entry], moto)
    url = f"redis+cluster://127.0.0.1:{cluster[entry].port}"
    _live_and_die(replace(world, redis_url=url, namespace=f"{{{world.namespace}}}"))


def test_a_namespace_without_a_hash_tag_is_refused_by_a_cluster(
    cluster: list[RedisServer], moto: S3Server, make_world: MakeWorld
) -> None:
    world = make_world(cluster[0], moto)
    port = cluster[0].port
    tagged = replace(world, redis_url=f"redis+cluster://127.0.0.1:{port}")
    for one in (tagged, replace(world, redis_url=f"redis://127.0.0.1:{port}")):
        outcome = one.run("create", one.file())
        assert outcome.exit_code == ExitCode.BAD_CONFIGURATION, outcome.stderr
        assert "hash tag" in outcome.stderr
