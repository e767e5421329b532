"""Deletes exactly the keys it is given and accounts for each of them."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING, Any

from jobctl.errors import JobctlError, RefusedError
from jobctl.services.object_store import Deletion, Objections, UndeletedObject, no_objections
from jobctl.storage.object_keys import check_key
from jobctl.storage.s3_errors import error_code, http_status, s3_errors

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_MOST_KEYS = 1000
_MOST_THREADS = 8
# A request for fewer is not worth a thread.
_FEW_KEYS = 100
# botocore retries a request that failed as a whole, never a key that failed inside a 200.
_RETRYABLE = frozenset({"InternalError", "SlowDown", "ServiceUnavailable"})
_PAUSES = (0.2, 0.6, 1.8)
# What XML 1.0 cannot carry, or parsers fold into a space or a line feed.
_UNFIT_FOR_XML = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")


_ask: ContextVar[Callable[[], None]] = ContextVar("ask", default=lambda: None)


class _ObjectedError(Exception):
    """Something has come to speak against the request, before it was sent or sent again."""


def ask_before_each_attempt(client: "S3Client") -> None:
    """botocore sends a request again by itself, which may be minutes later."""

    def ask(**_: Any) -> None:
        _ask.get()()

    for operation in ("DeleteObjects", "DeleteObject"):
        client.meta.events.register(f"before-send.s3.{operation}", ask)


@contextmanager
def _asking(question: Callable[[], None]) -> Iterator[None]:
    token = _ask.set(question)
    try:
        yield
    finally:
        _ask.reset(token)


@dataclass(slots=True)
class _Tally:
    deleted: set[str] = field(default_factory=set)
    failed: dict[str, UndeletedObject] = field(default_factory=dict)

    def add(self, other: "_Tally") -> None:
        self.deleted |= other.deleted
        self.failed |= other.failed

    def fail(self, keys: Iterable[str], code: str, message: str) -> None:
        self.failed |= {k: UndeletedObject(key=k, code=code, message=message) for k in keys}


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Deleter:
    client: "S3Client"
    bucket: str
    endpoint: str
    objections: Objections = no_objections

    def delete(self, keys: Iterable[str]) -> Deletion:
        """Each of *keys* is asked for once and is in exactly one part of the result.

        The first request goes alone and raises when it fails as a whole, so that wrong
        credentials or a missing bucket stop everything. Later ones run side by side and leave
        their keys among the failed, because by then others are gone and must be told apart.
        """
        tally = _Tally()
        requested = tuple(dict.fromkeys(keys))
        first, *rest = _batches(_valid(requested, tally)) or [()]
        if first:
            tally.add(self._delete_batch(first))
        if rest:
            with ThreadPoolExecutor(min(_MOST_THREADS, len(rest))) as pool:
                for part in pool.map(self._try_batch, rest):
                    tally.add(part)
        unaccounted = [k for k in requested if k not in tally.deleted and k not in tally.failed]
        tally.fail(unaccounted, "NoAnswer", "S3 did not say what became of this key")
        return Deletion(
            deleted=tuple(k for k in requested if k not in tally.failed),
            failed=tuple(tally.failed[k] for k in requested if k in tally.failed),
        )

    def _try_batch(self, batch: Sequence[str]) -> _Tally:
        try:
            return self._delete_batch(batch)
        except JobctlError as error:
            tally = _Tally()
            tally.fail(batch, error.code, error.message)
            return tally

    def _delete_batch(self, batch: Sequence[str]) -> _Tally:
        """Delete the keys of one request, and again those that failed for the moment only."""
        tally = self._send(batch)
        for pause in _PAUSES:
            again = [k for k, failure in tally.failed.items() if failure.code in _RETRYABLE]
            if not again:
                break
            time.sleep(pause)
            try:
                answer = self._send(again)
            except JobctlError:
                break  # the answer of the attempt before still stands
            for key in again:
                del tally.failed[key]
            tally.add(answer)
        return tally

    def _send(self, batch: Sequence[str]) -> _Tally:
        """One request for what nothing speaks against, however often botocore sends it."""
        against = self.objections(batch)
        tally = _Tally(failed=dict(against))
        if left := [key for key in batch if key not in against]:
            request = self._request_one if _UNFIT_FOR_XML.search(left[0]) else self._request
            try:
                with _asking(lambda: self._require_no_objections(left)):
                    tally.add(request(left))
            except _ObjectedError:
                tally.add(self._send(left))
        return tally

    def _require_no_objections(self, batch: Sequence[str]) -> None:
        if self.objections(batch):
            raise _ObjectedError

    def _request(self, batch: Sequence[str]) -> _Tally:
        with s3_errors(self.bucket, self.endpoint):
            answer = self.client.delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": [{"Key": key} for key in batch], "Quiet": False},
            )
        asked = set(batch)
        tally = _Tally(deleted=asked & {item.get("Key", "") for item in answer.get("Deleted", ())})
        for item in answer.get("Errors", ()):
            # An error without a code still contradicts the deletion.
            if (key := item.get("Key", "")) in asked:
                tally.fail([key], item.get("Code") or "unknown", item.get("Message", ""))
        return tally

    def _request_one(self, batch: Sequence[str]) -> _Tally:
        """A key that XML cannot carry, in a request of its own; denied is this key's failure."""
        from botocore.exceptions import ClientError

        (key,) = batch
        tally = _Tally()
        with s3_errors(self.bucket, self.endpoint):
            try:
                self.client.delete_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                bodiless = http_status(error) == HTTPStatus.FORBIDDEN and error_code(error) == "403"
                if not bodiless and error_code(error) != "AccessDenied":
                    raise
                tally.fail([key], "AccessDenied", "Access Denied")
            else:
                tally.deleted.add(key)
        return tally


def _valid(keys: Iterable[str], tally: _Tally) -> Iterator[str]:
    for key in keys:
        try:
            check_key(key)
        except RefusedError as error:
            tally.fail([key], "InvalidKey", error.message)
        else:
            yield key


def _batches(keys: Iterable[str]) -> list[Sequence[str]]:
    """Requests for all threads, as full as need be, then the keys that each need their own: one
    would fail a whole request."""
    plain: list[str] = []
    alone: list[Sequence[str]] = []
    for key in keys:
        if _UNFIT_FOR_XML.search(key):
            alone.append((key,))
        else:
            plain.append(key)
    size = min(_MOST_KEYS, max(_FEW_KEYS, ceil(len(plain) / _MOST_THREADS)))
    return [*(plain[i : i + size] for i in range(0, len(plain), size)), *alone]
