"""A wrong command line: one line and a remedy on stderr, exit 2, and nothing is contacted."""

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import assert_failed, assert_refused, only_refused
from tests.cli.runner import Outcome, run
from tests.cli.world import World

# Nobody listens there: a command that tried to connect would end with another exit code.
NOWHERE = {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}


USAGE_ERRORS = [
    ["status", "!bad"],
    ["status", "-rf"],
    ["status", "a..b"],
    ["status", "a/b"],
    ["status", "x" * 129],
    ["status", "{3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10}"],
    ["update", "a b", "--percentage", "1"],
    ["delete", "a\nb"],
    ["create", "/etc/passwd", "--id", "../x"],
    ["lst"],
    ["frobnicate"],
    ["status"],
    ["delete"],
    ["update"],
    ["create"],
    ["list", "--statu", "failed"],
    ["list", "--frobnicate"],
    ["list", "--limit"],
    ["list", "--limit", "0"],
    ["list", "--limit", "many"],
    ["list", "--limit", "9" * 5_000],
    ["list", "-o", "yaml"],
    ["list", "--sort", "name"],
    ["list", "--columns", "id,nonsense"],
    ["list", "--cursor", "nonsense"],
    ["list", "--older", "30"],
    ["list", "--older", "0s"],
    ["list", "--since", "7"],
    ["list", "--since", "yesterday"],
    ["list", "--since", "2026-01-31T12:00:00"],
    ["list", "--field", "colour"],
    ["list", "--older", "1d", "--until", "now"],
    ["list", "--sort", "created", "--all"],
    ["update", "job", "--ttl", "30"],
    ["update", "job"],
    ["update", "job", "--percentage", "101"],
    ["update", "job", "--percentage", "nan"],
    ["update", "job", "--confidence", "2"],
    ["update", "job", "--status", "nonsense"],
    ["update", "job", "--set", "status=failed"],
    ["update", "job", "--set", "approval_token=x"],
    ["update", "job", "--set", "novalue"],
    ["create", "/etc/passwd", "--s3-key", "temp/a.pdf"],
    ["create", "/etc/passwd", "--id", "a", "--idempotency-key", "b"],
    ["create", "/etc/passwd", "--status", "completed"],
    ["create", "/etc/passwd", "--status", "processing_queued"],
    ["create", "/etc/passwd", "--priority", "SOON"],
    ["create", "/etc/passwd", "--max-rounds", "6"],
    ["create", "/etc/passwd", "--review-mode", "both"],
    ["create", "/etc/passwd", "--metadata", "novalue"],
    ["create", "--s3-key", "../secret"],
    ["--color", "sometimes", "list"],
    ["--log-format", "xml", "list"],
]


@pytest.mark.parametrize("arguments", USAGE_ERRORS, ids=" ".join)
def test_a_wrong_command_line_is_refused_before_anything_is_contacted(
    arguments: list[str],
) -> None:
    assert_refused(run(*arguments, env=NOWHERE), ExitCode.USAGE)


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["lst"], "list"),
        (["statsu", "x"], "status"),
        (["list", "--statu", "failed"], "--status"),
        (["create", "/etc/passwd", "--prioritty", "LOW"], "--priority"),
        (["frobnicate"], "jobctl --help"),
        (["status"], "jobctl status --help"),
        (["list", "-o", "yaml"], "jsonl"),
        (["list", "--older", "30"], "7d"),
        (["list", "--columns", "nonsense"], "status"),
    ],
)
def test_the_remedy_names_what_was_meant(arguments: list[str], suggestion: str) -> None:
    assert suggestion in run(*arguments, env=NOWHERE).stderr


def test_a_password_on_the_command_line_is_refused_and_not_repeated() -> None:
    outcome = run("--redis-url", "redis://user:hunter2@127.0.0.1:1/0", "list")
    assert_refused(outcome, ExitCode.USAGE)
    assert "hunter2" not in outcome.stderr
    assert "redis_password_file" in outcome.stderr


SECRETIVE_URLS = [
    "redis://:hunter2/tail@127.0.0.1:1/0",
    "redis://:hunter2#tail@127.0.0.1:1/0",
    "redis://:tail?hunter2@127.0.0.1:1/0",
    "redis://127.0.0.1:1/0?password=hunter2",
    "user:hunter2@127.0.0.1",
]


@pytest.mark.parametrize("place", ["flag", "environment"])
@pytest.mark.parametrize("url", [*SECRETIVE_URLS, "redis://user:hunter2"])
def test_a_malformed_url_is_refused_without_repeating_its_password(url: str, place: str) -> None:
    outcome = _with_url(url, place, "list")
    assert "hunter2" not in outcome.everything
    assert outcome.exit_code in (ExitCode.USAGE, ExitCode.BAD_CONFIGURATION)
    assert_refused(outcome, ExitCode(outcome.exit_code))


@pytest.mark.parametrize("place", ["flag", "environment"])
@pytest.mark.parametrize("url", SECRETIVE_URLS)
def test_config_shows_no_password_of_a_url_however_malformed(url: str, place: str) -> None:
    assert "hunter2" not in _with_url(url, place, "config").everything
    assert "hunter2" not in _with_url(url, place, "config", "-o", "json").everything


def _with_url(url: str, place: str, *arguments: str) -> Outcome:
    if place == "flag":
        return run("--redis-url", url, *arguments)
    return run(*arguments, env={"JOBCTL_REDIS_URL": url})


@pytest.mark.parametrize(
    "url", ["redis://[", "redis://host:notaport", "http://host", "host", "://"]
)
def test_an_unreadable_url_is_refused_wherever_it_comes_from(url: str) -> None:
    assert_refused(run("list", env={"JOBCTL_REDIS_URL": url}), ExitCode.BAD_CONFIGURATION)
    outcome = run("--redis-url", url, "list")
    assert outcome.exit_code in (ExitCode.USAGE, ExitCode.BAD_CONFIGURATION)
    assert_refused(outcome, ExitCode(outcome.exit_code))


def test_certificate_checks_cannot_be_switched_off_by_the_url() -> None:
    url = "rediss://127.0.0.1:1/0?ssl_cert_reqs=none"
    outcome = run("list", env={"JOBCTL_REDIS_URL": url})
    assert_refused(outcome, ExitCode.BAD_CONFIGURATION)
    assert "ssl_cert_reqs" in outcome.stderr


def test_an_unknown_job_is_not_found_with_a_remedy(world: World) -> None:
    with only_refused(world, "delete", "update"):
        for command, *options in MENTIONING:
            assert_failed(world.run(command, "nobody-knows", *options), ExitCode.NOT_FOUND)


MENTIONING = (["status"], ["delete"], ["update", "--percentage", "1"])


@pytest.mark.parametrize("output", ["table", "wide", "csv", "tsv", "id"])
@pytest.mark.parametrize("arguments", MENTIONING, ids=lambda arguments: arguments[0])
def test_a_command_that_failed_puts_nothing_on_stdout_not_even_a_header(
    arguments: list[str], output: str, world: World
) -> None:
    command, *options = arguments
    outcome = world.run(command, "nobody-knows", *options, "-o", output)
    assert outcome.stdout == ""


def test_an_ambiguous_prefix_names_two_candidates(world: World) -> None:
    first, second = world.seed(job_id="abcdefgh-1"), world.seed(job_id="abcdefgh-2")
    outcome = world.run("status", "abcdefgh")
    assert_failed(outcome, ExitCode.USAGE)
    assert first in outcome.stderr
    assert second in outcome.stderr


def test_reading_takes_a_prefix_and_changing_does_not(world: World) -> None:
    job_id = world.seed("completed")
    with only_refused(world, "delete", "update"):
        assert world.run("status", job_id[:8]).rows[0]["id"] == job_id
        assert_failed(world.run("status", job_id[:7]), ExitCode.NOT_FOUND)
        assert_failed(world.run("delete", job_id[:8]), ExitCode.NOT_FOUND)
        assert_failed(world.run("update", job_id[:8], "--percentage", "1"), ExitCode.NOT_FOUND)


def test_an_id_that_begins_other_ids_is_itself(world: World) -> None:
    exact = world.seed(job_id="abcdefgh")
    world.seed(job_id="abcdefgh-2")
    assert [row["id"] for row in world.run("status", exact).rows] == [exact]
