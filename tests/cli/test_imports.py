"""What a command does not need is not imported: that is what keeps the start short."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest

from tests.cli.runner import clean_environment
from tests.cli.world import World

HEAVY = ("redis", "boto3", "botocore", "pydantic", "rich")
# Runs jobctl, then names on the last line of stderr which of the modules in argv[1] are loaded.
PROBE = """
import json, sys
heavy, arguments = json.loads(sys.argv[1]), sys.argv[2:]
from jobctl.cli.main import main
try:
    code = main(arguments)
except SystemExit as exit:
    code = exit.code
sys.stdout.flush()
loaded = [name for name in heavy if name in sys.modules]
sys.stderr.write("\\n" + json.dumps([code, loaded]))
"""


def _loaded(
    *arguments: str, env: Mapping[str, str] | None = None, heavy: Sequence[str] = HEAVY
) -> tuple[list[str], str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(heavy), *arguments],
        env=clean_environment(env),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code in (0, None), done.stderr
    return loaded, done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        [],
        ["create", "--help"],
        ["list", "--help"],
        ["update", "--help"],
        ["audit", "--help"],
        *(["audit", one, "--help"] for one in ("list", "show", "tail", "summary", "record")),
        ["doctor", "--help"],
    ],
    ids=" ".join,
)
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    loaded, stdout = _loaded(*arguments)
    assert stdout
    assert loaded == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("jobctl li", "list"),
        ("jobctl list --stat", "--status"),
        ("jobctl list --status fai", "failed"),
        ("jobctl list -o js", "jsonl"),
        ("jobctl aud", "audit"),
        ("jobctl audit li", "list"),
        ("jobctl audit list --old", "--oldest-first"),
        ("jobctl audit --job x --old", "--oldest-first"),
    ],
)
def test_a_completion_request_imports_nothing_heavy_and_answers(words: str, expected: str) -> None:
    env = {
        "_JOBCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    loaded, stdout = _loaded(env=env)
    assert expected in stdout.split()
    assert loaded == []


def test_status_on_redis_imports_neither_boto3_nor_rich_nor_pydantic(world: World) -> None:
    job_id = world.seed()
    loaded, stdout = _loaded("status", job_id, "-o", "json", env=world.env)
    assert json.loads(stdout)["id"] == job_id
    assert loaded == ["redis"]


@pytest.mark.parametrize("output", ["json", "jsonl", "tsv", "csv", "id"])
def test_list_on_redis_imports_neither_boto3_nor_rich_nor_pydantic(
    output: str, world: World
) -> None:
    world.seed()
    loaded, stdout = _loaded("list", "-o", output, env=world.env)
    assert stdout
    assert loaded == ["redis"]


@pytest.mark.parametrize(
    "command", [["show", "1"], ["tail"], ["summary"], ["record", "{id}", "--reason", "x"]]
)
@pytest.mark.parametrize("output", ["json", "tsv"])
def test_the_audit_commands_import_neither_boto3_nor_rich_nor_pydantic(
    command: list[str], output: str, world: World
) -> None:
    job_id = world.seed()
    world.run("update", job_id, "--summary", "x")
    arguments = [word.format(id=job_id) for word in command]
    loaded, stdout = _loaded("audit", *arguments, "-o", output, env=world.env)
    assert stdout
    assert loaded == ["redis"]


@pytest.mark.parametrize("output", ["json", "jsonl", "tsv", "csv", "id"])
def test_audit_on_redis_imports_neither_boto3_nor_rich_nor_pydantic(
    output: str, world: World
) -> None:
    world.run("update", world.seed(), "--summary", "x")
    loaded, stdout = _loaded("audit", "-o", output, env=world.env)
    assert stdout
    assert loaded == ["redis"]


def test_config_imports_no_client() -> None:
    loaded, stdout = _loaded("config", "-o", "json")
    assert json.loads(stdout)["kind"] == "Settings"
    assert loaded == []
