"""A directory that is one user's own: making it, checking it, locking in it, naming it briefly."""

import errno
import fcntl
import os
import stat
from pathlib import Path

from jobctl.errors import JobctlError, NotPermittedError, UnavailableError

_SOCKET_PATH_LIMIT = 103  # macOS; Linux takes 107
_ELSEWHERE = "set XDG_DATA_HOME to a directory of your own, or redis_url to a server"


def lock(descriptor: int, mode: int) -> bool:
    """Take the flock if it can be had at once."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
            raise
        raise UnavailableError(
            f"the embedded store needs file locks, which its filesystem has not: {error.strerror}",
            hint="set XDG_DATA_HOME to a directory on a local disk, or redis_url to a server",
        ) from error
    return True


def refusal(error: OSError, directory: Path) -> JobctlError:
    denied = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    kind = NotPermittedError if denied else UnavailableError
    path = error.filename or directory
    return kind(f"the embedded store cannot use {path}: {error.strerror}", hint=_ELSEWHERE)


def make_private(directory: Path) -> None:
    missing = []
    while not directory.is_dir():
        missing.append(directory)
        directory = directory.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        directory = folder
    facts = directory.stat()
    if facts.st_uid != os.geteuid():
        raise NotPermittedError(f"{directory} belongs to another user", hint=_ELSEWHERE)
    if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotPermittedError(
            f"{directory} is writable by other users", hint=f"chmod go-w {directory}"
        )


def socket_path(directory: Path, name: str) -> Path:
    """Where to reach *directory*'s socket: a path short enough for the system.

    When the direct path is too long, it leads through a private symbolic link. The socket itself
    stays in the directory, so clients with different environments need not agree on the link.
    """
    direct = directory / name
    if _fits(direct):
        return direct
    import hashlib

    link = f"jobctl-{os.geteuid()}-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}"
    places = (os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("TMPDIR"), "/tmp")  # noqa: S108 - what is found there is verified
    for candidate in [Path(place, link) for place in places if place]:
        if candidate.is_absolute() and _fits(candidate / name) and _links(candidate, directory):
            return candidate / name
    raise UnavailableError(f"{directory} is too long a path for a socket", hint=_ELSEWHERE)


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT


def _links(link: Path, directory: Path) -> bool:
    try:
        link.symlink_to(directory)
    except FileExistsError:
        ours = link.lstat().st_uid == os.geteuid() and link.is_symlink()
        if not ours or link.readlink() != directory:
            raise NotPermittedError(f"{link} is not jobctl's", hint=_ELSEWHERE) from None
    except OSError:
        return False
    return True
