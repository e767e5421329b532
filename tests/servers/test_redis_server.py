"""The servers that other tests stand on start, crash, come back and go away as they say."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import (
    RedisServer,
    ServerDidNotStartError,
    connect,
    start_redis62,
    start_valkey,
)

ROOT = Path(__file__).parents[2]
INTERRUPTED = """
import os, signal
from tests.servers.redis_server import start_valkey
print(start_valkey().pid, flush=True)
os.kill(os.getpid(), signal.SIGINT)
"""


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_versions(valkey: RedisServer, redis62: RedisServer) -> None:
    assert valkey.client().info("server")["valkey_version"].startswith("9.")
    assert redis62.client().info("server")["redis_version"].startswith("6.2.")


def test_a_session_server_listens_on_a_unix_socket_alone(any_redis: RedisServer) -> None:
    assert any_redis.socket is not None
    assert any_redis.port is None
    assert len(str(any_redis.socket)) < 108
    assert any_redis.client().config_get("port") == {"port": "0"}


def test_namespaces_differ(namespace: str, any_redis: RedisServer) -> None:
    assert any_redis.client().set(f"{namespace}:seen", "1", nx=True)


@pytest.mark.parametrize("start", [start_valkey, start_redis62], ids=["valkey9", "redis62"])
@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_kill_and_restart_keep_the_address(start: ValkeyFactory, tcp: bool) -> None:
    server = start(tcp=tcp)
    try:
        url, pid, client = server.url, server.pid, server.client()
        client.set("k", "v")

        server.kill()
        assert not running(pid)
        with pytest.raises(redis.ConnectionError):
            client.get("k")

        server.restart()
        assert server.url == url
        assert server.pid != pid
        assert client.get("k") is None
    finally:
        server.stop()


def test_data_survives_a_crash_where_the_configuration_persists_it(
    own_valkey: ValkeyFactory,
) -> None:
    server = own_valkey(config=("--appendonly", "yes", "--appendfsync", "always"))
    server.client().set("k", "v")
    server.kill()
    server.restart()
    assert server.client().get("k") == "v"


def test_stop_leaves_neither_process_nor_directory() -> None:
    server = start_valkey()
    server.stop()
    server.stop()
    assert not running(server.pid)
    assert not server.directory.exists()


def test_own_servers_are_separate(own_valkey: ValkeyFactory) -> None:
    first, second = own_valkey(), own_valkey(tcp=True)
    first.client().set("k", "v")
    assert second.client().dbsize() == 0


def test_a_server_that_wants_a_password_counts_as_ready(own_valkey: ValkeyFactory) -> None:
    server = own_valkey(config=("--requirepass", "pw"), tcp=True)
    with pytest.raises(redis.AuthenticationError):
        server.client().ping()
    assert connect(f"redis://:pw@127.0.0.1:{server.port}/0").ping()


def test_a_bad_option_is_reported_with_what_the_server_said() -> None:
    with pytest.raises(ServerDidNotStartError, match="no-such-option"):
        start_valkey(config=("--no-such-option", "1"))


def test_an_interrupted_run_leaves_no_server() -> None:
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == -signal.SIGINT
    assert not running(int(run.stdout))
