"""`doctor`: what it finds sound, what it warns of, and the exit code of what has failed."""

from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import unchanged
from tests.cli.fixtures import MakeWorld
from tests.cli.runner import Outcome, run
from tests.cli.world import World, new_id
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.s3 import OUTSIDER, S3Server


def _results(outcome: Outcome) -> dict[str, str]:
    return {item["name"]: item["result"] for item in outcome.json["items"]}


def _message(outcome: Outcome, name: str) -> str:
    found = {item["name"]: str(item["message"]) for item in outcome.json["items"]}
    return found[name]


@pytest.fixture
def own_world(own_valkey: ValkeyFactory, moto: S3Server, make_world: MakeWorld) -> World:
    return make_world(own_valkey(config=("--appendonly", "yes")), moto)


def test_a_healthy_store_has_no_findings_and_is_not_changed(own_world: World) -> None:
    world = own_world
    world.seed()
    with unchanged(world):
        outcome = world.run("doctor", "-o", "json")
    assert outcome.exit_code == 0
    document = outcome.json
    assert (document["kind"], document["healthy"]) == ("DoctorReport", True)
    assert set(_results(outcome).values()) == {"ok"}
    assert outcome.stderr == ""


def test_doctor_names_product_and_version(any_world: World) -> None:
    outcome = any_world.run("doctor", "-o", "json")
    assert outcome.exit_code == 0
    version = any_world.redis.info("server")
    expected = version.get("valkey_version") or version["redis_version"]
    assert expected in _message(outcome, "store")
    assert ("Valkey" in _message(outcome, "store")) == ("valkey_version" in version)


def test_an_evicting_server_is_a_warning(own_world: World) -> None:
    own_world.redis.config_set("maxmemory-policy", "allkeys-lru")
    outcome = own_world.run("doctor", "-o", "json")
    assert outcome.exit_code == 0
    assert _results(outcome)["eviction"] == "warning"
    assert "allkeys-lru" in _message(outcome, "eviction")


def test_a_server_that_forgets_is_a_warning(world: World) -> None:
    outcome = world.run("doctor", "-o", "json")
    assert outcome.exit_code == 0
    assert _results(outcome)["persistence"] == "warning"


def test_a_replica_is_a_failure(own_world: World) -> None:
    own_world.redis.replicaof("127.0.0.1", "1")
    outcome = own_world.run("doctor", "-o", "json")
    assert outcome.exit_code == ExitCode.UNAVAILABLE
    assert _results(outcome)["role"] == "failed"
    assert outcome.json["healthy"] is False


@pytest.mark.parametrize("setting", ["JOBCTL_DOCUMENTS_BUCKET", "JOBCTL_RESULTS_BUCKET"])
def test_a_missing_bucket_is_a_failure(setting: str, world: World) -> None:
    outcome = world.run("doctor", "-o", "json", **{setting: "no-such-bucket"})
    assert outcome.exit_code == ExitCode.NOT_FOUND
    assert _results(outcome)["bucket no-such-bucket"] == "failed"


def test_a_forbidden_bucket_is_a_failure(strict_world: World) -> None:
    who = {"AWS_ACCESS_KEY_ID": OUTSIDER[0], "AWS_SECRET_ACCESS_KEY": OUTSIDER[1]}
    outcome = strict_world.run("doctor", "-o", "json", **who)
    assert outcome.exit_code == ExitCode.NOT_PERMITTED
    assert _results(outcome)[f"bucket {strict_world.documents}"] == "failed"


def test_every_check_runs_though_the_first_has_failed(world: World) -> None:
    outcome = world.run("doctor", "-o", "json", JOBCTL_REDIS_URL="redis://127.0.0.1:1/0")
    assert outcome.exit_code == ExitCode.UNAVAILABLE
    assert _results(outcome) == {
        "store": "failed",
        f"bucket {world.documents}": "ok",
        f"bucket {world.results}": "ok",
    }


def test_s3_down_fails_its_own_checks_alone(world: World) -> None:
    outcome = world.run("doctor", "-o", "json", JOBCTL_S3_ENDPOINT_URL="http://127.0.0.1:1")
    assert outcome.exit_code == ExitCode.UNAVAILABLE
    assert _results(outcome)["store"] == "ok"
    assert _results(outcome)[f"bucket {world.documents}"] == "failed"


def _limited(world: World, directory: Path, *commands: str) -> dict[str, str]:
    user = f"u-{world.namespace}"
    world.redis.acl_setuser(
        user,
        enabled=True,
        passwords=["+secret-0451"],
        keys=[f"{world.namespace}:*"],
        commands=list(commands),
    )
    path = directory / "password"
    path.write_text("secret-0451")
    return {"JOBCTL_REDIS_USERNAME": user, "JOBCTL_REDIS_PASSWORD_FILE": str(path)}


READING = ("-@all", "+ping", "+time", "+evalsha", "+script|load", "+hgetall", "+ttl", "+type",
           "+zscore", "+zcard", "+zrevrangebyscore", "+exists", "+xrevrange", "+xlen")  # fmt: skip


def test_the_missing_permissions_of_a_limited_user_are_named(
    own_world: World, tmp_path: Path
) -> None:
    user = _limited(own_world, tmp_path, *READING)
    with unchanged(own_world):
        outcome = own_world.run("doctor", "-o", "json", **user)
    assert outcome.exit_code == 0
    assert _results(outcome)["permissions"] == "warning"
    message = _message(outcome, "permissions")
    for command in ("HSET", "EXPIRE", "ZADD", "ZREM", "XADD", "SET", "DEL", "LPUSH"):
        assert f"{command} {own_world.namespace}:" in message
    for command in ("HGETALL", "TTL", "ZREVRANGEBYSCORE", "XREVRANGE", "EXISTS"):
        assert f"{command} {own_world.namespace}:" not in message


def test_a_user_who_may_not_even_ask_is_told_what_is_missing(
    own_world: World, tmp_path: Path
) -> None:
    user = _limited(own_world, tmp_path, "-@all", "+ping")
    outcome = own_world.run("doctor", "-o", "json", **user)
    assert outcome.exit_code == ExitCode.NOT_PERMITTED
    assert "time" in _message(outcome, "store").lower()


def test_a_limited_user_of_redis62_is_not_reported_as_sound(
    make_world: MakeWorld, moto: S3Server, any_world: World, tmp_path: Path
) -> None:
    """Redis 6.2 cannot be asked; saying nothing about permissions is honest, `ok` is not."""
    user = _limited(any_world, tmp_path, *READING)
    try:
        outcome = any_world.run("doctor", "-o", "json", **user)
    finally:
        any_world.redis.acl_deluser(user["JOBCTL_REDIS_USERNAME"])
    assert _results(outcome).get("permissions") != "ok"


@pytest.mark.parametrize(
    "key",
    ["jobs-by-updated", "timeouts:approval", "audit", "queue:processing", "queue:approval"],
)
def test_a_key_of_another_type_is_a_failure(key: str, any_world: World) -> None:
    world = any_world
    world.redis.set(world.key(key), "not ours")
    outcome = world.run("doctor", "-o", "json")
    assert outcome.exit_code == ExitCode.UNAVAILABLE
    assert _results(outcome)["keys"] == "failed"
    assert world.key(key) in _message(outcome, "keys")


def test_expired_jobs_and_jobs_for_ever_are_a_warning(world: World) -> None:
    job_id = world.seed()
    world.redis.persist(world.key("job", job_id))
    world.redis.zadd(world.key("jobs-by-updated"), {new_id(): 1})
    outcome = world.run("doctor", "-o", "json")
    assert outcome.exit_code == 0
    assert _results(outcome)["index"] == "warning"
    assert "50% of them point to expired jobs" in _message(outcome, "index")


def test_a_server_that_is_none_of_ours() -> None:
    outcome = run("doctor", "-o", "json", env={"JOBCTL_REDIS_URL": "http://127.0.0.1:1"})
    assert outcome.exit_code == ExitCode.BAD_CONFIGURATION


def test_doctor_reads_as_a_table_with_remedies(world: World) -> None:
    outcome = world.run("doctor", "-o", "table", JOBCTL_RESULTS_BUCKET="no-such-bucket")
    assert outcome.exit_code == ExitCode.NOT_FOUND
    header, *lines = outcome.stdout.splitlines()
    assert header.split() == ["CHECK", "RESULT", "MESSAGE", "REMEDY"]
    assert any("no-such-bucket" in line and "failed" in line for line in lines)
