"""`create`: where the document goes, what the record holds, and what a repetition does."""

from hashlib import sha256

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import assert_refused, unchanged
from tests.cli.world import World, new_id

DAY = 86_400


def test_create_makes_one_object_one_record_one_index_member_and_one_audit_entry(
    any_world: World,
) -> None:
    world = any_world
    job_id = world.run("create", world.file(content=b"the document")).stdout.strip()
    assert world.objects == {f"{world.documents}/temp/{job_id}.pdf": b"the document"}
    assert world.keys == sorted(
        [world.key("audit"), world.key("job", job_id), world.key("jobs-by-updated")]
    )
    job = world.job(job_id)
    assert job["job_id"] == job_id
    assert job["s3_key"] == f"temp/{job_id}.pdf"
    assert job["status"] == "queued"
    assert job["max_rounds"] == "1"
    assert job["original_filename"] == "report.pdf"
    assert job["file_size"] == "12"
    assert job["created_at"] == job["updated_at"]
    assert job["created_at"].endswith("+00:00")
    assert 7 * DAY - 10 <= world.redis.ttl(world.key("job", job_id)) <= 7 * DAY
    (entry,) = world.audit
    assert (entry["action"], entry["job_id"], entry["actor"]) == ("create", job_id, "tester")
    assert (entry["from"], entry["to"]) == ("", "queued")


def test_the_object_tells_its_type_and_its_digest(world: World) -> None:
    job_id = world.run("create", world.file(content=b"abc")).stdout.strip()
    head = world.bucket.head_object(Bucket=world.documents, Key=f"temp/{job_id}.pdf")
    assert head["ContentType"] == "application/pdf"
    assert sha256(b"abc").hexdigest() in head["Metadata"].values()


def test_every_option_is_stored_as_the_services_field(world: World) -> None:
    job_id = new_id()
    options = {
        "--id": job_id,
        "--name": "Fall syllabus",
        "--type": "syllabus",
        "--priority": "high",
        "--user": "u-1",
        "--org": "o-1",
        "--review-mode": "human",
        "--max-rounds": "3",
        "--ocr-language": "eng,deu",
        "--skip-pii": "synthetic",
        "--status": "processing_queued",
    }
    flat = [text for pair in options.items() for text in pair]
    more = ["--ocr-language", "fra", "--metadata", "a=1", "--metadata", "b=x=y", "--debug-bundle"]
    assert world.run("create", world.file(), *flat, *more).exit_code == 0
    job = world.job(job_id)
    expected = {
        "document_name": "Fall syllabus",
        "document_type": "syllabus",
        "priority": "HIGH",
        "user_id": "u-1",
        "organization_id": "o-1",
        "review_mode": "human",
        "max_rounds": "3",
        "ocr_languages": "eng,deu,fra",
        "pii_skipped": "true",
        "pii_skip_reason": "synthetic",
        "debug_bundle_requested": "true",
        "metadata": '{"a": "1", "b": "x=y"}',
        "created_by": "tester",
        "status": "processing_queued",
    }
    assert {name: job.get(name) for name in expected} == expected
    (queued,) = world.redis.lrange(world.key("queue:processing"), 0, -1)
    assert job_id in queued


def test_without_handoff_nothing_is_queued(world: World) -> None:
    arguments = ["create", world.file(), "--status", "processing_queued", "--skip-pii", "test"]
    assert world.run(*arguments, JOBCTL_HANDOFF="none").exit_code == 0
    assert world.key("queue:processing") not in world.keys


def test_standard_input_is_a_document(world: World) -> None:
    content = bytes(range(256)) * 100
    outcome = world.run("create", "-", "--name", "piped.docx", stdin=content)
    job_id = outcome.stdout.strip()
    assert world.objects == {f"{world.documents}/temp/{job_id}.docx": content}
    assert world.job(job_id)["file_size"] == "25600"


def test_standard_input_without_a_name(world: World) -> None:
    job_id = world.run("create", "-", stdin="text").stdout.strip()
    assert world.objects == {f"{world.documents}/temp/{job_id}.bin": b"text"}


def test_a_large_document_from_standard_input(world: World) -> None:
    content = b"x" * (9 << 20)
    job_id = world.run("create", "-", stdin=content).stdout.strip()
    assert world.objects[f"{world.documents}/temp/{job_id}.bin"] == content


def test_an_object_that_is_there_already_is_registered_not_copied(world: World) -> None:
    world.bucket.put_object(Bucket=world.documents, Key="temp/upload-17.pdf", Body=b"there")
    job_id = world.run("create", "--s3-key", "temp/upload-17.pdf").stdout.strip()
    assert world.job(job_id)["s3_key"] == "temp/upload-17.pdf"
    assert world.objects == {f"{world.documents}/temp/upload-17.pdf": b"there"}


@pytest.mark.parametrize("how", ["--id", "--idempotency-key"])
def test_create_twice_with_one_key_makes_one_job(how: str, world: World) -> None:
    arguments = ["create", world.file(), how, "pipeline-17", "-o", "json"]
    first = world.run(*arguments).json
    with unchanged(world):
        second = world.run(*arguments)
    assert second.exit_code == 0
    assert (first["created"], second.json["created"]) == (True, False)
    assert first["id"] == second.json["id"]
    assert len(world.audit) == len(world.objects) == 1


@pytest.mark.parametrize("how", ["--id", "--idempotency-key"])
@pytest.mark.parametrize("what", ["content", "option", "status"])
def test_one_key_with_another_request_is_a_conflict(how: str, what: str, world: World) -> None:
    world.run("create", world.file(), how, "pipeline-17")
    changed = {
        "content": [world.file("other.pdf", b"other")],
        "option": [world.file(), "--priority", "LOW"],
        "status": [world.file(), "--status", "pii_scanning"],
    }[what]
    with unchanged(world):
        outcome = world.run("create", *changed, how, "pipeline-17")
        assert_refused(outcome, ExitCode.CONFLICT)


def test_an_idempotency_key_holds_within_its_namespace(world: World) -> None:
    first = world.create("--idempotency-key", "k")
    other = world.run(
        "create", world.file(), "--idempotency-key", "k", JOBCTL_NAMESPACE=f"{world.namespace}-b"
    )
    assert other.stdout.strip() != first
    for key in world.redis.scan_iter(f"{world.namespace}-b:*"):
        world.redis.delete(key)


def test_a_job_of_the_foreign_service_is_not_taken_over(world: World) -> None:
    job_id = world.seed()
    with unchanged(world):
        assert_refused(world.run("create", world.file(), "--id", job_id), ExitCode.CONFLICT)


@pytest.mark.parametrize("output", ["table", "json", "id"])
def test_a_dry_run_of_create_changes_nothing(output: str, world: World) -> None:
    with unchanged(world):
        outcome = world.run(
            "create", world.file(), "--status", "awaiting_approval", "--dry-run", "-o", output
        )
    assert outcome.exit_code == 0
    if output == "json":
        assert (outcome.json["created"], outcome.json["dry_run"]) == (False, True)


def test_a_dry_run_shows_the_job_as_it_would_be(world: World) -> None:
    job_id = new_id()
    options = [world.file(), "--id", job_id, "--name", "N", "--priority", "HIGH", "-o", "json"]
    dry = world.run("create", *options, "--dry-run").json
    real = world.run("create", *options).json
    for name in ("id", "status", "name", "priority", "document", "location"):
        assert dry[name] == real[name], name


def test_a_dry_run_that_says_nothing_else_says_so(world: World) -> None:
    outcome = world.run("create", world.file(), "--dry-run")
    assert "dry run" in outcome.stderr


def test_a_dry_run_finds_the_errors_of_the_real_one(world: World) -> None:
    job_id = world.seed()
    arguments = ["create", world.file(), "--dry-run", "--id", job_id]
    assert_refused(world.run(*arguments), ExitCode.CONFLICT)
    arguments = ["create", "--s3-key", "temp/nothing.pdf", "--dry-run"]
    assert_refused(world.run(*arguments), ExitCode.NOT_FOUND)


def test_a_file_name_that_is_not_utf8(world: World) -> None:
    path = world.directory / "caf\udce9.pdf"
    path.write_bytes(b"x")
    outcome = world.run("create", str(path))
    assert outcome.exit_code == 0, outcome.stderr
    (row,) = world.run("list").rows
    assert row["name"] == r"caf\xe9.pdf"
    assert world.run("list", "-o", "json").json["items"][0]["name"] == "caf\ufffd.pdf"
