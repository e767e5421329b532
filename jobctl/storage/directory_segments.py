"""Segments of the audit trail as files of a directory."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from jobctl.services.audit_segments import SegmentVersion
from jobctl.storage.directory_objects import DirectoryObjectStore
from jobctl.storage.segment_names import number_of, segment_folder, segment_name

_BUCKET = "audit"


class DirectorySegmentStore:
    """A `SegmentStore`. A file has one version: that it was overwritten is told by the next one."""

    def __init__(self, directory: Path, *, namespace: str) -> None:
        self._objects = DirectoryObjectStore(directory)
        self._folder = segment_folder(namespace)

    def versions(self) -> Mapping[int, Sequence[SegmentVersion]]:
        names = (one.key for one in self._objects.walk(_BUCKET))
        numbers = (number_of(name, self._folder) for name in names)
        return {one: (SegmentVersion(version=None),) for one in numbers if one is not None}

    def read(self, number: int, version: str | None) -> bytes:  # noqa: ARG002 - files have none
        with closing(self._objects.open(_BUCKET, segment_name(self._folder, number))) as file:
            return file.read()

    def write(self, number: int, body: bytes) -> SegmentVersion | None:
        written = self._objects.put_new(
            _BUCKET,
            segment_name(self._folder, number),
            BytesIO(body),
            sha256=sha256(body).hexdigest(),
            content_type="application/gzip",
        )
        return SegmentVersion(version=None) if written else None

    def locate(self, number: int) -> str:
        return self._objects.locate(_BUCKET, segment_name(self._folder, number))
