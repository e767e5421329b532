"""A job owns exactly its own objects: every key of another job must survive its deletion."""

import pytest

from jobctl.domain.identifiers import check_job_id
from jobctl.domain.ownership import (
    OwnedFamily,
    document_families,
    document_key,
    result_families,
)
from jobctl.errors import InvalidUsageError

UUID = "7f3c1a52-9d0e-4b7a-8a3f-0c2d4e6f8a1b"
OTHER = "7f3c1a52-9d0e-4b7a-8a3f-0c2d4e6f8a1c"


def owned(families: tuple[OwnedFamily, ...], key: str, s3_key: str | None = None) -> bool:
    return any(family.owns(key, s3_key=s3_key) for family in families)


@pytest.mark.parametrize("job", ["a", "a.b", UUID])
@pytest.mark.parametrize(
    "key",
    [
        "temp/{}.pdf",
        "temp/{}.bin",
        "temp/{}/original.pdf",
        "temp/{}/deep/er/x",
        "{}/pages/1.png",
        "debug/{}/trace.json",
    ],
)
def test_a_job_owns_its_documents(job: str, key: str) -> None:
    assert owned(document_families(job), key.format(job))


@pytest.mark.parametrize(
    "key",
    [
        "temp/a-other.pdf",
        "temp/ab.pdf",
        "temp/a",
        "temp/a-other/x.pdf",
        "temp/a.b/x.pdf",
        "temp/a.b.pdf",
        "temp/b/a.pdf",
        "a/other/1.png",
        "a/pages",
        "a/pages/",
        "ab/pages/1.png",
        "debug/a",
        "debug/ab/trace.json",
        "a.pdf",
        "x/temp/a.pdf",
    ],
)
def test_a_job_does_not_own_what_only_begins_like_its_documents(key: str) -> None:
    assert not owned(document_families("a"), key, s3_key="temp/a.pdf")


def test_a_dotted_key_belongs_to_the_job_whose_record_names_it() -> None:
    key = "temp/a.b.pdf"
    assert not owned(document_families("a"), key, s3_key="temp/a.pdf")
    assert not owned(document_families("a"), key, s3_key=None)
    assert owned(document_families("a.b"), key, s3_key=key)
    assert owned(document_families("a"), key, s3_key=key)


def test_a_registered_key_elsewhere_is_not_the_jobs_to_delete() -> None:
    key = "temp/b.pdf"
    assert not owned(document_families("a"), key, s3_key=key)


@pytest.mark.parametrize("job", ["a", "a.b", UUID])
@pytest.mark.parametrize("key", ["results/{}/out.md", "{}.md", "{}/out.md", "{}/deep/out.json"])
def test_a_job_owns_its_results(job: str, key: str) -> None:
    assert owned(result_families(job), key.format(job))


@pytest.mark.parametrize(
    "key",
    [
        "results/a-other/out.md",
        "results/ab/out.md",
        "results/a.md",
        "a-other.md",
        "a-other/out.md",
        "a.b.md",
        "a.b/out.md",
        "a.md/out",
        "a.md.bak",
        "a.mdx",
        "a.md5",
        "a.md-old",
        "ab.md",
        "a",
        "a.html",
    ],
)
def test_a_job_does_not_own_what_only_begins_like_its_results(key: str) -> None:
    assert not owned(result_families("a"), key)


def test_a_uuid_owns_its_older_results_with_a_suffix() -> None:
    assert owned(result_families(UUID), f"{UUID}-corrected.md")
    assert owned(result_families(UUID), f"{UUID}-v2.final.md")


@pytest.mark.parametrize(
    "key",
    [f"{OTHER}-corrected.md", f"{OTHER}.md", f"{UUID}-corrected/x", f"{UUID}-corrected", UUID],
)
def test_a_uuid_owns_no_suffix_of_another_and_nothing_but_markdown(key: str) -> None:
    assert not owned(result_families(UUID), key)


def test_a_suffix_after_another_kind_of_id_may_be_another_jobs_name() -> None:
    assert not owned(result_families("report"), "report-2.md")


@pytest.mark.parametrize("job", ["temp", "debug", "results"])
def test_a_job_named_like_a_folder_does_not_own_the_folder(job: str) -> None:
    """Either no job can have such an id, or it owns nothing of the folder's other jobs."""
    try:
        check_job_id(job)
    except InvalidUsageError:
        return
    families = (*document_families(job), *result_families(job))
    foreign = ["results/b/out.md", "results/pages/out.md", "temp/pages/1.pdf", "debug/pages/t.json"]
    assert [key for key in foreign if owned(families, key)] == []


@pytest.mark.parametrize("job", ["a", "temp", UUID])
def test_no_listing_prefix_is_shorter_than_its_job_allows(job: str) -> None:
    for family in (*document_families(job), *result_families(job)):
        assert job in family.prefix
        assert len(family.prefix) > len(job)


@pytest.mark.parametrize(
    ("filename", "key"),
    [
        ("report.PDF", "temp/j.pdf"),
        ("archive.tar.gz", "temp/j.gz"),
        ("noextension", "temp/j.bin"),
        (".pdf", "temp/j.pdf"),
        ("x.", "temp/j.bin"),
        ("x.p/df", "temp/j.bin"),
        ("x.pdf/..", "temp/j.bin"),
        ("x.p df", "temp/j.bin"),
        ("x.äöü", "temp/j.bin"),
        ("x.abcdefghijk", "temp/j.bin"),
        ("x.abcdefghij", "temp/j.abcdefghij"),
        ("", "temp/j.bin"),
        (None, "temp/j.bin"),
    ],
)
def test_an_upload_goes_where_its_job_owns_it(filename: str | None, key: str) -> None:
    assert document_key("j", filename) == key
    assert owned(document_families("j"), key)
