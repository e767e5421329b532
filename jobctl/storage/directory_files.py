"""Reaches files below a root by descriptors, one name at a time, so that no link leads out."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from jobctl.errors import (
    BadConfigurationError,
    InvalidUsageError,
    JobctlError,
    NotPermittedError,
    RefusedError,
    UnavailableError,
)
from jobctl.storage.object_keys import check_key

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_SUCH = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_FAULTS: dict[int, tuple[type[JobctlError], str, str]] = {
    errno.EACCES: (NotPermittedError, "access is denied", "check its owner and mode"),
    errno.EPERM: (NotPermittedError, "the operation is not permitted", "check its file system"),
    errno.ENOSPC: (UnavailableError, "no space is left", "free some and run the command again"),
    errno.EDQUOT: (UnavailableError, "the quota is used up", "free some space or raise the quota"),
    errno.EROFS: (UnavailableError, "the file system is read-only", "mount it for writing"),
    errno.EFBIG: (UnavailableError, "the file is too large", "raise the file size limit"),
    errno.ENAMETOOLONG: (
        InvalidUsageError,
        "a name in it is longer than the file system permits",
        "use a shorter key: most file systems take 255 bytes between two slashes",
    ),
    errno.EOPNOTSUPP: (
        BadConfigurationError,
        "the file system has no hard links",
        "set JOBCTL_LOCAL_DIR to a directory on one that has them",
    ),
}


@contextmanager
def directory_errors(place: Path | str) -> Iterator[None]:
    """Raise what the operating system says about *place* as the JobctlError that fits."""
    try:
        yield
    except OSError as error:
        raise _translated(place, error) from error


def _translated(place: Path | str, error: OSError) -> JobctlError:
    text = os.strerror(error.errno) if error.errno else type(error).__name__
    fallback = (UnavailableError, text, "check the disk and run the command again")
    kind, fact, hint = _FAULTS.get(error.errno or 0, fallback)
    return kind(f"{place}: {fact}", hint=hint)


def check_bucket_name(bucket: str) -> None:
    """A bucket is one visible directory below the root."""
    check_key(bucket)
    if bucket.startswith(".") or "/" in bucket or "\0" in bucket:
        raise RefusedError(
            f"bucket {bucket!r} is not a directory name", hint="correct the configured bucket"
        )


def segments_of(key: str) -> Sequence[str]:
    """The names that *key* consists of, from the bucket down."""
    check_key(key)
    segments = key.split("/")
    if "" in segments or "\0" in key:
        raise RefusedError(
            f"object key {key!r} cannot be a path",
            hint="a key has no slash at its ends, no double slash and no NUL",
        )
    return segments


@contextmanager
def opened(root: Path, names: Sequence[str], *, create: bool = False) -> Iterator[Sequence[int]]:
    """Descriptors of *root* and of each directory below it, closed at the end.

    FileNotFoundError and NotADirectoryError pass through; a link is refused.
    """
    with ExitStack() as stack:
        descriptors = [_open_root(root, create=create)]
        stack.callback(os.close, descriptors[0])
        for name in names:
            if create:
                _create(name, descriptors[-1])
            descriptors.append(enter(name, descriptors[-1]))
            stack.callback(os.close, descriptors[-1])
        yield descriptors


@contextmanager
def existing(root: Path, names: Sequence[str]) -> Iterator[Sequence[int] | None]:
    """As `opened`, but None where a directory on the way does not exist."""
    with ExitStack() as stack:
        try:
            descriptors = stack.enter_context(opened(root, names))
        except OSError as error:
            if error.errno not in _NO_SUCH:
                raise
            descriptors = None
        yield descriptors


def enter(name: str, parent: int) -> int:
    try:
        return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP} and _is_link(name, parent):
            raise RefusedError(
                f"{name} is a symbolic link; they are not followed below the documents' directory",
                hint="replace it by a directory, or mount the other place there",
            ) from error
        raise


def object_stat(name: str, parent: int) -> os.stat_result | None:
    """The file's metadata; None when nothing or a directory has this name."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_SUCH:
            return None
        raise
    if stat.S_ISDIR(found.st_mode):
        return None
    if not stat.S_ISREG(found.st_mode):
        raise RefusedError(
            f"{name} is not a regular file, so it is neither read nor replaced nor deleted",
            hint="remove it by hand if it is not wanted",
        )
    return found


def prune(names: Sequence[str], descriptors: Sequence[int]) -> None:
    """Remove the directories that are empty, from the deepest up, but not the first: the bucket.

    `descriptors[i]` is the directory that holds `names[i]`.
    """
    for index in range(len(names) - 1, 0, -1):
        try:
            os.rmdir(names[index], dir_fd=descriptors[index])
        except OSError:
            return  # it holds something again, or another deletion was faster


def _open_root(root: Path, *, create: bool) -> int:
    try:
        for directory in (*reversed(root.parents), root) if create else ():
            if not directory.exists():
                directory.mkdir(mode=0o700, exist_ok=True)
        return os.open(root, _DIRECTORY)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadConfigurationError(
            f"{root} is not a directory", hint="set JOBCTL_LOCAL_DIR to one"
        ) from error


def _create(name: str, parent: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
        os.fsync(parent)


def _is_link(name: str, parent: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
