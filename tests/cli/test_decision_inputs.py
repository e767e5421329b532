"""What `approve` and `deny` are told: a reason, a reviewer, a token, and each from where."""

import pytest

from jobctl.errors import ExitCode
from tests.cli.decisions import (
    REASON,
    WHY,
    decision_of,
    request_approval,
    statuses,
    text_file,
    token_file,
    token_of,
)
from tests.cli.expect import assert_refused, only_refused, unchanged
from tests.cli.runner import run
from tests.cli.world import World, new_id

NOWHERE = {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}
DECISIONS = ["approve", "deny"]

each_decision = pytest.mark.parametrize("verb", DECISIONS)


@each_decision
def test_a_reason_comes_from_its_option_a_file_or_standard_input(verb: str, world: World) -> None:
    kind = "approval" if verb == "approve" else "denial"
    path = text_file(world, f"\n  {REASON}\n\n")
    for given, stdin in (
        (["--reason", f" {REASON} "], ""),
        (["-F", path], ""),
        (["--reason-file", path], ""),
        (["-F", "-"], f"{REASON}\r\n"),
    ):
        job_id = request_approval(world)
        outcome = world.run(*_without_document(verb), job_id, *given, stdin=stdin)
        assert outcome.exit_code == 0, outcome.stderr
        assert decision_of(world, job_id, kind)["justification"] == REASON
    assert {entry["reason"] for entry in world.audit if entry["action"] == verb} == {REASON}


def _without_document(verb: str) -> list[str]:
    return [verb, "--no-verify"] if verb == "approve" else [verb]


@each_decision
@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--reason", ""],
        ["--reason", " \t"],
        ["--reason", "x" * 9],
        ["--reason", f"  {'x' * 9}  "],
        ["--reason", "x" * 1_001],
        ["--reason", REASON, "-F", "-"],
        ["-F", "-"],
    ],
    ids=["none", "empty", "blank", "short", "short within blanks", "long", "two", "no input"],
)
def test_a_decision_without_a_proper_reason_is_refused(given: list[str], verb: str) -> None:
    assert_refused(run(verb, new_id(), *given, env=NOWHERE), ExitCode.USAGE)


@each_decision
def test_a_reason_is_measured_in_characters(verb: str, world: World) -> None:
    for reason in ("ä" * 10, "日" * 1_000):
        job_id = request_approval(world)
        assert world.run(*_without_document(verb), job_id, "--reason", reason).exit_code == 0
        assert world.audit[-1 if verb == "approve" else -2]["reason"] == reason


def test_how_short_a_reason_may_be_is_a_setting(world: World) -> None:
    job_id = request_approval(world)
    for length in ("0", "-1", "1001", "ten", "1.5"):
        outcome = run("approve", job_id, *WHY, env=NOWHERE | {"JOBCTL_MIN_REASON_LENGTH": length})
        assert (outcome.exit_code, outcome.stdout) == (ExitCode.BAD_CONFIGURATION, "")
        assert "JOBCTL_MIN_REASON_LENGTH" in outcome.stderr
    command = ["approve", job_id, "--no-verify", "--reason"]
    with unchanged(world):
        outcome = world.run(*command, "x" * 29, JOBCTL_MIN_REASON_LENGTH="30")
    assert_refused(outcome, ExitCode.USAGE)
    assert "min_reason_length" in outcome.stderr
    assert world.run(*command, "ok", JOBCTL_MIN_REASON_LENGTH="2").exit_code == 0


@each_decision
def test_a_reason_that_cannot_be_read_is_refused(verb: str, world: World) -> None:
    job_id = request_approval(world)
    missing = str(world.directory / "missing.txt")
    with unchanged(world):
        for path in (missing, str(world.directory), f"{world.file()}/x"):
            outcome = world.run(verb, job_id, "-F", path)
            assert_refused(outcome, ExitCode.NOT_FOUND)
            assert path in outcome.stderr


@each_decision
@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape", "latin-1"])
def test_a_reason_is_text_in_utf_8_wherever_it_comes_from(
    encoding: str, verb: str, world: World
) -> None:
    """Which error handler standard input has depends on the locale; what is stored may not."""
    job_id = request_approval(world)
    latin = f"{REASON}, für heute".encode("latin-1")
    path = world.directory / "latin.txt"
    path.write_bytes(latin)
    with unchanged(world):
        for source in (str(path), "-"):
            command = [verb, job_id, "-F", source]
            outcome = world.spawn(*command, stdin=latin, PYTHONIOENCODING=encoding)
            assert_refused(outcome, ExitCode.USAGE)
            assert "UTF-8" in outcome.stderr


def test_a_reason_on_standard_input_is_utf_8_whatever_the_locale(world: World) -> None:
    job_id = request_approval(world)
    reason = f"{REASON}, für heute ☃"
    command = ["approve", job_id, "--no-verify", "-F", "-"]
    assert world.spawn(*command, stdin=reason, PYTHONIOENCODING="latin-1").exit_code == 0
    assert decision_of(world, job_id)["justification"] == reason


@each_decision
@pytest.mark.parametrize(
    "arguments",
    [
        ["-", "-F", "-"],
        ["-", "job", "-", "-F", "-"],
        ["--token-file", "-", "-F", "-"],
        ["-", "--token-file", "-", *WHY],
    ],
    ids=" ".join,
)
def test_standard_input_is_one_thing(arguments: list[str], verb: str) -> None:
    outcome = run(verb, *arguments, env=NOWHERE, stdin="job-1\n")
    assert_refused(outcome, ExitCode.USAGE)
    assert "standard input" in outcome.stderr


@each_decision
def test_where_nothing_is_named_and_nobody_can_be_asked_nothing_is_decided(verb: str) -> None:
    for options in ([], ["--yes"], ["--dry-run"]):
        outcome = run(verb, *WHY, *options, env=NOWHERE)
        assert_refused(outcome, ExitCode.USAGE)
        assert "filters" in outcome.stderr


@pytest.mark.parametrize("name", ["", "  ", "ab", " ab "])
def test_a_reviewer_has_a_name(name: str, world: World) -> None:
    job_id = request_approval(world)
    with unchanged(world):
        assert_refused(world.run("approve", job_id, *WHY, "--as", name), ExitCode.USAGE)


def test_an_actor_whose_name_is_too_short_for_a_reviewer(world: World) -> None:
    job_id = request_approval(world)
    command = ["approve", job_id, *WHY, "--no-verify"]
    with unchanged(world):
        outcome = world.run(*command, JOBCTL_ACTOR="ab")
    assert_refused(outcome, ExitCode.USAGE)
    assert "--as" in outcome.stderr
    assert world.run(*command, "--as", "a.b@example.edu", JOBCTL_ACTOR="ab").exit_code == 0


def test_a_token_decides_on_its_job(world: World) -> None:
    job_id, other = request_approval(world), request_approval(world)
    path = token_file(world, token_of(world, job_id))
    outcome = world.run("approve", "--token-file", path, *WHY, "--no-verify")
    assert outcome.exit_code == 0
    assert statuses(world, job_id, other) == ["processing_queued", "awaiting_approval"]
    with only_refused(world, "approve"):
        again = world.run("approve", "--token-file", path, *WHY, "--no-verify")
    assert_refused(again, ExitCode.NOT_FOUND)


def test_a_token_from_standard_input_and_a_reason_from_a_file(world: World) -> None:
    job_id = request_approval(world)
    why = ["-F", text_file(world, f"\n  {REASON}\nwith a second line \n")]
    command = ["approve", "--token-file", "-", *why, "--no-verify"]
    assert world.run(*command, stdin=f"{token_of(world, job_id)}\r\n").exit_code == 0
    assert decision_of(world, job_id)["justification"] == f"{REASON}\nwith a second line"


def test_a_token_that_was_replaced_opens_nothing(world: World) -> None:
    job_id = request_approval(world)
    before = token_file(world, token_of(world, job_id))
    assert world.run("token", "issue", job_id).exit_code == 0
    with only_refused(world, "approve"):
        outcome = world.run("approve", "--token-file", before, *WHY, "--no-verify")
    assert_refused(outcome, ExitCode.NOT_FOUND)


def test_a_token_that_the_record_does_not_have_is_a_conflict(world: World) -> None:
    job_id = request_approval(world)
    path = token_file(world, token_of(world, job_id))
    world.foreign.put_fields(job_id, approval_token="another")
    with only_refused(world, "approve"):
        outcome = world.run("approve", "--token-file", path, *WHY, "--no-verify")
    assert_refused(outcome, ExitCode.CONFLICT)


@each_decision
def test_a_token_stands_for_its_job_and_no_other_is_named_with_it(verb: str, world: World) -> None:
    job_id = request_approval(world)
    path = token_file(world, token_of(world, job_id))
    with unchanged(world):
        for other in ([job_id], ["-"], ["--since", "1d", "--yes"], ["--status", "active"]):
            outcome = world.run(verb, *other, "--token-file", path, *WHY)
            assert_refused(outcome, ExitCode.USAGE)
            assert "--token-file" in outcome.stderr


@each_decision
def test_a_wrong_token_is_not_found(verb: str, world: World) -> None:
    job_id = request_approval(world)
    stream = world.run("token", "issue", job_id, "--kind", "stream").stdout
    with only_refused(world, *[verb] * 4):
        for wrong in ("nonsense", token_of(world, job_id)[:-1], job_id, stream):
            outcome = world.run(verb, "--token-file", "-", *WHY, stdin=wrong)
            assert_refused(outcome, ExitCode.NOT_FOUND)


@each_decision
@pytest.mark.parametrize(
    "content",
    [b"", b" \n\t\n", b"one two", b"one\ntwo", b"x" * 513, b"a\x00b", b"\x1b[2J", b"\xff\xfe"],
)
def test_what_is_no_token_is_refused_before_anything_is_contacted(
    content: bytes, verb: str, world: World
) -> None:
    path = world.directory / "token.bin"
    path.write_bytes(content)
    for source in ("-", str(path)):
        outcome = run(verb, "--token-file", source, *WHY, env=NOWHERE, stdin=content)
        assert_refused(outcome, ExitCode.USAGE)


def test_a_token_file_that_cannot_be_read(world: World) -> None:
    for path in (str(world.directory / "missing"), str(world.directory)):
        outcome = run("approve", "--token-file", path, *WHY, env=NOWHERE)
        assert_refused(outcome, ExitCode.NOT_FOUND)


def test_a_token_whose_job_has_expired(world: World) -> None:
    job_id = request_approval(world)
    token = token_of(world, job_id)
    world.redis.delete(world.key("job", job_id))
    with only_refused(world, "approve"):
        outcome = world.run("approve", "--token-file", "-", *WHY, stdin=token)
    assert_refused(outcome, ExitCode.NOT_FOUND)
    assert job_id in outcome.stderr
