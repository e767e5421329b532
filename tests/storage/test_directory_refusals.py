"""What a directory refuses: keys and links that lead out, collisions, and the disk's own errors."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from jobctl.errors import (
    BadConfigurationError,
    ConflictError,
    InvalidUsageError,
    JobctlError,
    NotPermittedError,
    RefusedError,
    UnavailableError,
)
from jobctl.services.object_store import Deletion
from jobctl.storage.directory_objects import DirectoryObjectStore
from tests.storage.bucket_under_test import BucketUnderTest, files_below, names_in

NOBODY = 65534


@pytest.fixture
def documents(directory_documents: BucketUnderTest) -> BucketUnderTest:
    return directory_documents


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.mark.parametrize(
    "key", ["/temp/1", "temp//1", "temp/", "temp/\0", "../../etc/passwd", "temp/../../docs/1"]
)
def test_a_key_that_is_no_path_below_the_bucket_is_refused(
    documents: BucketUnderTest, root: Path, key: str
) -> None:
    for use in (documents.put, documents.head):
        with pytest.raises(RefusedError):
            use(key)
    assert [failure.code for failure in documents.delete(key).failed] == ["InvalidKey"]
    assert not root.exists()


@pytest.mark.parametrize("bucket", ["", ".", "..", ".incoming", "a/b", "/etc", "nul\0"])
def test_a_bucket_that_is_no_directory_name_is_refused(root: Path, bucket: str) -> None:
    documents = BucketUnderTest(store=DirectoryObjectStore(root), name=bucket, origin=root)
    uses: list[Callable[[], object]] = [
        lambda: documents.put("temp/1.pdf"),
        lambda: documents.head("temp/1.pdf"),
        documents.keys,
        lambda: documents.delete("temp/1.pdf"),
        lambda: documents.store.check_bucket(bucket),
    ]
    for use in uses:
        with pytest.raises(RefusedError):
            use()


def test_a_linked_directory_is_not_followed(
    documents: BucketUnderTest, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "1.pdf").write_bytes(b"not ours")
    documents.put("temp/1.pdf")
    (root / "docs/temp/link").symlink_to(outside)

    for use in (documents.put, documents.head):
        with pytest.raises(RefusedError, match="link is a symbolic link"):
            use("temp/link/1.pdf")
    assert documents.keys() == ["temp/1.pdf"]
    assert [failure.code for failure in documents.delete("temp/link/1.pdf").failed] == ["refused"]
    assert names_in(outside) == ["1.pdf"]


def test_a_linked_bucket_is_not_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    root.mkdir()
    (root / "docs").symlink_to(tmp_path / "outside")
    documents = BucketUnderTest(store=DirectoryObjectStore(root), name="docs", origin=root)

    with pytest.raises(RefusedError, match="docs is a symbolic link"):
        documents.put("temp/1.pdf")
    with pytest.raises(BadConfigurationError, match="docs is not a directory"):
        documents.store.check_bucket("docs")


def test_a_linked_file_is_neither_read_nor_replaced_nor_deleted(
    documents: BucketUnderTest, root: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"not ours")
    documents.put("temp/1.pdf")
    (root / "docs/temp/2.pdf").symlink_to(secret)

    for use in (documents.put, documents.head):
        with pytest.raises(RefusedError, match="not a regular file"):
            use("temp/2.pdf")
    assert documents.keys() == ["temp/1.pdf"]
    assert [failure.code for failure in documents.delete("temp/2.pdf").failed] == ["refused"]
    assert (root / "docs/temp/2.pdf").is_symlink()
    assert secret.read_bytes() == b"not ours"


def test_keys_that_collide_as_paths_conflict(documents: BucketUnderTest, root: Path) -> None:
    documents.put("temp/1")
    documents.put("temp/2/page.png")

    with pytest.raises(ConflictError, match="a part of its path is an object"):
        documents.put("temp/1/page.png")
    with pytest.raises(ConflictError, match="is a directory that holds other objects"):
        documents.put("temp/2")
    assert files_below(root) == {"docs/temp/1", "docs/temp/2/page.png"}


def test_a_name_longer_than_the_file_system_permits_is_a_clear_error(
    documents: BucketUnderTest,
) -> None:
    for key in ("temp/" + "n" * 256, "temp/" + "n" * 256 + "/1.pdf"):
        with pytest.raises(InvalidUsageError, match="longer than the file system permits"):
            documents.put(key)
        assert documents.head(key) is None
        assert documents.delete(key) == Deletion(deleted=(key,))


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.EACCES, NotPermittedError, "access is denied"),
        (errno.EPERM, NotPermittedError, "not permitted"),
        (errno.ENOSPC, UnavailableError, "no space is left"),
        (errno.EDQUOT, UnavailableError, "quota is used up"),
        (errno.EROFS, UnavailableError, "file system is read-only"),
        (errno.EIO, UnavailableError, "Input/output error"),
        (errno.EOPNOTSUPP, BadConfigurationError, "no hard links"),
    ],
)
def test_what_the_disk_refuses_is_named_and_leaves_nothing(
    documents: BucketUnderTest,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[JobctlError],
    message: str,
) -> None:
    documents.put("temp/1.pdf")

    def refuse(*_args: object, **_named: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(kind, match=message) as raised:
        documents.put("temp/2.pdf")

    assert type(raised.value) is kind
    assert raised.value.message.startswith(str(root / "docs/temp/2.pdf"))
    assert files_below(root) == {"docs/temp/1.pdf"}


def test_delete_reports_each_file_that_cannot_be_removed(
    documents: BucketUnderTest, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("temp/1.pdf", "temp/2.pdf"):
        documents.put(key)
    unlink = os.unlink

    def refuse_one(name: str, *, dir_fd: int) -> None:
        if name == "1.pdf":
            raise PermissionError(errno.EACCES, "denied")
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", refuse_one)
    deletion = documents.delete("temp/1.pdf", "temp/2.pdf")

    assert deletion.deleted == ("temp/2.pdf",)
    assert [(failure.key, failure.code) for failure in deletion.failed] == [
        ("temp/1.pdf", "not_permitted")
    ]
    assert documents.keys() == ["temp/1.pdf"]


def test_check_bucket_creates_nothing(documents: BucketUnderTest, root: Path) -> None:
    documents.store.check_bucket("docs")

    assert not root.exists()


@pytest.mark.parametrize("blocked", ["documents", "documents/docs"])
def test_a_file_in_place_of_a_directory_is_bad_configuration_or_a_conflict(
    documents: BucketUnderTest, tmp_path: Path, blocked: str
) -> None:
    path = tmp_path / blocked
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"")

    with pytest.raises(BadConfigurationError, match="is not a directory"):
        documents.store.check_bucket("docs")
    with pytest.raises((BadConfigurationError, ConflictError)):
        documents.put("temp/1.pdf")
    assert path.read_bytes() == b""


def test_a_root_that_is_a_file_never_reads_as_an_empty_store(
    documents: BucketUnderTest, root: Path
) -> None:
    root.write_bytes(b"")

    for use in (lambda: documents.head("temp/1.pdf"), documents.keys):
        with pytest.raises(BadConfigurationError):
            use()
    assert [failure.code for failure in documents.delete("temp/1.pdf").failed] == [
        "bad_configuration"
    ]


@pytest.fixture
def not_root() -> Iterator[None]:
    """Root may write everywhere, so be nobody for a moment."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(NOBODY)
    yield
    os.seteuid(before)


@pytest.fixture
def write_protected() -> Iterator[Path]:
    # Not tmp_path: nobody could not enter its parents.
    with TemporaryDirectory(prefix="jobctl-") as name:
        Path(name).chmod(0o555)
        yield Path(name)


@pytest.mark.usefixtures("write_protected", "not_root")
def test_a_directory_without_write_permission_is_not_permitted(write_protected: Path) -> None:
    store = DirectoryObjectStore(write_protected / "documents")
    documents = BucketUnderTest(store=store, name="docs", origin=write_protected)

    with pytest.raises(NotPermittedError, match="access is denied"):
        documents.put("temp/1.pdf")
    with pytest.raises(NotPermittedError, match="may not be written"):
        store.check_bucket("docs")
