"""`create` when somebody else makes the same job in between."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from jobctl.errors import ConflictError
from jobctl.services.create import create
from tests.services.world import BODY, DOCUMENTS, InterruptedJobs, World
from tests.storage.redis_under_test import open_store


def test_an_upload_stays_when_another_creator_has_made_the_job_with_it(world: World) -> None:
    jobs = InterruptedJobs(world)
    store = world.redis.store

    def the_same_from_elsewhere() -> None:
        made = create(world.creation(), jobs=store, objects=world.objects, policy=world.policy())
        assert made.created

    jobs.before["create"] = the_same_from_elsewhere
    made = create(world.creation(), jobs=jobs, objects=world.objects, policy=world.policy())
    assert not made.created
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
    assert world.redis.actions() == ["create"]


def test_an_upload_is_withdrawn_when_another_creator_used_another_key(world: World) -> None:
    jobs = InterruptedJobs(world)
    store = world.redis.store
    other = world.creation(document=world.document(b"other", "scan.docx"))
    jobs.before["create"] = lambda: create(
        other, jobs=store, objects=world.objects, policy=world.policy()
    )
    with pytest.raises(ConflictError, match="another request"):
        create(world.creation(), jobs=jobs, objects=world.objects, policy=world.policy())
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.docx"}
    assert world.redis.hash()["s3_key"] == "temp/job-1.docx"


def test_a_document_that_another_creator_withdrew_is_uploaded_again(world: World) -> None:
    """We found its upload and did not write our own; then it gave up and removed it."""
    world.put(DOCUMENTS, "temp/job-1.pdf")
    jobs = InterruptedJobs(world)
    jobs.before["create"] = lambda: world.objects.delete(DOCUMENTS, ["temp/job-1.pdf"])
    made = create(world.creation(), jobs=jobs, objects=world.objects, policy=world.policy())
    assert made.created
    assert (world.root / DOCUMENTS / "temp/job-1.pdf").read_bytes() == BODY


def test_an_upload_is_withdrawn_when_the_creator_is_interrupted(world: World) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    jobs = InterruptedJobs(world)
    jobs.before["create"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        create(world.creation(), jobs=jobs, objects=world.objects, policy=world.policy())
    assert world.keys_in(DOCUMENTS) == set()
    assert world.redis.everything() == {}


def test_of_eight_equal_requests_at_once_one_creates_and_the_document_stays(world: World) -> None:
    def attempt(_: int) -> bool:
        store = open_store(world.redis.url, world.redis.keys)
        made = create(world.creation(), jobs=store, objects=world.objects, policy=world.policy())
        store.close()
        return made.created

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert world.keys_in(DOCUMENTS) == {"temp/job-1.pdf"}
    assert world.redis.actions() == ["create"]


def test_of_different_requests_at_once_one_wins_and_its_document_alone_stays(world: World) -> None:
    def attempt(number: int) -> bool:
        store = open_store(world.redis.url, world.redis.keys)
        body = f"document {number}".encode()
        document = world.document(body, f"scan.x{number}")
        try:
            request = world.creation(document=document)
            create(request, jobs=store, objects=world.objects, policy=world.policy())
        except ConflictError:
            return False
        finally:
            store.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 1
    assert world.keys_in(DOCUMENTS) == {world.redis.hash()["s3_key"]}
