"""Which setting wins, where it says it comes from, and what a wrong one is told."""

from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.cli.expect import assert_refused, unchanged
from tests.cli.runner import Outcome, run
from tests.cli.world import World, new_id

TWO_CONTEXTS = """
current_context = "staging"

[contexts.staging]
redis_url = "redis://staging.example:6379/0"
namespace = "staging"
actor = "from-context"
read_only = true
ttl_failed = "12d"

[contexts.production]
redis_url = "rediss://admin:s3cret@production.example:6380/1"
namespace = "production"
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return _written(tmp_path, TWO_CONTEXTS)


def _written(directory: Path, text: str | bytes) -> Path:
    path = directory / "jobctl" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def _setting(name: str, *root: str, **env: str) -> tuple[str | None, str]:
    """The value in force and its origin."""
    outcome = run(*root, "config", name, "-o", "json", env=env)
    assert outcome.exit_code == 0, outcome.stderr
    (item,) = outcome.json["items"]
    return item["value"], item["origin"]


def test_flag_before_environment_before_context_before_default(config_file: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(config_file.parent.parent)}
    env = {"JOBCTL_ACTOR": "from-environment"}
    assert _setting("actor", JOBCTL_ACTOR="") == (None, "default")
    assert _setting("actor", **home, JOBCTL_ACTOR="") == ("from-context", "context staging")
    assert _setting("actor", **home, **env) == ("from-environment", "environment JOBCTL_ACTOR")
    assert _setting("actor", "--actor", "me", **home, **env) == ("me", "flag --actor")


def test_every_root_flag_wins_over_the_environment() -> None:
    env = {
        "JOBCTL_REDIS_URL": "redis://a",
        "JOBCTL_COLOR": "never",
        "JOBCTL_READ_ONLY": "false",
        "JOBCTL_OUTPUT": "csv",
    }
    flags = ["--redis-url", "redis://b", "--color", "always", "--read-only"]
    outcome = run(*flags, "config", "-o", "json", env=env)
    values = {item["name"]: (item["value"], item["origin"]) for item in outcome.json["items"]}
    assert values["redis_url"] == ("redis://b", "flag --redis-url")
    assert values["color"] == ("always", "flag --color")
    assert values["read_only"] == ("true", "flag --read-only")
    assert values["output"] == ("json", "flag --output")


@pytest.mark.parametrize("where", ["root", "command", "environment"])
def test_the_context_is_chosen_by_flag_or_environment(where: str, config_file: Path) -> None:
    env = {"JOBCTL_CONFIG": str(config_file)}
    match where:
        case "root":
            outcome = run("--context", "production", "config", "-o", "json", env=env)
        case "command":
            outcome = run("config", "--context", "production", "-o", "json", env=env)
        case _:
            outcome = run("config", "-o", "json", env=env | {"JOBCTL_CONTEXT": "production"})
    assert outcome.json["context"] == "production"
    values = {item["name"]: item["value"] for item in outcome.json["items"]}
    assert values["namespace"] == "production"
    assert values["ttl_failed"] == "30d"
    assert "s3cret" not in outcome.everything


def test_a_context_flag_wins_over_the_environment_and_the_current_one(config_file: Path) -> None:
    env = {"JOBCTL_CONFIG": str(config_file), "JOBCTL_CONTEXT": "staging"}
    document = run("--context", "local", "config", "-o", "json", env=env).json
    assert document["context"] == "local"
    assert document["store"].startswith("local")


def test_the_config_flag_wins_over_the_environment(config_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('current_context = "x"\n[contexts.x]\nnamespace = "other"\n')
    env = {"JOBCTL_CONFIG": str(config_file)}
    assert _setting("namespace", "--config", str(other), **env) == ("other", "context x")
    assert _setting("namespace", **env) == ("staging", "context staging")


def test_config_contacts_nothing_and_needs_nothing() -> None:
    outcome = run(
        "config", "redis_url", "namespace", env={"JOBCTL_REDIS_URL": "redis://127.0.0.1:1"}
    )
    assert [row["setting"] for row in outcome.rows] == ["redis_url", "namespace"]


def test_an_unknown_setting_is_not_found() -> None:
    assert_refused(run("config", "redis_ulr"), ExitCode.NOT_FOUND)


BAD_FILES: dict[str, str | bytes] = {
    "not TOML": "current_context = ",
    "not UTF-8": b"\xff\xfe",
    "unknown key": 'context = "x"\n',
    "unknown setting": 'current_context = "x"\n[contexts.x]\nnamspace = "a"\n',
    "unknown context": 'current_context = "y"\n[contexts.x]\n',
    "contexts is a text": 'current_context = "x"\ncontexts = "x"\n',
    "contexts is a number": 'current_context = "x"\ncontexts = 3\n',
    "a context is a text": 'current_context = "x"\n[contexts]\nx = "redis://h"\n',
    "a context is a number": 'current_context = "x"\n[contexts]\nx = 3\n',
    "current_context is a list": 'current_context = ["x"]\n[contexts.x]\n',
    "a setting is a list": 'current_context = "x"\n[contexts.x]\nnamespace = ["a"]\n',
    "a setting is a table": 'current_context = "x"\n[contexts.x.namespace]\na = 1\n',
    "a bare number": 'current_context = "x"\n[contexts.x]\nttl_failed = 30\n',
    "not a switch": 'current_context = "x"\n[contexts.x]\nread_only = "perhaps"\n',
    "not a bucket": 'current_context = "x"\n[contexts.x]\ndocuments_bucket = "a/b"\n',
    "not a format": 'current_context = "x"\n[contexts.x]\noutput = "yaml"\n',
}


@pytest.mark.parametrize("text", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_wrong_configuration_file_is_named(text: str | bytes, tmp_path: Path) -> None:
    path = _written(tmp_path, text)
    for command in ("config", "list"):
        outcome = run("--config", str(path), command)
        _assert_bad_configuration(outcome)
        assert str(path) in outcome.stderr


def test_a_misspelt_setting_gets_a_suggestion(tmp_path: Path) -> None:
    path = _written(tmp_path, BAD_FILES["unknown setting"])
    assert "did you mean namespace?" in run("--config", str(path), "config").stderr


def test_an_unknown_context_names_those_there_are(config_file: Path) -> None:
    outcome = run("--config", str(config_file), "--context", "prod", "list")
    assert_refused(outcome, ExitCode.BAD_CONFIGURATION)
    assert "production, staging" in outcome.stderr


def test_an_unknown_context_without_any_file(tmp_path: Path) -> None:
    outcome = run("--context", "prod", "list", env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert_refused(outcome, ExitCode.BAD_CONFIGURATION)


def test_a_configuration_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert_refused(run("--config", str(tmp_path / "no"), "list"), ExitCode.BAD_CONFIGURATION)
    _assert_bad_configuration(run("--config", str(tmp_path), "list"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("JOBCTL_TTL_COMPLETED", "30"),
        ("JOBCTL_READ_ONLY", "perhaps"),
        ("JOBCTL_OUTPUT", "yaml"),
        ("JOBCTL_NAMESPACE", "a b"),
        ("JOBCTL_ID_FORMAT", "ulid"),
        ("JOBCTL_HANDOFF", "celery"),
        ("JOBCTL_DOCUMENTS_BUCKET", "x"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str) -> None:
    outcome = run("list", env={variable: value})
    _assert_bad_configuration(outcome)
    assert variable in outcome.stderr


def _assert_bad_configuration(outcome: Outcome) -> None:
    """The message may hold the remedy itself, as in `'x' is none of a, b, c`."""
    assert (outcome.exit_code, outcome.stdout) == (ExitCode.BAD_CONFIGURATION, "")
    assert 1 <= len(outcome.stderr.splitlines()) <= 2
    assert "Traceback" not in outcome.stderr


READ_ONLY = {
    "flag": (["--read-only"], {}),
    "environment": ([], {"JOBCTL_READ_ONLY": "true"}),
    "context": (["--context", "safe"], {}),
}


@pytest.mark.parametrize(("root", "env"), READ_ONLY.values(), ids=READ_ONLY.keys())
@pytest.mark.parametrize("command", ["create", "update", "delete"])
def test_read_only_refuses_every_change_and_says_where_it_comes_from(
    command: str, root: list[str], env: dict[str, str], world: World, tmp_path: Path
) -> None:
    path = _written(tmp_path, "[contexts.safe]\nread_only = true\n")
    job_id = world.seed("completed")
    arguments = {
        "create": ["create", world.file()],
        "update": ["update", job_id, "--summary", "x"],
        "delete": ["delete", job_id],
    }[command]
    with unchanged(world):
        outcome = world.run(*root, *arguments, JOBCTL_CONFIG=str(path), **env)
        assert_refused(outcome, ExitCode.REFUSED)
    origin = {"context": "context safe"}.get(root[0].lstrip("-") if root else "", "")
    assert origin in outcome.stderr
    assert world.run(*root, "list", JOBCTL_CONFIG=str(path), **env).exit_code == 0


def test_id_format_uuid_admits_uuids_alone(world: World) -> None:
    strict = {"JOBCTL_ID_FORMAT": "uuid"}
    job_id = world.seed()
    with unchanged(world):
        for command, *options in (["status"], ["delete"], ["update", "--summary", "x"]):
            outcome = world.run(command, "job-1", *options, **strict)
            assert_refused(outcome, ExitCode.USAGE)
        create = world.run("create", world.file(), "--id", "job-1", **strict)
        assert_refused(create, ExitCode.USAGE)
    assert world.run("status", job_id, **strict).exit_code == 0
    assert world.run("status", job_id[:8], **strict).exit_code == 0
    assert world.run("create", world.file(), "--id", new_id(), **strict).exit_code == 0
    assert world.run("create", world.file(), "--idempotency-key", "k", **strict).exit_code == 0


def test_namespace_and_index_key_are_where_a_job_goes(world: World) -> None:
    index = world.key("elsewhere")
    job_id = world.create(JOBCTL_INDEX_KEY=index)
    assert world.redis.zscore(index, job_id) is not None
    assert world.key("jobs-by-updated") not in world.keys
    assert world.run("list", "-o", "id", JOBCTL_INDEX_KEY=index).stdout == f"{job_id}\n"
    assert world.run("list", "-o", "id").stdout == ""
    assert world.run("list", "-o", "id", JOBCTL_NAMESPACE="another").stdout == ""


def test_lifetimes_are_settings(world: World) -> None:
    job_id = world.create(JOBCTL_TTL_ACTIVE="2h")
    assert 7190 <= world.redis.ttl(world.key("job", job_id)) <= 7200
    world.run("update", job_id, "--status", "failed", JOBCTL_TTL_FAILED="3h")
    assert 10790 <= world.redis.ttl(world.key("job", job_id)) <= 10800
