"""Redis that is gone, closed, full, foreign or forbidden: each with its own exit code."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import assert_failed, assert_refused, only_refused, unchanged
from tests.cli.fixtures import MakeWorld
from tests.cli.runner import run
from tests.cli.world import World, new_id
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.s3 import S3Server

NOWHERE = "redis://127.0.0.1:1/0"
PASSWORD = "correct-horse-0451"
WRONG = "wrong-battery-0451"


def _each_command(world: World, job_id: str) -> Sequence[Sequence[str]]:
    return (
        ["list"],
        ["list", "--count"],
        ["status", job_id],
        ["create", world.file()],
        ["update", job_id, "--percentage", "1"],
        ["delete", job_id],
    )


@pytest.mark.parametrize("place", range(6))
def test_redis_gone(place: int, world: World) -> None:
    arguments = _each_command(world, new_id())[place]
    with unchanged(world):
        outcome = world.run(*arguments, JOBCTL_REDIS_URL=NOWHERE)
        assert_failed(outcome, ExitCode.UNAVAILABLE)
    assert "redis://127.0.0.1:1" in outcome.stderr


def test_an_outage_never_reads_as_no_jobs(world: World) -> None:
    for output in ("tsv", "json", "jsonl", "csv", "id"):
        outcome = world.run("list", "-o", output, JOBCTL_REDIS_URL=NOWHERE)
        assert (outcome.exit_code, outcome.stdout) == (ExitCode.UNAVAILABLE, "")


def test_a_socket_that_is_not_there() -> None:
    outcome = run("list", env={"JOBCTL_REDIS_URL": "unix:///nonexistent/redis.sock"})
    assert_refused(outcome, ExitCode.UNAVAILABLE)


@pytest.fixture
def locked(own_valkey: ValkeyFactory, moto: S3Server, make_world: MakeWorld) -> World:
    """A server that wants PASSWORD; the world's own client has it."""
    server = own_valkey()
    world = make_world(server, moto)
    world.redis.config_set("requirepass", PASSWORD)
    world.redis.auth(PASSWORD)
    return world


def _password_file(directory: Path, password: str) -> dict[str, str]:
    path = directory / "password"
    path.write_text(f"{password}\n")
    return {"JOBCTL_REDIS_PASSWORD_FILE": str(path)}


def test_a_password_comes_from_a_file_or_the_environment(locked: World, tmp_path: Path) -> None:
    job_id = locked.seed()
    by_file = locked.run("list", "-o", "id", **_password_file(tmp_path, PASSWORD))
    assert (by_file.exit_code, by_file.stdout) == (0, f"{job_id}\n")
    url = locked.redis_url.replace("unix://", f"unix://:{PASSWORD}@")
    by_url = locked.run("list", "-o", "id", JOBCTL_REDIS_URL=url)
    assert (by_url.exit_code, by_url.stdout) == (0, f"{job_id}\n")


@pytest.mark.parametrize("place", range(6))
def test_a_wrong_password(place: int, locked: World, tmp_path: Path) -> None:
    arguments = _each_command(locked, locked.seed("completed"))[place]
    wrong = _password_file(tmp_path, WRONG)
    with unchanged(locked):
        assert_failed(locked.run(*arguments, **wrong), ExitCode.NOT_PERMITTED)
        debugged = locked.run("--debug", *arguments, **wrong)
    assert debugged.exit_code == ExitCode.NOT_PERMITTED
    assert WRONG not in debugged.everything


def test_a_wrong_password_is_tried_once(locked: World, tmp_path: Path) -> None:
    locked.run("list", **_password_file(tmp_path, WRONG))
    attempts = [one for one in locked.redis.acl_log() if one["reason"] == "auth"]
    assert sum(int(one["count"]) for one in attempts) == 1


def test_no_password_where_one_is_wanted(locked: World) -> None:
    assert_refused(locked.run("list"), ExitCode.NOT_PERMITTED)


def test_a_missing_and_an_empty_password_file(locked: World, tmp_path: Path) -> None:
    missing = {"JOBCTL_REDIS_PASSWORD_FILE": str(tmp_path / "nothing")}
    assert_refused(locked.run("list", **missing), ExitCode.BAD_CONFIGURATION)
    empty = _password_file(tmp_path, "")
    assert locked.run("list", **empty).exit_code == ExitCode.BAD_CONFIGURATION


WRONG_TYPES = {
    "jobs-by-updated": ("list", "status", "create", "update", "delete"),
    "timeouts:approval": ("status", "create", "update", "delete"),
    "audit": ("create", "update", "delete"),
    "queue:processing": ("create", "update", "delete"),
}


@pytest.mark.parametrize(
    ("key", "command"),
    [(key, command) for key, commands in WRONG_TYPES.items() for command in commands],
)
def test_a_key_of_another_type_belongs_to_something_else(
    key: str, command: str, any_world: World
) -> None:
    world = any_world
    job_id = world.seed("completed" if command == "delete" else "queued")
    world.redis.delete(world.key(key))
    world.redis.set(world.key(key), "not ours")
    arguments = next(one for one in _each_command(world, job_id) if one[0] == command)
    with unchanged(world):
        assert_failed(world.run(*arguments), ExitCode.UNAVAILABLE)


def test_a_job_of_another_type(any_world: World) -> None:
    world = any_world
    world.redis.set(world.key("job", "odd"), "not a hash")
    with only_refused(world):
        shown = world.run("status", "odd", "-o", "json")
        assert {"code": "unreadable_field", "message": "the record is not a hash"} in (
            shown.json["anomalies"]
        )
        assert_failed(world.run("delete", "odd"), ExitCode.CONFLICT)
        assert_failed(world.run("update", "odd", "--percentage", "1"), ExitCode.UNAVAILABLE)
        created = world.run("create", world.file(), "--id", "odd")
        assert_failed(created, ExitCode.CONFLICT)


def test_one_record_of_another_type_does_not_hide_the_other_jobs(any_world: World) -> None:
    world = any_world
    job_id = world.seed()
    world.redis.set(world.key("job", "odd"), "not a hash")
    world.redis.zadd(world.key("jobs-by-updated"), {"odd": 1})
    outcome = world.run("list", "-o", "id")
    assert (outcome.exit_code, outcome.stdout) == (0, f"{job_id}\nodd\n")


def test_a_full_server_takes_nothing(
    own_valkey: ValkeyFactory, moto: S3Server, make_world: MakeWorld
) -> None:
    world = make_world(own_valkey(), moto)
    job_id = world.seed("completed")
    world.redis.config_set("maxmemory", 1)
    with unchanged(world):
        for command, *options in (["create", world.file()], ["update", job_id, "--summary", "x"]):
            outcome = world.run(command, *options)
            assert_failed(outcome, ExitCode.UNAVAILABLE)
            assert "memory" in outcome.stderr
    assert world.run("status", job_id).exit_code == 0


def test_a_replica_takes_no_writes(
    own_valkey: ValkeyFactory, moto: S3Server, make_world: MakeWorld
) -> None:
    world = make_world(own_valkey(), moto)
    job_id = world.seed("completed")
    world.redis.replicaof("127.0.0.1", "1")
    with unchanged(world):
        assert_failed(world.run("create", world.file()), ExitCode.UNAVAILABLE)
        assert_failed(world.run("delete", job_id), ExitCode.UNAVAILABLE)
    assert world.run("list", "-o", "id").stdout == f"{job_id}\n"


@pytest.mark.parametrize("missing", ["xadd", "hset", "expire", "zadd", "evalsha", "lpush"])
def test_a_missing_permission_stops_a_change_before_anything_is_written(
    missing: str, any_world: World, tmp_path: Path
) -> None:
    world = any_world
    user = f"u-{world.namespace}"
    world.redis.acl_setuser(
        user,
        enabled=True,
        passwords=[f"+{PASSWORD}"],
        keys=[f"{world.namespace}:*"],
        commands=["+@all", f"-{missing}"],
    )
    limited = {"JOBCTL_REDIS_USERNAME": user, **_password_file(tmp_path, PASSWORD)}
    try:
        with unchanged(world):
            outcome = world.run("create", world.file(), "--status", "awaiting_approval", **limited)
            assert_failed(outcome, ExitCode.NOT_PERMITTED)
    finally:
        world.redis.acl_deluser(user)


def test_a_job_that_a_decision_holds_is_left_alone(any_world: World) -> None:
    world = any_world
    job_id = world.seed("completed")
    world.redis.set(world.key("approval-lock", job_id), "held", ex=60)
    with only_refused(world, "delete", "update"):
        assert_failed(world.run("delete", job_id), ExitCode.CONFLICT)
        assert_failed(world.run("update", job_id, "--summary", "x"), ExitCode.CONFLICT)


def test_a_foreign_entry_in_the_audit_trail_stops_every_change(any_world: World) -> None:
    world = any_world
    world.redis.xadd(world.key("audit"), {"by": "somebody else"})
    with unchanged(world):
        assert_failed(world.run("create", world.file()), ExitCode.UNAVAILABLE)
