"""The directory as a file system: modes, races, pruning."""

import stat
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from jobctl.services.object_store import Deletion
from tests.storage.bucket_under_test import BucketUnderTest, files_below, names_in


@pytest.fixture
def documents(directory_documents: BucketUnderTest) -> BucketUnderTest:
    return directory_documents


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "documents"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_only_the_owner_may_read_documents(documents: BucketUnderTest, root: Path) -> None:
    documents.put("temp/1/page.png")

    assert mode(root / "docs/temp/1/page.png") == 0o600
    for directory in (root, root / "docs", root / "docs/temp", root / "docs/temp/1"):
        assert mode(directory) == 0o700
    assert files_below(root) == {"docs/temp/1/page.png"}


def test_a_key_is_located_by_its_path(documents: BucketUnderTest, root: Path) -> None:
    assert documents.store.locate("docs", "temp/1.pdf") == str(root / "docs/temp/1.pdf")


def test_a_body_that_cannot_be_read_leaves_nothing(documents: BucketUnderTest, root: Path) -> None:
    class Torn(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 0:
                raise ValueError("torn")
            return super().read(size)

    with pytest.raises(ValueError, match="torn"):
        documents.store.put_new(
            "docs", "temp/1.pdf", Torn(b"x"), sha256="0" * 64, content_type="application/pdf"
        )

    assert files_below(root) == set()


def test_delete_prunes_what_it_emptied_but_not_the_bucket(
    documents: BucketUnderTest, root: Path
) -> None:
    for key in ("temp/1/a/b/1.png", "temp/1/a/2.png"):
        documents.put(key)
    (root / "docs/temp/somebody-elses").mkdir()

    documents.delete("temp/1/a/b/1.png")
    assert names_in(root / "docs/temp/1/a") == ["2.png"]

    documents.delete("temp/1/a/2.png")
    assert names_in(root / "docs/temp") == ["somebody-elses"]

    (root / "docs/temp/somebody-elses").rmdir()
    documents.put("temp/2")
    documents.delete("temp/2")
    assert names_in(root / "docs") == []


def test_an_empty_directory_is_no_object(documents: BucketUnderTest, root: Path) -> None:
    documents.put("temp/1.pdf")
    (root / "docs/temp/2").mkdir()

    assert documents.head("temp/2") is None
    assert documents.keys() == ["temp/1.pdf"]
    assert documents.delete("temp/2") == Deletion(deleted=("temp/2",))
    assert (root / "docs/temp/2").is_dir()


def test_racing_deletions_all_succeed(documents: BucketUnderTest, root: Path) -> None:
    keys = [f"temp/{number % 5}/{number}.png" for number in range(100)]
    for key in keys:
        documents.put(key)

    with ThreadPoolExecutor(8) as pool:
        deletions = list(pool.map(lambda _: documents.delete(*keys), range(8)))

    assert deletions == [Deletion(deleted=tuple(keys))] * 8
    assert names_in(root / "docs") == []


def test_writes_survive_deletions_that_prune_their_directory(
    documents: BucketUnderTest, root: Path
) -> None:
    """Each round's deletion may remove `temp/1` between a writer's entering and its writing."""

    def write_and_delete(writer: int) -> None:
        for number in range(40):
            key = f"temp/1/{writer}-{number}"
            assert documents.put(key) is True
            assert documents.delete(key) == Deletion(deleted=(key,))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write_and_delete, range(6)))

    assert files_below(root) == set()
