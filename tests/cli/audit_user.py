"""A Redis user who may not do everything with the audit trail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.world import World

PASSWORD = "correct-horse-0451"


@contextmanager
def limited_user(world: World, directory: Path, *denied: str) -> Iterator[dict[str, str]]:
    """The environment of one who may do all on the namespace but for *denied*."""
    user, secret = f"u-{world.namespace}", directory / "password"
    secret.write_text(PASSWORD)
    world.redis.acl_setuser(
        user,
        enabled=True,
        passwords=[f"+{PASSWORD}"],
        keys=[f"{world.namespace}:*"],
        commands=["+@all", *denied],
    )
    try:
        yield {"JOBCTL_REDIS_USERNAME": user, "JOBCTL_REDIS_PASSWORD_FILE": str(secret)}
    finally:
        world.redis.acl_deluser(user)
