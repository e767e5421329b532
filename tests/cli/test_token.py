"""`token`: issue, verify, consume and revoke; what each prints, and what it leaves in Redis."""

import csv
import io
import json
import re

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    FORMATS,
    WHY,
    actions,
    request_approval,
    statuses,
    token_file,
    token_of,
)
from tests.cli.expect import assert_refused, only_refused, unchanged
from tests.cli.runner import Outcome, run
from tests.cli.world import World, new_id

NOWHERE = {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def _issue(world: World, job_id: str, *options: str) -> str:
    outcome = world.run("token", "issue", job_id, *options)
    assert outcome.exit_code == 0, outcome.stderr
    return outcome.stdout.strip()


def _use(world: World, verb: str, token: str, *options: str) -> Outcome:
    return world.run("token", verb, "--token-file", "-", *options, stdin=token)


def test_a_new_approval_token_takes_the_place_of_the_one_before(any_world: World) -> None:
    world = any_world
    job_id = world.create("--status", "awaiting_approval")
    before = token_of(world, job_id)
    token = _issue(world, job_id, "--ttl", "30m", "--reason", "sent to the wrong person")
    assert token != before
    assert token_of(world, job_id) == token
    assert world.key("approval-token", before) not in world.keys
    assert world.redis.get(world.key("approval-token", token)) == job_id
    assert 0 < world.redis.ttl(world.key("approval-token", token)) <= 1_800
    (text,) = world.redis.lrange(world.key("queue:approval"), 0, -1)
    entry = json.loads(text)
    assert (entry["job_id"], entry["approval_token"]) == (job_id, token)
    assert entry["expires_at"] == world.job(job_id)["approval_expires_at"]
    assert world.redis.zscore(world.key("timeouts:approval"), job_id)
    assert actions(world) == ["create", "token-issue"]
    assert world.audit[1]["reason"] == "sent to the wrong person"


def test_extend_keeps_the_token_even_where_it_has_expired(world: World) -> None:
    job_id = request_approval(world, approval_expires_at="2020-01-01T00:00:00+00:00")
    token = token_of(world, job_id)
    world.redis.delete(world.key("approval-token", token))
    assert _issue(world, job_id, "--extend", "2h") == token
    assert world.redis.ttl(world.key("approval-token", token)) > 3_600
    assert world.redis.llen(world.key("queue:approval")) == 1
    approved = world.run("approve", "--token-file", "-", *WHY, "--no-verify", stdin=token)
    assert approved.exit_code == 0
    without = world.seed("awaiting_approval")
    assert TOKEN.fullmatch(_issue(world, without, "--extend", "2h"))


def test_a_stream_token_is_used_once(any_world: World) -> None:
    world = any_world
    job_id = world.seed("processing")
    token = _issue(world, job_id, "--kind", "stream")
    assert TOKEN.fullmatch(token)
    assert 0 < world.redis.ttl(world.key("stream-token", token)) <= 300
    with unchanged(world):
        assert _use(world, "verify", token, "--kind", "stream").rows[0]["id"] == job_id
    consumed = _use(world, "consume", token)
    assert (consumed.exit_code, consumed.rows[0]["id"]) == (0, job_id)
    assert world.key("stream-token", token) not in world.keys
    with only_refused(world, "token-consume", "token-verify"):
        for verb, options in (("consume", []), ("verify", ["--kind", "stream"])):
            assert_refused(_use(world, verb, token, *options), ExitCode.NOT_FOUND)
    assert actions(world)[:2] == ["token-issue", "token-consume"]
    assert statuses(world, job_id) == ["processing"]


@pytest.mark.parametrize("output", FORMATS)
def test_the_formats_of_an_issued_token(output: str, world: World) -> None:
    job_id = request_approval(world)
    outcome = world.run("token", "issue", job_id, "-o", output)
    token = token_of(world, job_id)
    expires = world.job(job_id)["approval_expires_at"].replace("+00:00", "Z")
    assert outcome.exit_code == 0
    assert token not in outcome.stderr
    if output in ("json", "jsonl"):
        document = outcome.json
        assert document.pop("op_id") == world.job(job_id)["jobctl_op"]
        assert document == {
            "schema": "jobctl/v1",
            "kind": "Token",
            "id": job_id,
            "token_kind": "approval",
            "token": token,
            "expires_at": expires,
        }
        assert outcome.stderr == ""
    elif output in ("csv", "tsv"):
        separator = "," if output == "csv" else "\t"
        (row,) = csv.DictReader(io.StringIO(outcome.stdout), delimiter=separator)
        assert row == {"token": token, "id": job_id, "kind": "approval", "expires": expires}
    else:
        assert outcome.stdout == f"{token}\n"
        assert outcome.stderr == f"approval token of job {job_id}, good until {expires}\n"


@pytest.mark.parametrize("output", ["csv", "tsv", "json", "id"])
def test_a_token_that_begins_with_a_dash_is_printed_as_it_is(output: str, world: World) -> None:
    """One in 64 does; a script that was given another text could not use it."""
    token = "-_" + "A" * 41
    job_id = request_approval(world, token=token)
    outcome = world.run("token", "issue", job_id, "--extend", "1h", "-o", output)
    found = re.search(r"[^\s,\"]*-_A+", outcome.stdout)
    assert found is not None
    assert found[0] == token


@pytest.mark.parametrize("output", FORMATS)
def test_the_formats_of_a_verified_token(output: str, world: World) -> None:
    job_id = request_approval(world)
    token = token_of(world, job_id)
    with unchanged(world):
        outcome = _use(world, "verify", token, "-o", output)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert token not in outcome.stdout
    if output in ("json", "jsonl"):
        document = outcome.json
        assert 0 < document.pop("ttl_seconds") <= 3_600
        assert document == {
            "schema": "jobctl/v1",
            "kind": "TokenDetails",
            "id": job_id,
            "token_kind": "approval",
            "status": "awaiting_approval",
        }
    elif output == "id":
        assert outcome.stdout == f"{job_id}\n"
    else:
        line = outcome.stdout.splitlines()[1]
        assert re.split(r"[\t,]| {2,}", line)[:3] == [job_id, "approval", "awaiting_approval"]


def test_a_token_that_opens_nothing_any_more(world: World) -> None:
    job_id = request_approval(world)
    token = token_of(world, job_id)
    world.foreign.put_fields(job_id, approval_expires_at="2020-01-01T00:00:00+00:00")
    assert_refused(_use(world, "verify", token), ExitCode.CONFLICT)
    world.foreign.put_fields(job_id, approval_token="another")
    assert_refused(_use(world, "verify", token), ExitCode.CONFLICT)
    world.foreign.put_fields(job_id, status="processing")
    with only_refused(world, "token-verify"):
        assert_refused(_use(world, "verify", token), ExitCode.CONFLICT)
    world.redis.delete(world.key("job", job_id))
    assert_refused(_use(world, "verify", token), ExitCode.NOT_FOUND)


def test_the_kinds_do_not_open_each_others_doors(world: World) -> None:
    job_id = request_approval(world)
    approval, stream = token_of(world, job_id), _issue(world, job_id, "--kind", "stream")
    by_kind = ["--kind", "stream"]
    doors: list[tuple[str, str, list[str]]] = [
        *(("verify", stream, []), ("verify", approval, by_kind), ("consume", approval, [])),
        *(("revoke", stream, []), ("revoke", approval, by_kind)),
    ]
    with only_refused(world, *(f"token-{verb}" for verb, *_ in doors)):
        for verb, token, options in doors:
            assert_refused(_use(world, verb, token, *options), ExitCode.NOT_FOUND)


@pytest.mark.parametrize("named_by", ["id", "token"])
def test_a_revoked_approval_token_is_void_and_the_deadline_stays(
    named_by: str, world: World
) -> None:
    job_id = request_approval(world)
    token = token_of(world, job_id)
    given = [job_id] if named_by == "id" else ["--token-file", token_file(world, token)]
    outcome = world.run("token", "revoke", *given, "--reason", "sent elsewhere")
    (row,) = outcome.rows
    assert (outcome.exit_code, row["action"], row["changed"]) == (0, "token-revoke", "yes")
    assert row["from"] == row["to"] == "awaiting_approval"
    assert "approval_token" not in world.job(job_id)
    assert {world.key("approval-token", token), world.key("queue:approval")}.isdisjoint(world.keys)
    assert world.redis.zscore(world.key("timeouts:approval"), job_id)
    assert world.audit[0]["reason"] == "sent elsewhere"
    assert_refused(_use(world, "verify", token), ExitCode.NOT_FOUND)
    assert world.run("approve", job_id, *WHY, "--no-verify").exit_code == 0


def test_revoking_by_id_again_changes_nothing_and_by_token_finds_nothing(world: World) -> None:
    job_id = request_approval(world)
    token = token_of(world, job_id)
    world.run("token", "revoke", job_id)
    with only_refused(world, "token-revoke"):
        again = world.run("token", "revoke", job_id, "-o", "json")
        assert_refused(_use(world, "revoke", token), ExitCode.NOT_FOUND)
    assert again.exit_code == 0
    (item,) = again.json["items"]
    assert (item["changed"], item["op_id"], item["error"]) == (False, None, None)


def test_a_stream_token_is_revoked(world: World) -> None:
    job_id = world.seed("processing")
    token = _issue(world, job_id, "--kind", "stream", "--ttl", "1m")
    outcome = _use(world, "revoke", token, "--kind", "stream")
    assert (outcome.exit_code, outcome.rows[0]["id"]) == (0, job_id)
    assert world.key("stream-token", token) not in world.keys


@pytest.mark.parametrize("status", ["queued", "processing", "completed", "denied", "hibernating"])
def test_an_approval_token_is_for_a_job_that_awaits_a_decision(status: str, world: World) -> None:
    job_id = world.seed(status)
    with only_refused(world, "token-issue", "token-issue"):
        for options in ([], ["--extend", "1h"]):
            outcome = world.run("token", "issue", job_id, *options)
            assert_refused(outcome, ExitCode.CONFLICT)
            assert status in outcome.stderr


def test_an_unknown_job_has_no_token(world: World) -> None:
    with only_refused(world, "token-issue", "token-issue", "token-revoke"):
        for arguments in (["issue"], ["issue", "--kind", "stream"], ["revoke"]):
            verb, *options = arguments
            outcome = world.run("token", verb, new_id(), *options)
            assert_refused(outcome, ExitCode.NOT_FOUND)


def test_a_context_that_is_read_only_verifies_and_changes_nothing(world: World) -> None:
    job_id = request_approval(world)
    token = token_of(world, job_id)
    changes = [
        ["issue", job_id],
        ["issue", job_id, "--extend", "1h"],
        ["issue", job_id, "--kind", "stream"],
        ["consume", "--token-file", "-"],
        ["revoke", job_id],
        ["revoke", "--token-file", "-"],
    ]
    with unchanged(world):
        for arguments in changes:
            outcome = world.run("--read-only", "token", *arguments, stdin=token)
            assert_refused(outcome, ExitCode.REFUSED)
        verified = world.run("--read-only", "token", "verify", "--token-file", "-", stdin=token)
    assert verified.exit_code == 0


WRONG = [
    ["issue"],
    ["issue", "a b"],
    ["issue", "job", "--kind", "other"],
    ["issue", "job", "--ttl", "1h", "--extend", "1h"],
    ["issue", "job", "--ttl", "30"],
    ["issue", "job", "--ttl", "0s"],
    ["issue", "job", "--extend", "soon"],
    ["issue", "job", "--reason", "x" * 1_001],
    ["verify"],
    ["verify", "some-text"],
    ["verify", "--kind", "other", "--token-file", "-"],
    ["consume"],
    ["consume", "--kind", "approval", "--token-file", "-"],
    ["revoke"],
    ["revoke", "a b"],
    ["revoke", ""],
    ["revoke", "job", "--token-file", "-"],
    ["revoke", "job", "--kind", "stream"],
    ["frobnicate"],
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_wrong_command_line_contacts_nothing(arguments: list[str]) -> None:
    outcome = run("token", *arguments, env=NOWHERE, stdin="some-token\n")
    assert_refused(outcome, ExitCode.USAGE)


def test_a_stream_token_cannot_be_extended(world: World) -> None:
    job_id = world.seed("processing")
    with unchanged(world):
        outcome = world.run("token", "issue", job_id, "--kind", "stream", "--extend", "1h")
    assert_refused(outcome, ExitCode.USAGE)


def test_malformed_ids_and_a_server_that_is_gone(world: World) -> None:
    uuids = NOWHERE | {"JOBCTL_ID_FORMAT": "uuid"}
    for verb in ("issue", "revoke"):
        assert_refused(run("token", verb, "job-1", env=uuids), ExitCode.USAGE)
        assert_refused(run("token", verb, new_id(), env=uuids), ExitCode.UNAVAILABLE)
    world.more.update(NOWHERE)
    for verb in ("verify", "consume", "revoke"):
        assert_refused(_use(world, verb, "token"), ExitCode.UNAVAILABLE)
