"""The Lua scripts: loaded from `lua/`, called by digest."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobctl.storage.keys import wire

if TYPE_CHECKING:
    from redis import Redis

_DIRECTORY = Path(__file__).parent / "lua"


@cache
def source(name: str) -> str:
    return (_DIRECTORY / f"{name}.lua").read_text("utf-8")


@cache
def digest(name: str) -> str:
    return sha1(source(name).encode(), usedforsecurity=False).hexdigest()


def call(client: "Redis", name: str, *, keys: Sequence[str], args: Sequence[str]) -> Any:
    """Run the script atomically; it is loaded first where the server does not know it yet."""
    from redis.exceptions import NoScriptError

    sent = [*map(wire, keys), *map(wire, args)]
    try:
        return client.evalsha(digest(name), len(keys), *sent)
    except NoScriptError:
        client.script_load(source(name))
        return client.evalsha(digest(name), len(keys), *sent)
