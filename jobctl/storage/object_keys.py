"""What a key and a prefix must look like before an object store is asked anything."""

from jobctl.errors import RefusedError

_SHORTEST_PREFIX = 5
_LONGEST_KEY = 1024


def check_key(key: str) -> None:
    """Refuse a key that S3 does not take, or that a client or server may resolve elsewhere.

    An empty key would turn the deletion of an object into one of the bucket, and HTTP proxies
    and some servers collapse `.` and `..`, which reaches another object.
    """
    if not key:
        raise RefusedError("an object key is empty", hint="name the object below its bucket")
    if (size := _utf8_size(key)) > _LONGEST_KEY:
        raise RefusedError(
            f"object key {key[:40]}… has {size} bytes; S3 takes {_LONGEST_KEY}",
            hint="use a shorter key",
        )
    if {".", ".."} & set(key.split("/")):
        raise RefusedError(
            f"object key {key} contains a `.` or `..` segment",
            hint="such a key may reach another object: correct it where it was recorded",
        )


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that would take in far more than one job's objects."""
    _utf8_size(prefix)
    if len(prefix) < _SHORTEST_PREFIX:
        raise RefusedError(
            f"prefix {prefix!r} is too short to list objects by",
            hint=f"a prefix needs {_SHORTEST_PREFIX} characters or more",
        )


def _utf8_size(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        # Bytes that are not UTF-8 come out of Redis as lone surrogates.
        raise RefusedError(
            f"object key {text!a} is not UTF-8", hint="correct it where it was recorded"
        ) from error
