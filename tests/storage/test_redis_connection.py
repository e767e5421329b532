"""From a URL to an endpoint, and to a client that never repeats and always gives up in time."""

from pathlib import Path
from typing import Any

import pytest

from jobctl.domain.job import Secret
from jobctl.errors import BadConfigurationError, JobctlError, NotPermittedError
from jobctl.storage.redis_connection import (
    COMMAND_SECONDS,
    CONNECT_SECONDS,
    Endpoint,
    connect,
    holds_password,
    parse_redis_url,
)
from jobctl.storage.redis_errors import translated
from tests.servers.redis_fixtures import ValkeyFactory

PASSWORD = "hunter2-hunter2"


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("redis://h", Endpoint(kind="redis", addresses=(("h", 6379),))),
        ("redis://h:1/2", Endpoint(kind="redis", addresses=(("h", 1),), database=2)),
        ("redis://h?db=3", Endpoint(kind="redis", addresses=(("h", 6379),), database=3)),
        ("redis://", Endpoint(kind="redis", addresses=(("localhost", 6379),))),
        ("redis://[::1]:7", Endpoint(kind="redis", addresses=(("::1", 7),))),
        ("rediss://h", Endpoint(kind="rediss", addresses=(("h", 6379),))),
        (
            "rediss://h?ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k",
            Endpoint(
                kind="rediss",
                addresses=(("h", 6379),),
                tls={"ssl_ca_certs": "/ca", "ssl_certfile": "/c", "ssl_keyfile": "/k"},
            ),
        ),
        ("unix:///run/r.sock", Endpoint(kind="unix", path="/run/r.sock")),
        ("unix:///a%20b?db=4", Endpoint(kind="unix", path="/a b", database=4)),
        (
            "unix://u:p@/run/r.sock",
            Endpoint(kind="unix", path="/run/r.sock", username="u", password=Secret("p")),
        ),
        (
            "redis+sentinel://a:1,b:2,c/primary/5",
            Endpoint(
                kind="redis+sentinel",
                addresses=(("a", 1), ("b", 2), ("c", 26379)),
                service="primary",
                database=5,
            ),
        ),
        (
            "redis+cluster://a:1,b",
            Endpoint(kind="redis+cluster", addresses=(("a", 1), ("b", 6379))),
        ),
        (
            "redis://u:p%40%2F%3A@h",
            Endpoint(kind="redis", addresses=(("h", 6379),), username="u", password=Secret("p@/:")),
        ),
        (
            "redis://:p@h",
            Endpoint(kind="redis", addresses=(("h", 6379),), password=Secret("p")),
        ),
    ],
)
def test_a_url_of_each_kind_is_read(url: str, endpoint: Endpoint) -> None:
    assert parse_redis_url(url) == endpoint


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://u:{PASSWORD}@h:1/2", "redis://h:1/2"),
        (f"rediss://:{PASSWORD}@h", "rediss://h:6379"),
        (f"unix://u:{PASSWORD}@/run/s", "unix:///run/s"),
        (f"redis+sentinel://u:{PASSWORD}@a:1,b:2/svc", "redis+sentinel://a:1,b:2/svc"),
        (f"redis+cluster://u:{PASSWORD}@a:1", "redis+cluster://a:1"),
    ],
)
def test_an_endpoint_is_shown_without_user_and_password(url: str, shown: str) -> None:
    endpoint = parse_redis_url(url)
    assert str(endpoint) == shown
    assert PASSWORD not in f"{endpoint!r}{endpoint}"
    assert holds_password(url)


@pytest.mark.parametrize("url", ["redis://h", "redis://user@h", "unix:///s", "redis://h?db=1"])
def test_a_url_without_password_holds_none(url: str) -> None:
    assert not holds_password(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:6379",
        "http://h",
        "REDIS//h",
        "rediss:/h/x",
        "redis://h:port",
        "redis://h:99999",
        "redis://[::1",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/²",
        "redis://h/1/2",
        "redis://h?db=x",
        "redis+sentinel://a:1",
        "redis+sentinel://a:1/",
        "unix://",
        "unix://run/r.sock",
        "jobs:///dir",
    ],
)
def test_a_url_that_cannot_be_meant_is_bad_configuration(url: str) -> None:
    with pytest.raises(BadConfigurationError):
        parse_redis_url(url)


@pytest.mark.parametrize(
    "option",
    [
        "ssl_cert_reqs=none",
        "ssl_cert_reqs=required",
        "ssl_check_hostname=false",
        "ssl_min_version=1",
        "ssl_ciphers=NULL",
        "socket_timeout=0",
        "socket_connect_timeout=99999",
        "retry_on_timeout=true",
        "health_check_interval=1",
        "decode_responses=false",
        "password=x",
        "username=x",
        "protocol=3",
        "SSL_CERT_REQS=none",
        "ssl_cert_reqs",
    ],
)
def test_a_url_may_not_switch_anything_off(option: str) -> None:
    for url in (f"rediss://h?{option}", f"rediss://h/0?ssl_ca_certs=/ca&{option}"):
        with pytest.raises(BadConfigurationError) as refusal:
            parse_redis_url(url)
        assert option.partition("=")[0] in refusal.value.message


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{PASSWORD}/x@h:6379",
        f"redis://:x/{PASSWORD}@h:6379",
        f"redis://:{PASSWORD}#x@h:6379",
        f"redis://:x?{PASSWORD}@h:6379",
        f"redis://:{PASSWORD}?x@h:6379",
        f"redis://u:{PASSWORD}@h:port",
        f"redis://u:{PASSWORD}@h/x",
        f"redis://h?password={PASSWORD}",
        f"http://u:{PASSWORD}@h",
    ],
)
def test_no_message_about_a_url_repeats_its_password(url: str) -> None:
    """A password with / ? or # that is not percent-encoded ends up in other parts of the URL."""
    with pytest.raises(BadConfigurationError) as refusal:
        parse_redis_url(url)
    assert PASSWORD not in f"{refusal.value.message} {refusal.value.hint}"


def test_the_password_file_wins_and_only_its_first_line_counts(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from file\nsecond line\n", "utf-8")
    endpoint = parse_redis_url("redis://u:url@h", username="other", password_file=file)
    assert endpoint.password == Secret("from file")
    assert endpoint.username == "other"


@pytest.mark.parametrize("content", [b"", b"\n", b"\nsecond\n", b"\xff\xfe\x00"])
def test_a_password_file_without_a_readable_password_is_bad_configuration(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(BadConfigurationError, match="redis_password_file"):
        parse_redis_url("redis://h", password_file=file)


def test_a_password_file_that_cannot_be_read_is_bad_configuration(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(BadConfigurationError, match="redis_password_file"):
            parse_redis_url("redis://h", password_file=path)


@pytest.mark.parametrize("url", ["redis://h", "rediss://h", "unix:///s"])
def test_a_client_never_repeats_and_always_gives_up_in_time(url: str) -> None:
    client: Any = connect(parse_redis_url(url), slot_key="k")
    connection = client.connection_pool.make_connection()
    assert connection.retry.get_retries() == 0
    assert connection.socket_timeout == COMMAND_SECONDS
    if url != "unix:///s":
        assert connection.socket_connect_timeout == CONNECT_SECONDS
    client.close()


def test_a_tls_client_checks_certificate_and_host_name() -> None:
    import ssl

    client: Any = connect(parse_redis_url("rediss://h?ssl_ca_certs=/ca"), slot_key="k")
    connection = client.connection_pool.make_connection()
    assert connection.cert_reqs == ssl.CERT_REQUIRED
    assert connection.check_hostname is True
    assert connection.ca_certs == "/ca"
    client.close()


def test_credentials_of_url_and_file_reach_the_server(
    own_valkey: ValkeyFactory, tmp_path: Path
) -> None:
    server = own_valkey(config=("--requirepass", "p@ss/word"), tcp=True)
    file = tmp_path / "password"
    file.write_text("p@ss/word\n", "utf-8")
    place = f"127.0.0.1:{server.port}"
    for url, path in ((f"redis://:p%40ss%2Fword@{place}", None), (f"redis://{place}", file)):
        client = connect(parse_redis_url(url, password_file=path), slot_key="k")
        assert client.ping()
        client.close()
    client = connect(parse_redis_url(f"redis://:wrong@{place}"), slot_key="k")
    with pytest.raises(NotPermittedError), translated("here"):
        client.ping()
    client.close()


def test_the_database_of_the_url_is_used(own_valkey: ValkeyFactory) -> None:
    server = own_valkey()
    client = connect(parse_redis_url(f"{server.url}?db=3"), slot_key="k")
    client.set("k", "v")
    client.close()
    assert server.client().get("k") is None


@pytest.mark.parametrize(
    "url", ["redis+cluster://127.0.0.1:1", "redis+sentinel://127.0.0.1:1/primary"]
)
def test_a_cluster_or_sentinel_that_is_not_there_is_a_named_failure(url: str) -> None:
    with pytest.raises(JobctlError), translated("here"):
        connect(parse_redis_url(url), slot_key="k").ping()
