"""Documents as files: the key `temp/1.pdf` of bucket `docs` is `root/docs/temp/1.pdf`."""

import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from jobctl.errors import (
    BadConfigurationError,
    ConflictError,
    NotFoundError,
    NotPermittedError,
    UnavailableError,
)
from jobctl.services.object_store import Deletion, Objections, StoredObject, Versions, no_objections
from jobctl.storage.directory_delete import delete_files
from jobctl.storage.directory_files import (
    check_bucket_name,
    directory_errors,
    enter,
    existing,
    object_stat,
    opened,
    segments_of,
)
from jobctl.storage.object_keys import check_prefix

# Beside the buckets: the same file system, and no listing ever sees half an object.
_INCOMING = ".incoming"
_WRITE_ATTEMPTS = 20


class DirectoryObjectStore:
    """An `ObjectStore` on a directory; a bucket without a directory is an empty bucket.

    A file keeps neither the digest nor the content type: `head` reads it to compute the digest.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def put_new(
        self, bucket: str, key: str, body: BinaryIO, *, sha256: str, content_type: str
    ) -> bool:
        """Write *body* unless *key* exists; what is written survives a power cut."""
        del sha256, content_type
        check_bucket_name(bucket)
        names = [bucket, *segments_of(key)]
        place = self.locate(bucket, key)
        with directory_errors(place):
            if self._exists(names):
                return False
            with self._incoming(body) as (directory, temporary):
                for _ in range(_WRITE_ATTEMPTS):
                    # A deletion may remove a directory that it emptied just as we enter it.
                    with suppress(FileNotFoundError):
                        return self._publish(names, directory, temporary)
        raise ConflictError(f"{place}: its directory keeps being removed", hint="try again")

    def head(self, bucket: str, key: str) -> StoredObject | None:
        with directory_errors(self.locate(bucket, key)):
            content = self._opened(bucket, key)
            if content is None:
                return None
            with content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
                return _stored(key, os.fstat(content.fileno()), digest)

    def open(self, bucket: str, key: str) -> BinaryIO:
        with directory_errors(self.locate(bucket, key)):
            content = self._opened(bucket, key)
        if content is None:
            raise NotFoundError(f"no file {self.locate(bucket, key)}")
        return content

    def _opened(self, bucket: str, key: str) -> BufferedReader | None:
        check_bucket_name(bucket)
        *parents, name = bucket, *segments_of(key)
        with existing(self._root, parents) as descriptors:
            if descriptors is None or object_stat(name, descriptors[-1]) is None:
                return None
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                return os.fdopen(os.open(name, flags, dir_fd=descriptors[-1]), "rb")
            except FileNotFoundError:
                return None

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        check_prefix(prefix)
        check_bucket_name(bucket)
        *parents, stem = prefix.split("/")
        if parents:
            segments_of("/".join(parents))
        return self._listed([bucket, *parents], stem)

    def walk(self, bucket: str) -> Iterator[StoredObject]:
        check_bucket_name(bucket)
        return self._listed([bucket], "")

    def delete(
        self, bucket: str, keys: Iterable[str], *, objections: Objections = no_objections
    ) -> Deletion:
        """Delete *keys* and the directories that this empties, except the bucket's own."""
        check_bucket_name(bucket)
        return delete_files(self._root, bucket, keys, objections)

    def check_bucket(self, bucket: str) -> None:
        """Raise unless the bucket's directory can be written, or created where it is absent."""
        check_bucket_name(bucket)
        with directory_errors(self._root / bucket):
            place = self._root / bucket
            while not os.path.lexists(place):
                place = place.parent
            if not place.is_dir() or (place != self._root and place.is_symlink()):
                raise BadConfigurationError(
                    f"{place} is not a directory", hint="remove it or set JOBCTL_LOCAL_DIR"
                )
            if os.access(place, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
                return
            if os.statvfs(place).f_flag & os.ST_RDONLY:
                raise UnavailableError(
                    f"{place} is on a read-only file system", hint="mount it for writing"
                )
            raise NotPermittedError(f"{place} may not be written", hint="check its owner and mode")

    def keeps_versions(self, bucket: str) -> Versions:  # noqa: ARG002 - the Protocol's signature
        return Versions.NONE

    def locate(self, bucket: str, key: str) -> str:
        return str(self._root / bucket / key)

    def _exists(self, names: Sequence[str]) -> bool:
        *parents, name = names
        with existing(self._root, parents) as descriptors:
            return descriptors is not None and object_stat(name, descriptors[-1]) is not None

    @contextmanager
    def _incoming(self, body: BinaryIO) -> Iterator[tuple[int, str]]:
        """A complete copy of *body* on disk, under a name that no bucket can have."""
        temporary = secrets.token_hex(16)
        with opened(self._root, [_INCOMING], create=True) as descriptors:
            directory = descriptors[-1]
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            file = os.open(temporary, flags, 0o600, dir_fd=directory)
            try:
                with os.fdopen(file, "wb") as copy:
                    body.seek(0)
                    shutil.copyfileobj(body, copy)
                    copy.flush()
                    os.fsync(copy.fileno())
                yield directory, temporary
            finally:
                os.unlink(temporary, dir_fd=directory)

    def _publish(self, names: Sequence[str], directory: int, temporary: str) -> bool:
        """Give the copy its name; of several writers the file system lets one do so."""
        *parents, name = names
        place = self._root.joinpath(*names)
        hint = "use a key that is neither a folder of other keys nor below one"
        try:
            with opened(self._root, parents, create=True) as descriptors:
                target = descriptors[-1]
                try:
                    os.link(temporary, name, src_dir_fd=directory, dst_dir_fd=target)
                except FileExistsError:
                    if stat.S_ISDIR(os.stat(name, dir_fd=target, follow_symlinks=False).st_mode):
                        raise ConflictError(
                            f"{place} is a directory that holds other objects", hint=hint
                        ) from None
                    return False
                os.fsync(target)
                return True
        except NotADirectoryError as error:
            raise ConflictError(
                f"{place} cannot be written: a part of its path is an object", hint=hint
            ) from error

    def _listed(self, names: Sequence[str], stem: str) -> Iterator[StoredObject]:
        base = "".join(f"{name}/" for name in names[1:])
        with (
            directory_errors(self._root.joinpath(*names)),
            existing(self._root, names) as descriptors,
        ):
            if descriptors is not None:
                yield from _walk(descriptors[-1], base, stem)


def _walk(directory: int, base: str, stem: str) -> Iterator[StoredObject]:
    """The files below *directory* whose path in it begins with *stem*; links are passed over."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if not entry.name.startswith(stem):
                continue
            # What a deletion removes while we read is no longer listed.
            with suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False):
                    yield _stored(base + entry.name, entry.stat(follow_symlinks=False))
                elif entry.is_dir(follow_symlinks=False):
                    child = enter(entry.name, directory)
                    try:
                        yield from _walk(child, f"{base}{entry.name}/", "")
                    finally:
                        os.close(child)


def _stored(key: str, found: os.stat_result, sha256: str | None = None) -> StoredObject:
    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
    return StoredObject(key=key, size=found.st_size, modified_at=modified_at, sha256=sha256)
