"""Failures told apart by their cause, on real servers where a server can produce them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from jobctl.errors import (
    BadConfigurationError,
    JobctlError,
    NotPermittedError,
    RefusedError,
    UnavailableError,
)
from jobctl.storage import redis_connection
from jobctl.storage.redis_connection import connect, parse_redis_url
from jobctl.storage.redis_errors import describe, translated, wrong_type
from tests.servers.redis_fixtures import ValkeyFactory
from tests.servers.redis_server import RedisServer


def failure_of(url: str, *command: str, **options: Any) -> JobctlError:
    client = connect(parse_redis_url(url, **options), slot_key="k")
    with pytest.raises(JobctlError) as failure, translated("the-server"):
        client.execute_command(*(command or ("PING",)))
    client.close()
    assert "the-server" in failure.value.message
    assert failure.value.hint
    return failure.value


@contextmanager
def listener(reply: bytes | None) -> Iterator[int]:
    """Answers everything with *reply*, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.recv(4096)
                    if reply is not None:
                        connection.sendall(reply)
                    connection.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    for url in ("redis://127.0.0.1:1", f"unix://{tmp_path}/nothing"):
        failure = failure_of(url)
        assert isinstance(failure, UnavailableError)
        assert "cannot connect" in failure.message


@pytest.mark.parametrize("tcp", [True, False])
def test_wrong_or_missing_credentials_are_not_permitted(
    own_valkey: ValkeyFactory, tcp: bool
) -> None:
    server = own_valkey(config=("--requirepass", "right"), tcp=tcp)
    with_wrong = server.url.replace("://", "://:wrong@")
    for url, options in (
        (server.url, {}),
        (with_wrong, {}),
        (with_wrong, {"username": "nobody"}),
    ):
        failure = failure_of(url, **options)
        assert isinstance(failure, NotPermittedError)
        assert "credentials" in failure.message
        assert "wrong" not in f"{failure.message}{failure.hint}"


def test_a_wrong_password_is_tried_once(own_valkey: ValkeyFactory) -> None:
    server = own_valkey()
    client = server.client()
    client.config_set("requirepass", "right")
    failure_of(server.url.replace("://", "://:wrong@"))
    log: Any = client.acl_log()
    assert [entry["count"] for entry in log if entry["reason"] == "auth"] in ([1], ["1"])


def test_a_loading_server_is_unavailable_for_the_moment() -> None:
    with listener(b"-LOADING Redis is loading the dataset in memory\r\n") as port:
        failure = failure_of(f"redis://127.0.0.1:{port}")
    assert isinstance(failure, UnavailableError)
    assert "loading" in failure.message


def test_a_server_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_connection, "COMMAND_SECONDS", 0.2)
    with listener(None) as port:
        failure = failure_of(f"redis://127.0.0.1:{port}")
    assert isinstance(failure, UnavailableError)
    assert "in time" in failure.message


@pytest.mark.parametrize("reply", [None, b"-ERR Protocol error\r\n"])
def test_tls_against_a_plain_port_is_not_permitted(
    monkeypatch: pytest.MonkeyPatch, reply: bytes | None
) -> None:
    """A Redis without TLS either waits for the end of what it takes for a command, or refuses."""
    monkeypatch.setattr(redis_connection, "COMMAND_SECONDS", 0.3)
    with listener(reply) as port:
        failure = failure_of(f"rediss://127.0.0.1:{port}")
    assert isinstance(failure, NotPermittedError)
    assert "TLS" in failure.message


def test_something_that_is_not_redis_is_unavailable() -> None:
    with listener(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert isinstance(failure_of(f"redis://127.0.0.1:{port}"), UnavailableError)


def test_too_many_clients_are_unavailable(own_valkey: ValkeyFactory) -> None:
    server = own_valkey(config=("--maxclients", "1"))
    first = server.client()
    first.ping()
    assert isinstance(failure_of(server.url), UnavailableError)
    first.close()


@pytest.mark.parametrize(
    ("code", "text", "kind", "words"),
    [
        ("NOPERM", "No permissions to access a key", NotPermittedError, "may not"),
        (
            "NOPERM",
            "this user has no permissions to run the 'get' command or its subcommand",
            NotPermittedError,
            "may not",
        ),
        (
            "",
            "The user executing the script can't run this command or subcommand",
            NotPermittedError,
            "may not",
        ),
        (
            "NOPERM",
            "ACL failure in script: User x has no permissions to run the 'type' command",
            NotPermittedError,
            "may not",
        ),
        ("OOM", "command not allowed when used memory > 'maxmemory'.", UnavailableError, "memory"),
        (
            "READONLY",
            "You can't write against a read only replica.",
            UnavailableError,
            "takes no writes: You can't write against a read only replica",
        ),
        ("MISCONF", "Valkey is configured to save RDB snapshots", UnavailableError, "no writes"),
        ("NOREPLICAS", "Not enough good replicas to write.", UnavailableError, "no writes"),
        ("WRONGTYPE", "Operation against a key", UnavailableError, "wrong type"),
        (
            "CROSSSLOT",
            "Keys in request don't hash to the same slot",
            BadConfigurationError,
            "slots",
        ),
        ("MOVED", "3999 127.0.0.1:6381", BadConfigurationError, "cluster"),
        ("ASK", "3999 127.0.0.1:6381", BadConfigurationError, "cluster"),
        ("CLUSTERDOWN", "The cluster is down", UnavailableError, "the-server"),
        ("ERR", "unknown command 'EVALSHA'", UnavailableError, "refused a command"),
        ("", "", UnavailableError, "refused a command"),
    ],
)
def test_what_a_server_refuses_is_told_apart_by_its_code(
    code: str, text: str, kind: type[JobctlError], words: str
) -> None:
    """The client library takes most codes off the message: they must count all the same."""
    reply = f"{code} {text}".strip().replace("\r\n", " ")
    with listener(f"-{reply}\r\n".encode()) as port:
        client = connect(parse_redis_url(f"redis://127.0.0.1:{port}"), slot_key="k")
        with pytest.raises(kind) as failure, translated("the-server"):
            client.get("k")
        client.close()
    assert words in failure.value.message


def test_a_truncated_trail_is_refused() -> None:
    text = "The ID specified in XADD is equal or smaller than the target stream top item"
    assert isinstance(describe(redis.ResponseError(text), "s"), RefusedError)


@pytest.mark.parametrize("quote", ["'", '"'])
def test_what_a_server_quotes_may_be_data_and_is_not_repeated(quote: str) -> None:
    error = redis.ResponseError(f"unknown command {quote}Ada Lovelace{quote}, with args")
    failure = describe(error, "s")
    assert "Ada" not in f"{failure.message}{failure.hint}"


def test_a_long_message_of_a_server_is_shortened() -> None:
    assert len(describe(redis.ResponseError("x" * 5_000), "s").message) < 300


def test_a_key_of_a_wrong_type_is_named_where_it_is_known() -> None:
    assert "key k at s is a list" in wrong_type("s", "k", "list").message
    assert "a key at s" in wrong_type("s").message


def test_what_is_no_redis_error_passes() -> None:
    with pytest.raises(KeyError), translated("s"):
        raise KeyError("x")


def test_the_cause_is_kept(any_redis: RedisServer) -> None:
    client = any_redis.client()
    with pytest.raises(JobctlError) as failure, translated("s"):
        client.execute_command("NOSUCH")
    assert isinstance(failure.value.__cause__, redis.RedisError)
