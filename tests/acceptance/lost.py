"""jobctl behind a proxy that loses replies, and then the server altogether."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.cli.runner import Outcome
from tests.cli.world import World
from tests.servers.proxy import FaultProxy
from tests.waiting import wait_until

CHANGE = b"EVALSHA"


def near(world: World, *words: str) -> Outcome:
    """jobctl from where nothing is lost."""
    return world.run(*words, JOBCTL_REDIS_URL=world.redis_url)


@contextmanager
def gone_after(proxy: FaultProxy, lost: bytes, *, changes: int = 0) -> Iterator[None]:
    """The server cannot be reached any more once this reply is lost and so many changes made."""
    before = len(proxy.dropped)
    proxy.drop_reply(matching=lost, mode="stall")
    # Nor can the trail be asked in the meantime.
    proxy.drop_reply(matching=b"XRANGE", times=1_000)

    def follow() -> None:
        wait_until(lambda: len(proxy.dropped) > before and proxy.executed(CHANGE) >= changes)
        proxy.refuse()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(follow)
        try:
            yield
            done.result()
        finally:
            proxy.allow()
