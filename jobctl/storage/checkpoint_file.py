"""A file that says how far the audit trail was exported, for the next run to go on behind it."""

import fcntl
import json
import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from jobctl.domain.audit import parse_place
from jobctl.errors import (
    BadConfigurationError,
    JobctlError,
    LockedError,
    NotFoundError,
    NotPermittedError,
    PartlyDoneError,
    RefusedError,
)
from jobctl.services.audit_position import TrailPosition

_SCHEMA, _KIND = "jobctl/v1", "AuditCheckpoint"
_LONGEST = 65_536


class CheckpointFile:
    """`KeptPosition` in *path*, held by this process alone from now on until it is closed.

    LockedError where another has it. The lock is on a file beside it, since this one is replaced.
    """

    def __init__(self, path: Path, *, namespace: str) -> None:
        self._shown = path
        self._path = Path(os.path.realpath(path))  # a link stays one
        self._namespace = namespace
        self._lock = self._locked()

    def close(self) -> None:
        os.close(self._lock)

    def read(self) -> TrailPosition | None:
        try:
            with self._path.open("rb") as file:
                stored = file.read(_LONGEST)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        return self._parsed(stored)

    def replace(self, position: TrailPosition) -> None:
        """In one step, and on the disk when it returns."""
        document = {
            "schema": _SCHEMA,
            "kind": _KIND,
            "namespace": self._namespace,
            "place": position.place,
            "hash": position.hash,
        }
        try:
            self._write(json.dumps(document) + "\n")
        except OSError as error:
            raise PartlyDoneError(
                f"the records were written, but not how far they go, to {self._shown}: "
                f"{error.strerror}",
                hint="check the directory and its permissions; the next run repeats the records",
            ) from error

    def _write(self, text: str) -> None:
        directory = self._path.parent
        with NamedTemporaryFile(  # for its owner alone
            "w", encoding="utf-8", dir=directory, prefix=".jobctl-", delete=False
        ) as file:
            written = Path(file.name)
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                written.replace(self._path)
            except BaseException:
                written.unlink(missing_ok=True)
                raise
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _locked(self) -> int:
        beside = self._path.with_name(self._path.name + ".lock")
        try:
            descriptor = os.open(beside, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise LockedError(
                    f"another run goes on from {self._shown} at this moment",
                    hint="wait for it; its lock goes with it, however it ends",
                ) from error
            raise self._unusable(error) from error
        return descriptor

    def _parsed(self, stored: bytes) -> TrailPosition:
        try:
            document = json.loads(stored)
            kind = (document["schema"], document["kind"])
            namespace, place, digest = (document[name] for name in ("namespace", "place", "hash"))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._damaged() from error
        if kind != (_SCHEMA, _KIND) or not isinstance(namespace, str):
            raise self._damaged()
        if namespace != self._namespace:
            raise RefusedError(
                f"{self._shown} is for namespace {namespace}, not {self._namespace}",
                hint="choose its context, or a file of its own for each",
            )
        return self._position(place, digest)

    def _position(self, place: Any, digest: Any) -> TrailPosition:
        known = parse_place(place) if isinstance(place, str) else None
        if known is None or not isinstance(digest, str | None):
            raise self._damaged()
        return TrailPosition(place=known, hash=digest)

    def _damaged(self) -> BadConfigurationError:
        return BadConfigurationError(
            f"{self._shown} does not say how far an audit trail was read: it is damaged, or "
            "something else",
            hint="name another file; without one the trail is listed from its first record",
        )

    def _unusable(self, error: OSError) -> JobctlError:
        kind = NotPermittedError if isinstance(error, PermissionError) else NotFoundError
        return kind(f"cannot use {self._shown}: {error.strerror}", hint="check the path")
