"""`audit verify`: what is sound is silent, what is not is named, with exit code 10."""

from typing import Any

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import assert_failed, assert_refused, unchanged
from tests.cli.world import World, new_id
from tests.storage.audit_trail import write_trail

KEYS = [
    "schema", "kind", "ok", "records", "first", "last", "hash", "trimmed_to", "intact_to",
    "anchored_to", "segments", "jobs_checked", "first_bad", "found", "findings", "complete",
]  # fmt: skip
REASON = "the report may go out"


@pytest.fixture
def trail(any_world: World) -> World:
    """A world with a sound trail of 30 records."""
    write_trail(any_world.redis, any_world.key("audit"), 30)
    return any_world


def altered(world: World, number: int, **fields: str) -> None:
    """Record *number* says something else: the stream is built anew, as it has no other way."""
    key = world.key("audit")
    entries = world.redis.xrange(key)
    world.redis.delete(key)
    for place, stored in entries:
        more = fields if place == f"{number}-0" else {}
        world.redis.xadd(key, {**stored, **more}, id=place)


def verified(world: World, *options: str) -> Any:
    return world.run("audit", "verify", *options, "-o", "json").json


def test_a_sound_trail_is_told_with_its_last_hash(trail: World) -> None:
    with unchanged(trail):
        outcome = trail.run("--read-only", "audit", "verify")
    last = trail.audit[-1]["hash"]
    assert (outcome.exit_code, outcome.stdout) == (ExitCode.DONE, "")
    assert outcome.stderr == f"30 records, 1 to 30, all intact; the last one is {last}\n"


def test_an_empty_trail_is_sound(any_world: World) -> None:
    outcome = any_world.run("audit", "verify")
    assert (outcome.exit_code, outcome.stderr) == (ExitCode.DONE, "the audit trail is empty\n")


def test_the_document_has_every_key(trail: World) -> None:
    document = verified(trail)
    assert list(document) == KEYS
    assert (document["kind"], document["ok"], document["complete"]) == (
        "AuditVerification", True, True,
    )  # fmt: skip
    assert (document["records"], document["first"], document["last"]) == (30, 1, 30)
    assert document["segments"] is None
    assert document["jobs_checked"] is None


def test_what_is_wrong_is_named_with_what_is_still_intact(trail: World) -> None:
    altered(trail, 17, actor="nobody")
    outcome = trail.run("audit", "verify")
    assert outcome.exit_code == ExitCode.FINDINGS
    (finding,) = outcome.rows
    assert finding == {
        "seq": "17", "breach": "altered", "what": "record 17 is not what its hash says",
    }  # fmt: skip
    assert outcome.stderr.splitlines() == [
        "1 finding",
        "30 records, 1 to 30; intact are 1 to 15",
    ]


def test_what_is_wrong_is_in_the_document(trail: World) -> None:
    trail.redis.xdel(trail.key("audit"), "9-0", "10-0")
    outcome = trail.run("audit", "verify", "-o", "json")
    assert outcome.exit_code == ExitCode.FINDINGS
    document = outcome.json
    assert (document["ok"], document["first_bad"], document["intact_to"]) == (False, 9, 7)
    assert document["findings"] == [
        {"seq": 9, "breach": "missing", "job_id": None, "text": "records 9 to 10 are missing"}
    ]


def test_a_tail_that_was_deleted_is_found_without_segments(trail: World) -> None:
    trail.redis.xdel(trail.key("audit"), "29-0", "30-0")
    document = verified(trail)
    assert [one["breach"] for one in document["findings"]] == ["truncated"]
    assert document["first_bad"] == 29


def test_an_entry_of_somebody_else_is_found(trail: World) -> None:
    trail.redis.xadd(trail.key("audit"), {"event": "job_audit"}, id="31-5")
    assert [one["breach"] for one in verified(trail)["findings"]] == ["foreign"]


def test_the_first_findings_of_a_kind_are_shown_and_all_are_counted(any_world: World) -> None:
    for number in range(1, 251):
        any_world.redis.xadd(any_world.key("audit"), {"event": "x"}, id=f"{number}-5")
    document = verified(any_world)
    assert (document["found"], len(document["findings"])) == (250, 25)
    notes = any_world.run("audit", "verify").stderr
    assert notes.startswith("250 findings, of which 25 are shown\n")


class TestJobs:
    """`--jobs`: what jobs say against what was recorded of them."""

    def test_jobs_that_workers_moved_on_are_no_contradiction(self, any_world: World) -> None:
        job_id = any_world.create()
        any_world.run("update", job_id, "--status", "processing")
        any_world.foreign.update_job_status(job_id, "completed")
        document = verified(any_world, "--jobs")
        assert (document["ok"], document["jobs_checked"]) == (True, 1)

    def test_a_denied_job_that_somebody_revived_is_found(self, any_world: World) -> None:
        job_id = any_world.create("--status", "awaiting_approval")
        assert any_world.run("deny", job_id, "--reason", REASON).exit_code == 0
        any_world.foreign.update_job_status(job_id, "processing")
        (finding,) = verified(any_world, "--jobs")["findings"]
        assert (finding["breach"], finding["job_id"]) == ("job", job_id)
        assert finding["text"].endswith("was denied when jobctl left it, and is processing")
        assert verified(any_world)["ok"]

    def test_a_deleted_job_that_is_there_again_is_found(self, any_world: World) -> None:
        job_id = any_world.create()
        stored = dict(any_world.job(job_id))
        any_world.run("cancel", job_id, "--reason", REASON)
        assert any_world.run("delete", job_id).exit_code == 0
        stored.pop("jobctl_op")
        any_world.redis.hset(any_world.key("job", job_id), mapping=stored)
        texts = [one["text"] for one in verified(any_world, "--jobs")["findings"]]
        assert texts == [f"job {job_id} was deleted, and is there all the same"]

    def test_a_job_whose_operation_has_no_record_is_found(self, any_world: World) -> None:
        kept, lost = any_world.create(), new_id()
        any_world.seed("completed", job_id=lost, jobctl_op="0123456789abcdef0123")
        (finding,) = verified(any_world, "--jobs")["findings"]
        assert finding["job_id"] == lost
        assert "operation 0123456789abcdef0123, of which there is no record" in finding["text"]
        assert kept not in finding["text"]

    def test_a_revived_job_is_found_whatever_operation_it_names(self, any_world: World) -> None:
        """Who writes the record anew may leave that field out, or put any operation there."""
        world, revived = any_world, any_world.create()
        other = world.create()
        world.run("cancel", revived, "--reason", REASON)
        key = world.key("job", revived)
        for op_id in (None, world.audit[0]["op_id"], world.job(other)["jobctl_op"]):
            world.redis.hset(key, "status", "processing")
            world.redis.hdel(key, "jobctl_op")
            if op_id:
                world.redis.hset(key, "jobctl_op", op_id)
            (finding,) = verified(world, "--jobs")["findings"]
            assert (finding["breach"], finding["job_id"]) == ("job", revived)

    def test_a_refused_attempt_is_no_change_of_a_job(self, any_world: World) -> None:
        job_id = any_world.create()
        any_world.run("cancel", job_id, "--reason", REASON)
        assert any_world.run("approve", job_id, "--reason", REASON).exit_code != 0
        assert any_world.audit[-1]["action"] == "approve-refused"
        assert verified(any_world, "--jobs")["ok"]

    def test_a_trail_that_was_wiped_is_found_by_the_jobs(self, any_world: World) -> None:
        ids = {any_world.create() for _ in range(3)}
        any_world.redis.delete(any_world.key("audit"))
        assert verified(any_world)["ok"]
        assert {one["job_id"] for one in verified(any_world, "--jobs")["findings"]} == ids


def test_a_key_that_is_no_stream_is_told(any_world: World) -> None:
    any_world.redis.set(any_world.key("audit"), "text")
    assert_refused(any_world.run("audit", "verify"), ExitCode.UNAVAILABLE)


def test_whoever_may_not_read_the_trail_is_told(trail: World) -> None:
    user = f"reader-{trail.namespace}"
    trail.redis.acl_setuser(
        user, enabled=True, passwords=["+pw"], keys=["*"], commands=["+@all", "-xrange"]
    )
    password = trail.directory / "password"
    password.write_text("pw\n")
    try:
        outcome = trail.run(
            "audit", "verify",
            JOBCTL_REDIS_USERNAME=user, JOBCTL_REDIS_PASSWORD_FILE=str(password),
        )  # fmt: skip
        assert_failed(outcome, ExitCode.NOT_PERMITTED)
    finally:
        trail.redis.acl_deluser(user)
