"""The settings in force: which source wins, what each value means, and what is refused."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobctl.errors import BadConfigurationError, InvalidUsageError
from jobctl.setting_values import shown_value
from jobctl.settings import (
    PURPOSES,
    ResolvedSettings,
    Settings,
    default_data_directory,
    environment_name,
    resolve,
)

CONFIG = """
current_context = "production"

[contexts.production]
redis_url = "redis://production"
namespace = "prod"
read_only = true
ttl_failed = "3d"

[contexts.staging]
redis_url = "redis://staging"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def write(home: Path, text: str) -> Path:
    file = home / "jobctl" / "config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def resolved(
    home: Path,
    flags: dict[str, str | None] | None = None,
    *,
    context: str | None = None,
    config: Path | None = None,
    **environ: Any,
) -> ResolvedSettings:
    surroundings = {"XDG_CONFIG_HOME": str(home)} | environ
    return resolve(flags or {}, surroundings, context=context, config=config)


def test_without_any_source_the_defaults_hold(home: Path) -> None:
    found = resolved(home)
    assert found.settings == Settings()
    assert set(found.origins.values()) == {"default"}
    assert (found.context, found.context_is_implicit) == ("local", True)
    assert not found.config_file_exists


def test_the_defaults_are_those_of_the_data_contract() -> None:
    settings = Settings()
    assert settings.namespace == "eq-pdf"
    assert settings.documents_bucket == "equalify-temp"
    assert settings.results_bucket == "equalify-results"
    assert settings.approval_timeout == timedelta(hours=4)
    assert settings.stuck_after == timedelta(hours=2)
    assert settings.ttl_completed == settings.ttl_failed == settings.ttl_cancelled
    assert settings.ttl_cancelled == timedelta(days=30)
    assert settings.ttl_denied == settings.ttl_active == timedelta(days=7)


def test_flag_before_environment_before_context_before_default(home: Path) -> None:
    write(home, CONFIG)
    found = resolved(home)
    assert found.settings.namespace == "prod"
    assert found.origins["namespace"] == "context production"
    found = resolved(home, JOBCTL_NAMESPACE="env")
    assert found.settings.namespace == "env"
    assert found.origins["namespace"] == "environment JOBCTL_NAMESPACE"
    found = resolved(home, {"namespace": "flag"}, JOBCTL_NAMESPACE="env")
    assert found.settings.namespace == "flag"
    assert found.origins["namespace"] == "flag --namespace"
    assert found.origins["ttl_denied"] == "default"


@pytest.mark.parametrize("name", sorted(PURPOSES))
def test_every_setting_has_a_variable_and_a_purpose(home: Path, name: str) -> None:
    assert environment_name(name) == f"JOBCTL_{name.upper()}"
    assert PURPOSES[name].endswith(".")
    values = {"output": "json", "color": "never", "handoff": "none", "id_format": "uuid"}
    values |= {"read_only": "true", "audit_refusals": "false", "s3_addressing_style": "path"}
    values |= {"cancel_status": "failed", "min_reason_length": "3", "max_delete": "7"}
    text = values.get(name, "9d")
    text = "some-name" if name.endswith("bucket") else text
    found = resolve({}, {"XDG_CONFIG_HOME": str(home), environment_name(name): text})
    assert found.origins[name] == f"environment JOBCTL_{name.upper()}"
    assert getattr(found.settings, name) != getattr(Settings(), name)


def test_an_empty_variable_is_none(home: Path) -> None:
    assert resolved(home, JOBCTL_NAMESPACE="").origins["namespace"] == "default"


def test_a_context_is_chosen_by_flag_then_variable_then_file(home: Path) -> None:
    write(home, CONFIG)
    assert resolved(home).context == "production"
    assert resolved(home, JOBCTL_CONTEXT="staging").context == "staging"
    found = resolved(home, context="production", JOBCTL_CONTEXT="staging")
    assert (found.context, found.context_is_implicit) == ("production", False)
    assert found.settings.redis_url == "redis://production"


def test_the_local_context_needs_no_table(home: Path) -> None:
    write(home, CONFIG)
    found = resolved(home, context="local")
    assert (found.context, found.context_is_implicit) == ("local", False)
    assert found.settings.redis_url is None


def test_an_unknown_context_names_those_there_are(home: Path) -> None:
    write(home, CONFIG)
    with pytest.raises(BadConfigurationError) as refusal:
        resolved(home, context="nope")
    assert "local, production, staging" in (refusal.value.hint or "")


def test_a_configuration_file_can_be_named(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('current_context = "x"\n[contexts.x]\nnamespace = "other"\n', "utf-8")
    assert resolved(home, config=other).settings.namespace == "other"
    assert resolved(home, JOBCTL_CONFIG=str(other)).settings.namespace == "other"
    assert resolved(home, config=other).config_file == other


def test_a_named_configuration_file_must_be_there(home: Path, tmp_path: Path) -> None:
    for missing in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(BadConfigurationError):
            resolved(home, config=missing)
        with pytest.raises(BadConfigurationError):
            resolved(home, JOBCTL_CONFIG=str(missing))


@pytest.mark.parametrize(
    "text",
    [
        "not toml",
        "[contexts.x",
        'redis_url = "redis://top-level"',
        'current_context = "x"\n[contexts.x]\nno_such_setting = 1',
        'current_context = "x"\n[contexts.x]\nnamspace = "typo"',
        'current_context = "x"',
        'current_context = 5\n[contexts.x]\nnamespace = "a"',
        'current_context = ["x"]\n[contexts.x]\nnamespace = "a"',
        'current_context = "x"\ncontexts = 5',
        'current_context = "x"\ncontexts = "x"',
        'current_context = "x"\ncontexts = ["x"]',
        'current_context = "x"\n[contexts]\nx = 5',
        'current_context = "x"\n[contexts]\nx = "namespace"',
        'current_context = "x"\n[contexts.x]\nnamespace = ["a"]',
        'current_context = "x"\n[contexts.x.namespace]\na = 1',
        'current_context = "x"\n[contexts.x]\nttl_failed = 30',
        'current_context = "x"\n[contexts.x]\nread_only = "maybe"',
    ],
)
def test_a_configuration_that_cannot_be_meant_is_bad_configuration(home: Path, text: str) -> None:
    file = write(home, text)
    with pytest.raises(BadConfigurationError) as refusal:
        resolved(home)
    assert str(file) in refusal.value.message


def test_a_configuration_that_is_not_utf_8_is_bad_configuration(home: Path) -> None:
    write(home, "").write_bytes(b"\xff\xfe")
    with pytest.raises(BadConfigurationError):
        resolved(home)


def test_a_misspelt_setting_is_answered_with_the_right_one(home: Path) -> None:
    write(home, 'current_context = "x"\n[contexts.x]\nnamspace = "typo"')
    with pytest.raises(BadConfigurationError) as refusal:
        resolved(home)
    assert refusal.value.hint == "did you mean namespace?"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("namespace", "a b"),
        ("namespace", "a*"),
        ("namespace", "a[b]"),
        ("namespace", "a\\b"),
        ("namespace", "a\nb"),
        ("documents_bucket", "ab"),
        ("documents_bucket", "a/b"),
        ("results_bucket", "x" * 64),
        ("output", "yaml"),
        ("color", "Always"),
        ("id_format", "UUID"),
        ("handoff", "celery!"),
        ("handoff", "celery"),
        ("cancel_status", "canceled"),
        ("min_reason_length", "0"),
        ("min_reason_length", "1001"),
        ("min_reason_length", "9" * 5_000),
        ("min_reason_length", "1e2"),
        ("min_reason_length", "٣"),
        ("s3_addressing_style", "host"),
        ("read_only", "on"),
        ("ttl_completed", "30"),
        ("ttl_completed", "0d"),
        ("approval_timeout", "4"),
        ("stuck_after", "-2h"),
        ("redis_password_file", "~no-such-user-of-this-test/x"),
    ],
)
def test_a_wrong_value_names_its_source(home: Path, name: str, text: str) -> None:
    with pytest.raises(InvalidUsageError, match=f"--{name.replace('_', '-')}"):
        resolved(home, {name: text})
    with pytest.raises(BadConfigurationError, match=f"JOBCTL_{name.upper()}"):
        resolve({}, {"XDG_CONFIG_HOME": str(home), environment_name(name): text})


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("YES", True), ("1", True), ("no", False), ("0", False)]
)
def test_a_switch_is_read_in_the_usual_spellings(home: Path, text: str, value: bool) -> None:
    assert resolved(home, JOBCTL_READ_ONLY=text).settings.read_only is value


def test_values_of_the_file_are_read_by_their_meaning(home: Path) -> None:
    write(home, CONFIG)
    settings = resolved(home).settings
    assert settings.read_only is True
    assert settings.ttl_failed == timedelta(days=3)


def test_a_path_may_begin_with_the_home_directory(home: Path) -> None:
    settings = resolved(home, JOBCTL_LOCAL_DIR="~/x").settings
    assert settings.local_dir == Path.home() / "x"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("redis_url", None, None),
        ("read_only", True, "true"),
        ("read_only", False, "false"),
        ("approval_timeout", timedelta(hours=4), "4h"),
        ("local_dir", Path("/x"), "/x"),
        ("actor", "ops@host:1", "ops@host:1"),
        ("redis_url", "redis://h", "redis://h"),
        ("redis_url", "redis://user@h", "redis://user@h"),
        ("redis_url", "redis://user:hunter2@h:1/2", "redis://user:***@h:1/2"),
        ("redis_url", "redis://:hunter2@h", "redis://:***@h"),
        ("redis_url", "redis://:hunt%40er2@[::1]:7?db=1", "redis://:***@[::1]:7?db=1"),
        ("redis_url", "unix://u:hunter2@/run/s?db=1", "unix://u:***@/run/s?db=1"),
        ("redis_url", "redis+sentinel://u:hunter2@a:1,b/s/5", "redis+sentinel://u:***@a:1,b/s/5"),
        ("redis_url", "rediss://h?ssl_ca_certs=/etc/ca.pem", "rediss://h?ssl_ca_certs=/etc/ca.pem"),
        ("s3_endpoint_url", "http://u:hunter2@minio:9000", "http://u:***@minio:9000"),
    ],
)
def test_a_value_is_shown_without_a_password(name: str, value: object, shown: str | None) -> None:
    assert shown_value(name, value) == shown


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2/x@h",
        "redis://:x/hunter2@h",
        "redis://:x@hunter2@h",
        "redis://:hunter2#x@h",
        "redis://:x?hunter2@h",
        "redis://h?password=hunter2",
        "redis://h/0?db=1&password=hunter2",
        "redis://h?db=1&token=hunter2",
        "redis:hunter2@h",
        "//:hunter2@h",
        ":hunter2@h",
    ],
)
def test_a_password_at_an_odd_place_of_a_url_is_not_shown(url: str) -> None:
    """Unescaped, or among the options: such a URL is refused, and shown all the same."""
    assert "hunter2" not in (shown_value("redis_url", url) or "")


def test_data_is_kept_where_the_desktop_rules_say(tmp_path: Path) -> None:
    assert default_data_directory({"XDG_DATA_HOME": str(tmp_path)}) == tmp_path / "jobctl"
    assert default_data_directory({}) == Path.home() / ".local/share/jobctl"
