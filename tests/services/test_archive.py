"""What is deleted is kept first, and nothing is deleted that does not read back."""

import gzip
import json
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from jobctl.domain.retention import Sweep
from jobctl.errors import JobctlError, UnavailableError
from jobctl.services.archive import Archive
from jobctl.storage.directory_objects import DirectoryObjectStore
from tests.services.cleaning import job_of_the_past, planned, swept
from tests.services.deciding import documents, server_time
from tests.services.world import BODY, DOCUMENTS, RESULTS, World
from tests.storage.bucket_under_test import BucketUnderTest
from tests.storage.conftest import moto, moto_bucket, moto_documents, sign_in

__all__ = ["moto", "moto_bucket", "moto_documents", "sign_in"]

RETENTION = frozenset({Sweep.RETENTION})
RUN = "20260301T120000Z-op-1"


class OddStore(DirectoryObjectStore):
    """It keeps something else than it is given."""

    def open(self, bucket: str, key: str) -> BinaryIO:
        with super().open(bucket, key) as body:
            return BytesIO(body.read()[:-1] + b"?")


def archive(world: World, store: Any, **changes: Any) -> Archive:
    values: dict[str, Any] = {
        "bucket": "kept",
        "prefix": "jobs/",
        "jobs": world.redis.store,
        "documents": documents(world),
        "run": RUN,
        "at": server_time(world),
    }
    return Archive(store=store, **(values | changes))


def lines(packed: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def files(root: Path) -> dict[str, bytes]:
    found = (file for file in root.rglob("*") if file.is_file())
    return {str(file.relative_to(root)): file.read_bytes() for file in found}


def test_an_archive_has_the_records_as_they_were_stored(world: World, tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "pii_findings": '[{"text": "Jöhn"}]',
        "of_another_service": "日本 \udcff",
        "status": "Failed",
    }
    job_of_the_past(world, "job-1", **fields)
    job_of_the_past(world, "job-2")
    expected = {job_id: world.redis.hash(job_id) for job_id in ("job-1", "job-2")}
    store = DirectoryObjectStore(tmp_path / "archive")
    report, _ = swept(world, sweeps=RETENTION, archive=lambda: archive(world, store))
    assert report.done["delete"] == 2
    ((name, packed),) = files(tmp_path / "archive").items()
    assert name == f"kept/jobs/{RUN}/jobs-000001.jsonl.gz"
    kept = lines(packed)
    assert {one["id"]: one["fields"] for one in kept} == expected
    assert {(one["schema"], one["kind"]) for one in kept} == {("jobctl/v1", "ArchivedJob")}


def test_an_archive_in_s3_reads_back(world: World, moto_documents: BucketUnderTest) -> None:
    job_of_the_past(world, "job-1")
    expected = world.redis.hash("job-1")

    def make() -> Archive:
        return archive(world, moto_documents.store, bucket=moto_documents.name)

    swept(world, sweeps=RETENTION, archive=make)
    (kept,) = lines(moto_documents.read(f"jobs/{RUN}/jobs-000001.jsonl.gz"))
    assert kept["fields"] == expected
    assert world.redis.hash("job-1") == {}


def test_each_batch_has_a_file_of_its_own(world: World, tmp_path: Path) -> None:
    ids = {job_of_the_past(world, f"job-{one}", document=False) for one in range(1_100)}
    store = DirectoryObjectStore(tmp_path / "archive")
    swept(world, sweeps=RETENTION, archive=lambda: archive(world, store))
    kept = [one["id"] for packed in files(tmp_path / "archive").values() for one in lines(packed)]
    assert len(files(tmp_path / "archive")) > 1
    assert sorted(kept) == sorted(ids)


def test_a_store_that_keeps_other_bytes_deletes_nothing(world: World, tmp_path: Path) -> None:
    job_of_the_past(world, "job-1")
    with unchanged_by(world), pytest.raises(UnavailableError, match="does not read back"):
        swept(world, sweeps=RETENTION, archive=lambda: archive(world, OddStore(tmp_path / "a")))


def test_a_name_that_exists_deletes_nothing(world: World, tmp_path: Path) -> None:
    job_of_the_past(world, "job-1")
    place = tmp_path / "archive/kept/jobs" / RUN / "jobs-000001.jsonl.gz"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"of an earlier run")
    store = DirectoryObjectStore(tmp_path / "archive")
    with unchanged_by(world), pytest.raises(JobctlError, match="exists already"):
        swept(world, sweeps=RETENTION, archive=lambda: archive(world, store))
    assert place.read_bytes() == b"of an earlier run"


def test_a_store_that_nobody_reaches_deletes_nothing(world: World, tmp_path: Path) -> None:
    job_of_the_past(world, "job-1")
    (tmp_path / "file").write_bytes(b"")
    store = DirectoryObjectStore(tmp_path / "file")
    with unchanged_by(world), pytest.raises(JobctlError):
        swept(world, sweeps=RETENTION, archive=lambda: archive(world, store))


class unchanged_by:  # noqa: N801 - it reads as a statement
    """Neither a record nor a document is gone, and none is marked."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _seen(self) -> Any:
        found = self._world.redis.everything()
        found.pop(self._world.redis.keys.lease.encode(), None)
        return found, self._world.keys_in(DOCUMENTS)

    def __enter__(self) -> None:
        self._before = self._seen()

    def __exit__(self, *_: object) -> None:
        assert self._seen() == self._before


def test_documents_are_kept_on_request(world: World, tmp_path: Path) -> None:
    job_of_the_past(world, "job-1")
    large = bytes(range(256)) * 40_000  # it is spooled to a file
    world.put(DOCUMENTS, "job-1/pages/1.png", body=large)
    world.put(DOCUMENTS, "temp/job-1-other.pdf", "temp/job-2.pdf")
    store = DirectoryObjectStore(tmp_path / "archive")
    swept(
        world,
        sweeps=RETENTION,
        archive=lambda: archive(world, store, with_documents=True),
    )
    kept = {
        name.partition(f"{RUN}/")[2]: body for name, body in files(tmp_path / "archive").items()
    }
    assert kept.pop("documents/temp/job-1.pdf") == BODY
    assert kept.pop("documents/job-1/pages/1.png") == large
    assert [*kept] == ["jobs-000001.jsonl.gz"]
    assert world.keys_in(DOCUMENTS) == {"temp/job-1-other.pdf", "temp/job-2.pdf"}


def test_a_document_that_does_not_read_back_is_not_deleted(world: World, tmp_path: Path) -> None:
    job_of_the_past(world, "job-1")
    store = OddStore(tmp_path / "archive")
    with unchanged_by(world), pytest.raises(UnavailableError):
        swept(
            world,
            sweeps=RETENTION,
            archive=lambda: archive(world, store, with_documents=True),
        )


def test_results_that_are_deleted_are_kept_as_well(world: World, tmp_path: Path) -> None:
    job_of_the_past(world, "job-1")
    world.put(RESULTS, "results/job-1/out.html", body=b"the result")
    store = DirectoryObjectStore(tmp_path / "archive")
    swept(
        world,
        sweeps=RETENTION,
        results=True,
        archive=lambda: archive(world, store, with_documents=True),
    )
    assert world.keys_in(RESULTS) == set()
    kept = {name.partition(f"{RUN}/")[2] for name in files(tmp_path / "archive")}
    assert kept == {
        "documents/temp/job-1.pdf",
        "results/results/job-1/out.html",
        "jobs-000001.jsonl.gz",
    }


def test_what_is_not_due_is_not_archived(world: World, tmp_path: Path) -> None:
    job_of_the_past(world, "job-1", "processing")
    plan = planned(world, sweeps=RETENTION)
    store = DirectoryObjectStore(tmp_path / "archive")
    swept(world, plan, archive=lambda: archive(world, store))
    assert files(tmp_path / "archive") == {}
