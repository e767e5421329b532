"""What a decision does not need is not imported: a client of S3 where nobody asks for documents."""

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.cli.decisions import (
    CHANGES,
    WHY,
    request_approval,
    token_file,
    token_of,
    with_document,
)
from tests.cli.runner import clean_environment
from tests.cli.test_imports import HEAVY, PROBE
from tests.cli.world import World

TOKEN_COMMANDS = ("issue", "verify", "consume", "revoke")
MODULES = [
    *(f"jobctl.cli.commands.{verb}" for verb in CHANGES),
    *(f"jobctl.cli.commands.token.{verb}" for verb in TOKEN_COMMANDS),
]
IMPORT = """
import json, sys
from importlib import import_module
for name in sys.argv[2:]:
    import_module(name)
print(json.dumps([name for name in json.loads(sys.argv[1]) if name in sys.modules]))
"""


def _python(
    program: str, *arguments: str, env: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program, json.dumps(HEAVY), *arguments],
        env=clean_environment(env),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def _loaded(*arguments: str, env: Mapping[str, str]) -> list[str]:
    """The heavy modules that are there when jobctl has done what it was asked for."""
    done = _python(PROBE, *arguments, env=env)
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code in (0, None), done.stderr
    assert done.stdout
    return list(loaded)


def test_the_modules_of_the_commands_import_nothing_heavy() -> None:
    assert json.loads(_python(IMPORT, *MODULES, env={}).stdout) == []


@pytest.mark.parametrize("verb", CHANGES)
def test_help_imports_nothing_heavy(verb: str) -> None:
    assert _loaded(verb, "--help", env={}) == []


@pytest.mark.parametrize("verb", TOKEN_COMMANDS)
def test_help_of_the_commands_of_token_imports_nothing_heavy(verb: str) -> None:
    assert _loaded("token", verb, "--help", env={}) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("jobctl appr", "approve"),
        ("jobctl token iss", "issue"),
        ("jobctl deny --token", "--token-file"),
        ("jobctl cancel --status await", "awaiting_approval"),
    ],
)
def test_a_completion_request_imports_nothing_heavy_and_answers(words: str, expected: str) -> None:
    env = {
        "_JOBCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = _python(PROBE, env=env)
    assert expected in done.stdout.split()
    assert json.loads(done.stderr.splitlines()[-1])[1] == []


@pytest.mark.parametrize("output", ["tsv", "json", "jsonl", "csv", "id"])
def test_cancel_imports_the_client_of_redis_alone(output: str, world: World) -> None:
    ids = [world.seed() for _ in range(2)]
    assert _loaded("cancel", *ids, "-o", output, env=world.env) == ["redis"]


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_a_decision_about_documents_imports_the_client_of_s3_as_well(
    verb: str, world: World
) -> None:
    job_id = with_document(world, request_approval(world))
    loaded = _loaded(verb, job_id, *WHY, "-o", "json", env=world.env)
    assert set(loaded) == {"redis", "boto3", "botocore"}


def test_retry_asks_for_the_document(world: World) -> None:
    job_id = with_document(world, world.seed("failed"))
    assert set(_loaded("retry", job_id, env=world.env)) == {"redis", "boto3", "botocore"}


@pytest.mark.parametrize("verb", ["approve", "retry"])
def test_where_nobody_looks_for_documents_there_is_no_client_of_s3(verb: str, world: World) -> None:
    job_id = request_approval(world) if verb == "approve" else world.seed("failed")
    why = WHY if verb == "approve" else ()
    assert _loaded(verb, job_id, *why, "--no-verify", env=world.env) == ["redis"]


def test_a_decision_that_was_made_already_needs_no_documents(world: World) -> None:
    job_id = request_approval(world)
    assert world.run("approve", job_id, *WHY, "--no-verify").exit_code == 0
    assert _loaded("approve", job_id, *WHY, env=world.env) == ["redis"]


def test_the_commands_of_token_import_the_client_of_redis_alone(world: World) -> None:
    job_id = request_approval(world)
    path = token_file(world, token_of(world, job_id))
    for arguments in (
        ["verify", "--token-file", path],
        ["issue", job_id, "--extend", "1h"],
        ["issue", job_id, "--kind", "stream", "-o", "json"],
        ["revoke", "--token-file", path],
    ):
        assert _loaded("token", *arguments, env=world.env) == ["redis"]
