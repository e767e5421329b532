"""Where things are kept besides the jobs: a file, a bucket or a directory."""

import re
from dataclasses import dataclass
from pathlib import Path

from jobctl.errors import InvalidUsageError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlace:
    """A bucket of S3, or one below a directory where there is one."""

    bucket: str
    prefix: str = ""
    directory: Path | None = None


def s3_place(text: str) -> tuple[str, str] | None:
    """The bucket and the prefix of `s3://bucket/prefix`; None for anything else."""
    if not text.startswith("s3://"):
        return None
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    prefix = prefix.rstrip("/")
    # Servers do not agree on what such a prefix means.
    if not bucket or (prefix and not {"", ".", ".."}.isdisjoint(prefix.split("/"))):
        raise InvalidUsageError(
            f"{text!r} names no place in a bucket", hint="s3://BUCKET/PREFIX, or a directory"
        )
    return bucket, f"{prefix}/" if prefix else ""


def segments_place(text: str) -> tuple[str, str] | Path:
    """A bucket's name, `s3://bucket/prefix` or a directory, which has a slash in its name."""
    if "/" not in text and text not in (".", "..", "~"):
        text = f"s3://{text}"
    place = s3_place(text)
    if place is not None:
        return place
    if _SCHEME.match(text):
        raise InvalidUsageError(
            f"{text!r} is no place that jobctl knows", hint="s3://BUCKET/PREFIX, or a directory"
        )
    return file_path(text)


def archive_place(text: str) -> ArchivePlace:
    """Of `s3://bucket/prefix` or a directory. Jobs are deleted once they are there, so what may
    be mistyped is no directory."""
    place = s3_place(text)
    if place is not None:
        bucket, prefix = place
        return ArchivePlace(bucket=bucket, prefix=prefix)
    if _SCHEME.match(text):
        raise InvalidUsageError(
            f"{text!r} is no place that jobctl knows", hint="s3://BUCKET/PREFIX, or a directory"
        )
    directory = file_path(text)
    if directory.exists() and not directory.is_dir():
        raise InvalidUsageError(f"{text!r} is no directory", hint="name one, or s3://BUCKET/PREFIX")
    return ArchivePlace(bucket="jobctl-archive", directory=directory)


def key_file(text: str) -> Path:
    """A file that is there."""
    path = file_path(text)
    try:
        if path.is_file():
            return path
    except OSError as error:
        raise InvalidUsageError(f"cannot look at {text}: {error.strerror}") from error
    raise InvalidUsageError(f"no file {text}")


def file_path(text: str) -> Path:
    """With `~` expanded: behind a `=` no shell does it."""
    if not text.strip():
        raise InvalidUsageError("it is empty", hint="is a variable not set?")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidUsageError(
            f"nobody knows the home directory in {text!r}", hint="write the whole path"
        ) from error
