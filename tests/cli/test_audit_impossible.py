"""Where no audit record can be written, no command changes anything."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import limited_user, text_file
from tests.cli.expect import unchanged
from tests.cli.fixtures import MakeWorld
from tests.cli.world import World
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.s3 import S3Server

REASON = ("--reason", "the report may go out")
SIX_WEEKS = timedelta(weeks=6).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """One of each kind, with what the commands need of them."""

    awaiting: str
    queued: str
    failed: str
    old: str
    stream_token: str


def jobs(world: World) -> Jobs:
    now = datetime.now(UTC)
    queued = world.seed("queued")
    token = f"{'t' * 43}"
    world.redis.set(world.key(f"stream-token:{token}"), queued, ex=300)
    deadline = now + timedelta(hours=4)
    awaiting = world.seed(
        "awaiting_approval", approval_token="a" * 43, approval_expires_at=deadline.isoformat()
    )
    world.redis.set(world.key(f"approval-token:{'a' * 43}"), awaiting, ex=14_400)
    world.redis.zadd(world.key("timeouts:approval"), {awaiting: deadline.timestamp()})
    old = world.seed("failed", at=now.timestamp() - SIX_WEEKS)
    for job_id in (queued, awaiting, old):
        world.bucket.put_object(Bucket=world.documents, Key=f"temp/{job_id}.pdf", Body=b"%PDF")
    return Jobs(
        awaiting=awaiting,
        queued=queued,
        failed=world.seed("failed"),
        old=old,
        stream_token=text_file(world, token + "\n", "token"),
    )


COMMANDS: Mapping[str, Callable[[World, Jobs], tuple[str, ...]]] = {
    "create": lambda world, _: ("create", world.file()),
    "update": lambda _, one: ("update", one.queued, "--status", "processing"),
    "approve": lambda _, one: ("approve", one.awaiting, *REASON),
    "deny": lambda _, one: ("deny", one.awaiting, *REASON),
    "cancel": lambda _, one: ("cancel", one.queued, *REASON),
    "retry": lambda _, one: ("retry", one.failed, "--no-verify"),
    "delete": lambda _, one: ("delete", one.failed),
    "token issue": lambda _, one: ("token", "issue", one.awaiting),
    "token revoke": lambda _, one: ("token", "revoke", one.awaiting),
    "token consume": lambda _, one: ("token", "consume", "--token-file", one.stream_token),
    "cleanup": lambda *_: ("cleanup", "--yes", "--max-delete", "100%"),
}


@pytest.fixture
def own_world(own_valkey: ValkeyFactory, moto: S3Server, make_world: MakeWorld) -> World:
    return make_world(own_valkey(), moto)


def by_a_permission(world: World) -> dict[str, str]:
    return limited_user(world, "-xadd")


def by_a_wrong_type(world: World) -> dict[str, str]:
    world.redis.set(world.key("audit"), json.dumps({"not": "a stream"}))
    return {}


def by_a_full_memory(world: World) -> dict[str, str]:
    world.redis.config_set("maxmemory-policy", "noeviction")
    world.redis.config_set("maxmemory", 1)
    return {}


@pytest.mark.parametrize(
    ("prevented", "code"),
    [
        (by_a_permission, ExitCode.NOT_PERMITTED),
        (by_a_wrong_type, ExitCode.UNAVAILABLE),
        (by_a_full_memory, ExitCode.UNAVAILABLE),
    ],
)
def test_no_command_changes_anything(
    own_world: World, prevented: Callable[[World], dict[str, str]], code: ExitCode
) -> None:
    known = jobs(own_world)
    env = prevented(own_world)
    for name, words in COMMANDS.items():
        with unchanged(own_world):
            outcome = own_world.run(*words(own_world, known), **env)
        assert outcome.exit_code == code, (name, outcome.everything)
        assert "Traceback" not in outcome.stderr
