"""From a `redis_url` to a client with jobctl's rules: no silent retries, always timeouts.

redis-py re-sends an EVALSHA whose reply was lost, so every client here is told never to retry;
jobctl repeats a lost write itself, under the same operation id.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from jobctl.domain.job import Secret
from jobctl.errors import BadConfigurationError, UnavailableError

if TYPE_CHECKING:
    from redis import Redis

CONNECT_SECONDS = 3.0
COMMAND_SECONDS = 10.0
SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster")
_DEFAULT_PORTS = {"redis": 6379, "rediss": 6379, "redis+sentinel": 26379, "redis+cluster": 6379}
# Nothing that weakens certificate checks is among them.
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")

Kind = Literal["redis", "rediss", "unix", "redis+sentinel", "redis+cluster"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the jobs are. `str()` of it is safe to print: no user, no password."""

    kind: Kind
    addresses: tuple[tuple[str, int], ...] = ()
    path: str = ""
    database: int = 0
    service: str = ""
    username: str | None = None
    password: Secret | None = None
    tls: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.kind == "unix":
            return f"unix://{self.path}"
        places = ",".join(f"{host}:{port}" for host, port in self.addresses)
        tail = f"/{self.service}" if self.service else f"/{self.database}" if self.database else ""
        return f"{self.kind}://{places}{tail}"


def parse_redis_url(
    url: str, *, username: str | None = None, password_file: Path | None = None
) -> Endpoint:
    """The endpoint; *username* and the file's first line win over what the URL holds."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise BadConfigurationError("redis_url is not a URL", hint=_URL_HINT) from None
    if parts.scheme not in SCHEMES:
        raise BadConfigurationError("redis_url has an unknown scheme", hint=_URL_HINT)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    secret = _read_password(password_file) if password_file else unquote(password)
    database, service = _path_meaning(parts, options)
    _refuse_unknown(options)
    if parts.scheme == "unix" and (hosts or not parts.path):
        raise BadConfigurationError("redis_url names no socket", hint=_URL_HINT)
    return Endpoint(
        kind=parts.scheme,  # type: ignore[arg-type] # checked against SCHEMES above
        addresses=() if parts.scheme == "unix" else _addresses(hosts, parts.scheme),
        path=unquote(parts.path) if parts.scheme == "unix" else "",
        database=database,
        service=service,
        username=username or unquote(user) or None,
        password=Secret(secret) if secret else None,
        tls=options,
    )


_URL_HINT = (
    "write redis://host:port/db, rediss://…, unix:///path?db=0, "
    "redis+sentinel://host:port,host:port/service or redis+cluster://host:port"
)


def holds_password(url: str) -> bool:
    """Whether the URL carries a password, which must not travel in a process's arguments."""
    credentials = url.partition("://")[2].partition("/")[0].rpartition("@")[0]
    return ":" in credentials


def _addresses(hosts: str, scheme: str) -> tuple[tuple[str, int], ...]:
    found = []
    for place in hosts.split(",") if hosts else ["localhost"]:
        try:
            one = urlsplit(f"//{place}")
            found.append((one.hostname or "localhost", one.port or _DEFAULT_PORTS[scheme]))
        except ValueError:
            # The cause would quote what may be a password.
            raise BadConfigurationError(
                "redis_url has a malformed address", hint=_URL_HINT
            ) from None
    return tuple(found)


def _path_meaning(parts: SplitResult, options: dict[str, str]) -> tuple[int, str]:
    """The database number and the sentinel service that the path (or `db=`) names."""
    tail = parts.path.strip("/")
    if parts.scheme == "redis+sentinel":
        service, _, database = tail.partition("/")
        if not service:
            raise BadConfigurationError("redis_url names no sentinel service", hint=_URL_HINT)
    else:
        service, database = "", "" if parts.scheme == "unix" else tail
    database = options.pop("db", database) or "0"
    if not (database.isascii() and database.isdigit()):
        raise BadConfigurationError("redis_url has a malformed database number", hint=_URL_HINT)
    return int(database), service


def _refuse_unknown(options: dict[str, str]) -> None:
    for name in options:
        if name not in _TLS_FILES:
            shown = name if name.isidentifier() else "what stands behind its ?"
            raise BadConfigurationError(
                f"redis_url may not set {shown}",
                hint=f"its options are db, {', '.join(_TLS_FILES)}; "
                "certificate checks cannot be switched off",
            )


def _read_password(path: Path) -> str:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadConfigurationError(
            f"cannot read redis_password_file {path}: {why}",
            hint="name a file that this user may read",
        ) from None
    if not lines or not lines[0]:
        raise BadConfigurationError(f"redis_password_file {path} is empty")
    return lines[0]


def connect(endpoint: Endpoint, *, slot_key: str) -> "Redis":
    """A client for *endpoint*. Nothing is sent before its first command, except to a cluster,
    which is asked for the node that holds *slot_key*.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    options: dict[str, Any] = {
        "username": endpoint.username,
        "password": endpoint.password.reveal() if endpoint.password else None,
        "socket_timeout": COMMAND_SECONDS,
        "decode_responses": True,
        "encoding_errors": "surrogateescape",
        "retry": Retry(NoBackoff(), 0),
        # RESP2 and no library name: a connection costs no round trip of its own, and a user
        # with the documented minimal permissions is not refused at the handshake.
        "protocol": 2,
        "driver_info": None,
    }
    if endpoint.kind == "unix":
        return Redis(unix_socket_path=endpoint.path, db=endpoint.database, **options)
    options["socket_connect_timeout"] = CONNECT_SECONDS
    if endpoint.kind == "rediss":
        options |= {"ssl": True, **endpoint.tls}
    if endpoint.kind == "redis+cluster":
        from jobctl.storage.redis_errors import translated

        with translated(str(endpoint)):
            return _cluster_node(endpoint, options, slot_key)
    if endpoint.kind == "redis+sentinel":
        return _primary(endpoint, options)
    host, port = endpoint.addresses[0]
    return Redis(host=host, port=port, db=endpoint.database, **options)


def _primary(endpoint: Endpoint, options: dict[str, Any]) -> "Redis":
    from redis.sentinel import Sentinel

    sentinel = Sentinel(
        list(endpoint.addresses),
        sentinel_kwargs={"socket_timeout": CONNECT_SECONDS, "decode_responses": True},
        **options,
    )
    client: Redis = sentinel.master_for(endpoint.service, db=endpoint.database)
    return client


def _cluster_node(endpoint: Endpoint, options: dict[str, Any], slot_key: str) -> "Redis":
    """The primary that holds *slot_key*: all keys of a hash-tagged namespace live there."""
    from redis import Redis, RedisCluster
    from redis.cluster import ClusterNode

    cluster = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in endpoint.addresses],
        **options,
    )
    try:
        node = cluster.get_node_from_key(slot_key)
    finally:
        cluster.close()
    if node is None:
        raise UnavailableError(
            f"no node of the cluster at {endpoint} holds the slot of the namespace",
            hint="check CLUSTER INFO: every slot must be served",
        )
    return Redis(host=node.host, port=int(node.port), **options)
