"""The one place that wires storage to services; everything is built when it is first used."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from jobctl.domain.status import TtlPolicy
from jobctl.errors import BadConfigurationError, RefusedError
from jobctl.settings import (
    ResolvedSettings,
    Settings,
    default_data_directory,
    resolve,
)

if TYPE_CHECKING:
    from redis import Redis

    from jobctl.cli.interruption import Interruption
    from jobctl.services.doctor import StoreProbe
    from jobctl.services.documents import Documents
    from jobctl.services.object_store import ObjectStore
    from jobctl.services.ports import JobStore
    from jobctl.storage.embedded import EmbeddedServer
    from jobctl.storage.keys import Keys
    from jobctl.storage.redis_audit import RedisAuditLog
    from jobctl.storage.redis_connection import Endpoint
    from jobctl.storage.redis_health import RedisProbe
    from jobctl.storage.redis_index_repair import RedisIndexRepair
    from jobctl.storage.redis_lease import RedisLease


# Longer than any single request to Redis or S3 takes, its retries included.
_LEASE = timedelta(seconds=120)


@dataclass(slots=True)
class Invocation:
    """The options before the subcommand; the session that the subcommand opens."""

    config: Path | None = None
    context: str | None = None
    flags: dict[str, str | None] = field(default_factory=dict)
    debug: bool = False
    opened: "Session | None" = None

    def session(self, *, output: str | None, context: str | None, quiet: bool) -> "Session":
        flags = {**self.flags, "output": output}
        self.opened = Session(
            lambda: resolve(flags, config=self.config, context=context or self.context),
            quiet=quiet,
        )
        return self.opened


class _Closes(Protocol):
    def close(self) -> None: ...


_Closing = TypeVar("_Closing", bound=_Closes)


class Session:
    """One command's settings, stores and terminal. Close it: the embedded store counts clients."""

    def __init__(self, load: Callable[[], ResolvedSettings], *, quiet: bool) -> None:
        self.started = time.monotonic()
        self._load = load
        self.quiet = quiet
        self._exits = ExitStack()

    def close(self) -> None:
        self._exits.close()

    def closing(self, resource: _Closing) -> _Closing:
        """*resource* itself, closed with the session."""
        self._exits.callback(resource.close)
        return resource

    @cached_property
    def resolved(self) -> ResolvedSettings:
        return self._load()

    @property
    def settings(self) -> Settings:
        return self.resolved.settings

    @property
    def is_local(self) -> bool:
        """Whether jobs are in the embedded store: nobody configured a Redis."""
        return self.settings.redis_url is None

    @property
    def data_directory(self) -> Path:
        return self.settings.local_dir or default_data_directory()

    @cached_property
    def keys(self) -> "Keys":
        from jobctl.storage.keys import Keys

        return Keys(self.settings.namespace, self.settings.index_key)

    @cached_property
    def _embedded(self) -> "EmbeddedServer":
        """Started at once, waited for later: meanwhile the client library is imported."""
        from jobctl.storage.embedded import EmbeddedServer

        server = EmbeddedServer(self.data_directory)
        self.closing(server)
        server.start()
        if self.resolved.context_is_implicit:
            self.note(f"using the embedded store in {self.data_directory} (no redis_url is set)")
        return server

    @cached_property
    def _endpoint(self) -> "Endpoint":
        from jobctl.storage.redis_connection import Endpoint, parse_redis_url

        settings = self.settings
        if settings.redis_url is None:
            return Endpoint(kind="unix", path=self._embedded.wait_ready())
        return parse_redis_url(
            settings.redis_url,
            username=settings.redis_username,
            password_file=settings.redis_password_file,
        )

    @cached_property
    def _client(self) -> "Redis":
        if self.is_local:
            _ = self._embedded
        from jobctl.storage.redis_connection import connect

        endpoint = self._endpoint
        if endpoint.kind == "redis+cluster" and not self.keys.share_a_slot:
            raise BadConfigurationError(
                f"the namespace {self.settings.namespace} spans several slots of a cluster",
                hint="use a namespace with a hash tag, such as {eq-pdf}",
            )
        client = connect(endpoint, slot_key=self.keys.audit)
        self.closing(client)
        return client

    @cached_property
    def jobs(self) -> "JobStore":
        client = self._client
        from jobctl.storage.redis_jobs import RedisJobStore

        return RedisJobStore(client, keys=self.keys, server=str(self._endpoint))

    @cached_property
    def audit_log(self) -> "RedisAuditLog":
        client = self._client
        from jobctl.storage.redis_audit import RedisAuditLog

        return RedisAuditLog(client, keys=self.keys, server=str(self._endpoint))

    @cached_property
    def cleanup_lease(self) -> "RedisLease":
        """Held by this session from now on; LockedError where another run has it."""
        return self._lease(self.keys.lease, "cleanup")

    @cached_property
    def index_lease(self) -> "RedisLease":
        return self._lease(self.keys.index_lease, "repair of the index")

    @cached_property
    def trim_lease(self) -> "RedisLease":
        return self._lease(self.keys.trim_lease, "trim of the audit trail")

    def _lease(self, key: str, what: str) -> "RedisLease":
        client = self._client
        from jobctl.storage.redis_lease import RedisLease

        lease = RedisLease(
            client,
            key=key,
            what=what,
            claim=f"{self.new_op_id()} {self.actor} since {self.now():%Y-%m-%dT%H:%M:%SZ}",
            lifetime=_LEASE,
            server=str(self._endpoint),
        )
        lease.acquire()
        self.closing(lease)
        return lease

    @cached_property
    def index_repair(self) -> "RedisIndexRepair":
        client = self._client
        from jobctl.storage.redis_index_repair import RedisIndexRepair

        return RedisIndexRepair(client, keys=self.keys, server=str(self._endpoint))

    @cached_property
    def store_probe(self) -> "StoreProbe":
        from jobctl.services.doctor import LateProbe

        return LateProbe(self.redis_probe)

    def redis_probe(self) -> "RedisProbe":
        client = self._client
        from jobctl.storage.redis_health import RedisProbe

        return RedisProbe(client, keys=self.keys, server=str(self._endpoint))

    @cached_property
    def objects(self) -> "ObjectStore":
        if self.is_local:
            from jobctl.storage.directory_objects import DirectoryObjectStore

            return DirectoryObjectStore(self.data_directory / "documents")
        return self.s3_objects

    @cached_property
    def s3_objects(self) -> "ObjectStore":
        """Of S3, wherever the jobs are."""
        from jobctl.storage.s3_objects import S3ObjectStore

        settings = self.settings
        return S3ObjectStore(
            endpoint_url=settings.s3_endpoint_url,
            region=settings.s3_region,
            addressing_style=settings.s3_addressing_style,
        )

    @cached_property
    def documents(self) -> "Documents":
        from jobctl.services.documents import Buckets, Documents

        settings = self.settings
        buckets = Buckets(documents=settings.documents_bucket, results=settings.results_bucket)
        return Documents(objects=self.objects, buckets=buckets)

    @property
    def ttl(self) -> TtlPolicy:
        settings = self.settings
        return TtlPolicy(
            completed=settings.ttl_completed,
            failed=settings.ttl_failed,
            cancelled=settings.ttl_cancelled,
            denied=settings.ttl_denied,
            active=settings.ttl_active,
        )

    @cached_property
    def actor(self) -> str:
        if self.settings.actor:
            return self.settings.actor
        import getpass
        import socket

        try:
            return f"{getpass.getuser()}@{socket.gethostname()}"
        except (OSError, KeyError) as error:
            raise BadConfigurationError(
                "cannot tell who acts: this user has no name", hint="set actor or JOBCTL_ACTOR"
            ) from error

    @property
    def actor_origin(self) -> str:
        """Where the actor's name comes from, for the audit trail."""
        return self.resolved.origins["actor"] if self.settings.actor else "user@host"

    def new_op_id(self) -> str:
        """A random operation id; it names one change for good, whatever happens to its reply."""
        return os.urandom(10).hex()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def require_writable(self, *, dry_run: bool) -> None:
        if self.settings.read_only and not dry_run:
            raise RefusedError(
                "this context is read-only",
                hint=f"read_only comes from: {self.resolved.origins['read_only']}",
            )

    def interruption(self) -> "Interruption":
        """Signals are remembered from now on, until the session ends."""
        from jobctl.cli.interruption import Interruption

        return self.closing(Interruption(announced=self._has_notes))

    @property
    def _has_notes(self) -> bool:
        return not self.quiet and self.settings.output not in ("json", "jsonl")

    def note(self, text: str) -> None:
        """A line on stderr, unless stderr is to hold nothing but errors as JSON."""
        if self._has_notes:
            from jobctl.render.sanitise import clean

            sys.stderr.write(f"jobctl: {clean(text)}\n")
