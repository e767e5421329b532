"""The proxy loses exactly the replies it is told to, and only after the server has acted."""

import gc
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers.proxy import FaultMode, FaultProxy, end_of_value
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer, connect

INCREMENT = "return redis.call('INCR', KEYS[1])"


@pytest.fixture
def proxy(any_redis: RedisServer) -> Iterator[FaultProxy]:
    with FaultProxy(any_redis.url) as entered:
        yield entered


@pytest.mark.parametrize("mode", ["close", "reset", "truncate"])
def test_a_request_whose_reply_is_lost_was_executed_once(
    proxy: FaultProxy, any_redis: RedisServer, namespace: str, mode: FaultMode
) -> None:
    client = connect(proxy.url)
    script = client.script_load(INCREMENT)
    proxy.drop_reply(matching=b"EVALSHA", mode=mode)

    with pytest.raises(redis.ConnectionError):
        client.evalsha(script, 1, namespace)
    assert any_redis.client().get(namespace) == "1"
    assert proxy.executed(b"EVALSHA") == 1
    assert len(proxy.dropped) == 1
    assert script.encode() in proxy.dropped[0]

    assert client.evalsha(script, 1, namespace) == 2


def test_a_stalled_reply_times_out_after_its_request_was_executed(
    proxy: FaultProxy, any_redis: RedisServer, namespace: str
) -> None:
    client = connect(proxy.url, timeout=0.5)
    client.ping()
    proxy.drop_reply(matching=b"INCR", mode="stall")

    with pytest.raises(redis.TimeoutError):
        client.incr(namespace)
    assert any_redis.client().get(namespace) == "1"
    assert client.incr(namespace) == 2


@pytest.mark.parametrize(
    ("mode", "received"), [("close", b""), ("truncate", b"$5\r\nh"), ("reset", None)]
)
def test_what_each_mode_puts_on_the_wire(
    proxy: FaultProxy, namespace: str, mode: FaultMode, received: bytes | None
) -> None:
    connect(proxy.url).set(namespace, "hello")
    proxy.drop_reply(matching=b"GET", mode=mode)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        connection.sendall(f"GET {namespace}\r\n".encode())
        if received is None:
            with pytest.raises(ConnectionResetError):
                connection.recv(100)
        else:
            with connection.makefile("rb") as stream:
                assert stream.read() == received


def test_a_retrying_client_executes_a_script_once_for_each_lost_reply(
    proxy: FaultProxy, namespace: str
) -> None:
    client = redis.Redis.from_url(proxy.url, retry=Retry(NoBackoff(), 3))
    script = client.script_load(INCREMENT)
    proxy.drop_reply(matching=b"EVALSHA", times=3)
    assert client.evalsha(script, 1, namespace) == 4


def test_a_pipelined_batch_is_executed_to_its_end(
    proxy: FaultProxy, any_redis: RedisServer, namespace: str
) -> None:
    proxy.drop_reply(matching=b"INCRBY")
    with connect(proxy.url).pipeline(transaction=False) as batch:
        batch.incr(f"{namespace}:a")
        batch.incrby(f"{namespace}:b", 5)
        # Makes the server send the replies so far before it goes on to the last command.
        batch.blpop(f"{namespace}:empty", timeout=0.1)
        batch.incr(f"{namespace}:c")
        with pytest.raises(redis.ConnectionError):
            batch.execute()
    keys = [f"{namespace}:{name}" for name in "abc"]
    assert any_redis.client().mget(keys) == ["1", "5", "1"]


def test_a_request_in_several_pieces_is_recognised(proxy: FaultProxy, namespace: str) -> None:
    proxy.drop_reply(matching=b"INCR")
    key = namespace.encode()
    request = b"*2\r\n$4\r\nINCR\r\n$%d\r\n%s\r\n" % (len(key), key)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            connection.sendall(bytes([byte]))
        assert connection.recv(100) == b""
    assert proxy.dropped == (request,)


def test_an_unknown_script_reaches_the_client_and_keeps_the_rule(
    proxy: FaultProxy, any_redis: RedisServer, namespace: str
) -> None:
    any_redis.client().script_flush()
    increment = connect(proxy.url).register_script(INCREMENT)
    proxy.drop_reply(matching=b"EVALSHA")
    with pytest.raises(redis.ConnectionError):
        increment(keys=[namespace])
    assert any_redis.client().get(namespace) == "1"


def test_a_refusing_proxy_cuts_its_clients_and_comes_back_on_its_port(proxy: FaultProxy) -> None:
    client = connect(proxy.url)
    assert client.ping()
    proxy.refuse()
    with pytest.raises(redis.ConnectionError):
        client.ping()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port))
    proxy.allow()
    assert client.ping()
    assert proxy.connections == 2


def test_much_data_passes_both_ways_at_once(proxy: FaultProxy, namespace: str) -> None:
    value = "x" * 1_000_000
    client = connect(proxy.url)
    before = proxy.requests
    with client.pipeline(transaction=False) as batch:
        for _ in range(20):
            batch.set(namespace, value)
            batch.get(namespace)
        assert batch.execute() == [True, value] * 20
    assert proxy.requests - before >= 40
    client.delete(namespace)


def test_a_killed_server_is_a_lost_connection(own_valkey: ValkeyFactory) -> None:
    server = own_valkey()
    with FaultProxy(server.url) as proxy:
        client = connect(proxy.url)
        client.ping()
        server.kill()
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                client.ping()
        server.restart()
        assert client.ping()


def open_descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_proxy_leaves_no_thread_and_no_descriptor(own_valkey: ValkeyFactory) -> None:
    server = own_valkey(tcp=True)
    threads, descriptors = threading.active_count(), open_descriptors()
    with FaultProxy(server.url) as proxy, connect(proxy.url) as client:
        proxy.drop_reply(matching=b"PING", mode="reset")
        with pytest.raises(redis.ConnectionError):
            client.ping()
        client.echo("again")
        port = proxy.port
    assert threading.active_count() == threads
    assert open_descriptors() == descriptors
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize(
    "value",
    [
        b"+OK\r\n",
        b"PING now\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"$0\r\n\r\n",
        b"$4\r\n\r\n\r\n\r\n",
        b"*2\r\n:1\r\n*1\r\n$1\r\na\r\n",
        b"%1\r\n+k\r\n~1\r\n#t\r\n",
        b"=5\r\ntxt:x\r\n",
    ],
)
def test_a_value_ends_where_its_last_byte_is(value: bytes) -> None:
    assert end_of_value(value + b"+next\r\n", 0) == len(value)
    assert all(end_of_value(value[:cut], 0) is None for cut in range(len(value)))
