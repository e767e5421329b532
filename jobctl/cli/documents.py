"""The document that `create` is given: a file, standard input, or an object that is there."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from jobctl.errors import InvalidUsageError, NotFoundError, NotPermittedError
from jobctl.services.create import NewDocument

_CHUNK = 1 << 20
# Standard input can be read once, but is hashed before it is uploaded: larger ones go to disk.
_IN_MEMORY = 8 << 20


@contextmanager
def open_document(
    file: str | None, *, s3_key: str | None, name: str | None
) -> Iterator[NewDocument | str]:
    """The document ready to be uploaded, or the key of the object that is there."""
    if (file is None) == (s3_key is None):
        raise InvalidUsageError(
            "name one document: a FILE, - for standard input, or --s3-key KEY",
            hint="see jobctl create --help",
        )
    if s3_key is not None:
        yield _checked_key(s3_key)
    elif file == "-":
        with _spooled(_stdin()) as body:
            yield _described(body, name)
    else:
        path = Path(file or "")
        with _opened(path) as opened, _seekable(opened) as body:
            yield _described(body, path.name)


def _checked_key(key: str) -> str:
    longest = 1024
    if not key or len(key.encode()) > longest or key.startswith("/") or ".." in key.split("/"):
        raise InvalidUsageError(f"--s3-key: not an object key: {key[:80]!r}")
    return key


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise NotFoundError(f"no file {path}", hint="check the path") from None
    except IsADirectoryError:
        raise InvalidUsageError(f"{path} is a directory", hint="name a file") from None
    except PermissionError:
        raise NotPermittedError(
            f"this user may not read {path}", hint="check the file's permissions"
        ) from None
    except OSError as error:
        raise NotFoundError(
            f"cannot read {path}: {error.strerror}", hint="check the path"
        ) from error


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise InvalidUsageError("standard input is closed", hint="name a file")
    if sys.stdin.isatty():
        sys.stderr.write("jobctl: reading the document from the terminal; end it with Ctrl-D\n")
    return sys.stdin.buffer


@contextmanager
def _seekable(opened: BinaryIO) -> Iterator[BinaryIO]:
    """*opened* itself, or a copy of what can be read only once, such as a pipe."""
    if opened.seekable():
        yield opened
        return
    with _spooled(opened) as body:
        yield body


@contextmanager
def _spooled(source: BinaryIO) -> Iterator[BinaryIO]:
    from shutil import copyfileobj
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(max_size=_IN_MEMORY) as body:
        copyfileobj(source, body, _CHUNK)
        yield body  # type: ignore[misc] # a SpooledTemporaryFile reads, seeks and tells like a file


def _described(body: BinaryIO, name: str | None) -> NewDocument:
    from mimetypes import guess_type

    digest = sha256()
    size = 0
    body.seek(0)
    while chunk := body.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    if not size:
        raise InvalidUsageError("the document is empty", hint="name a file with contents")
    return NewDocument(
        body=body,
        filename=name,
        size=size,
        sha256=digest.hexdigest(),
        content_type=guess_type(name or "")[0] or "application/octet-stream",
    )
