"""Files that others read while they are written: they change in one step, or not at all."""

import errno
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from jobctl.errors import BadConfigurationError, InvalidUsageError, JobctlError

_MISNAMED = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL)


def require_replaceable(path: Path) -> None:
    """Raise where `replace_file` would fail; nothing is left behind."""
    try:
        if not _is_ordinary(path):
            path.open("a", encoding="utf-8").close()
            return
        with NamedTemporaryFile(dir=path.parent, prefix=".jobctl-"):
            pass
    except (OSError, ValueError) as error:
        raise _cannot_write(path, error) from error


def replace_file(path: Path, write: Callable[[IO[str]], None], *, mode: int = 0o600) -> None:
    """*write* gets a new file, which then takes the place of *path*. A pipe or a device is
    written to as it is."""
    try:
        if not _is_ordinary(path):
            with path.open("w", encoding="utf-8") as file:
                write(file)
            return
        _replace(path, write, mode)
    except (OSError, ValueError) as error:
        raise _cannot_write(path, error) from error


def _replace(path: Path, write: Callable[[IO[str]], None], mode: int) -> None:
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=".jobctl-", delete=False
    ) as file:
        written = Path(file.name)
        try:
            write(file)
            file.close()
            written.chmod(mode)
            written.replace(path)
        except BaseException:  # Ctrl-C leaves no half of a file either; it is raised again
            with suppress(OSError):
                written.unlink()
            raise


def _is_ordinary(path: Path) -> bool:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "Is a directory")
    return path.is_file() or not path.exists()


def _cannot_write(path: Path, error: OSError | ValueError) -> JobctlError:
    why = error.strerror if isinstance(error, OSError) else str(error)
    number = error.errno if isinstance(error, OSError) else errno.EINVAL
    kind = InvalidUsageError if number in _MISNAMED else BadConfigurationError
    return kind(f"cannot write {path}: {why}", hint="check the directory and its permissions")
