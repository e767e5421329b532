"""Deletes exactly the files it is given and tidies up the directories that this empties."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from jobctl.errors import JobctlError, RefusedError
from jobctl.services.object_store import Deletion, Objections, UndeletedObject
from jobctl.storage.directory_files import (
    directory_errors,
    existing,
    object_stat,
    prune,
    segments_of,
)


def delete_files(root: Path, bucket: str, keys: Iterable[str], objections: Objections) -> Deletion:
    """Each of *keys* is in exactly one part of the result; a missing file counts as deleted.

    *objections* are asked for before each file.
    """
    failed: dict[str, UndeletedObject] = {}
    requested = tuple(dict.fromkeys(keys))
    by_directory: dict[tuple[str, ...], dict[str, str]] = {}
    for key in requested:
        try:
            *parents, name = segments_of(key)
        except RefusedError as error:
            failed[key] = UndeletedObject(key=key, code="InvalidKey", message=error.message)
        else:
            by_directory.setdefault((bucket, *parents), {})[key] = name
    for directory, entries in by_directory.items():
        failed |= _delete_in(root, directory, entries, objections)
    return Deletion(
        deleted=tuple(key for key in requested if key not in failed),
        failed=tuple(failed[key] for key in requested if key in failed),
    )


def _delete_in(
    root: Path, directory: Sequence[str], entries: Mapping[str, str], objections: Objections
) -> dict[str, UndeletedObject]:
    """Delete files (key to name) of one directory; the answer holds those that may remain."""
    place = root.joinpath(*directory)
    try:
        with directory_errors(place), existing(root, directory) as descriptors:
            if descriptors is None:
                return {}
            failed = _unlink_each(place, descriptors[-1], entries, objections)
            # Else a power cut could bring back documents whose jobs are gone.
            os.fsync(descriptors[-1])
            prune(directory, descriptors)
            return failed
    except JobctlError as error:
        return {key: _undeleted(key, error) for key in entries}


def _unlink_each(
    place: Path, directory: int, entries: Mapping[str, str], objections: Objections
) -> dict[str, UndeletedObject]:
    failed: dict[str, UndeletedObject] = {}
    for key, name in entries.items():
        if against := objections([key]):
            failed |= against
            continue
        try:
            with directory_errors(place / name):
                if object_stat(name, directory) is not None:
                    with suppress(FileNotFoundError):
                        os.unlink(name, dir_fd=directory)
        except JobctlError as error:
            failed[key] = _undeleted(key, error)
    return failed


def _undeleted(key: str, error: JobctlError) -> UndeletedObject:
    return UndeletedObject(key=key, code=error.code, message=error.message)
