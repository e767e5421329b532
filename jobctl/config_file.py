"""The configuration file: contexts with settings, one of them current.

current_context = "production"

[contexts.production]
redis_url = "rediss://jobs.example.org"
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

from jobctl.errors import BadConfigurationError

LOCAL_CONTEXT = "local"


def read_config_file(path: Path, *, required: bool) -> dict[str, Any] | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if required:
            raise BadConfigurationError(
                f"no configuration file {path}", hint="check --config and JOBCTL_CONFIG"
            ) from None
        return None
    except OSError as error:
        raise BadConfigurationError(f"cannot read {path}: {error.strerror}") from error
    import tomllib

    try:
        return tomllib.loads(content.decode("utf-8"))
    except ValueError as error:
        raise BadConfigurationError(f"{path} is not TOML: {error}") from error


def select_context(
    document: dict[str, Any] | None,
    path: Path,
    wanted: str | None,
    *,
    known_settings: Collection[str],
) -> tuple[str | None, Mapping[str, Any]]:
    """The context's name (None: nobody chose one) and its settings."""
    document = document or {}
    unknown = [key for key in document if key not in ("current_context", "contexts")]
    if unknown:
        raise BadConfigurationError(
            f"{path}: unknown key {unknown[0]}",
            hint="settings stand below [contexts.NAME], beside current_context at the top",
        )
    contexts = document.get("contexts", {})
    current = document.get("current_context")
    _check_shape(contexts, current, path)
    name = wanted or current
    if name is None:
        return None, {}
    if name not in contexts:
        if name == LOCAL_CONTEXT:
            return name, {}
        known = ", ".join(sorted({*contexts, LOCAL_CONTEXT}))
        raise BadConfigurationError(f"no context {name} in {path}", hint=f"there is: {known}")
    _check_names(contexts[name], known_settings, f"{path}: context {name}")
    return name, cast("Mapping[str, Any]", contexts[name])


def _check_shape(contexts: object, current: object, path: Path) -> None:
    tables = contexts.values() if isinstance(contexts, dict) else [contexts]
    if not all(isinstance(table, dict) for table in tables):
        raise BadConfigurationError(
            f"{path}: contexts must be tables", hint="write [contexts.NAME] and settings below it"
        )
    if not isinstance(current, str | None):
        raise BadConfigurationError(
            f"{path}: current_context must be a text", hint='such as current_context = "staging"'
        )


def _check_names(settings: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for name in settings:
        if name not in known:
            from difflib import get_close_matches

            close = get_close_matches(name, known, n=1)
            raise BadConfigurationError(
                f"{where}: unknown setting {name}",
                hint=f"did you mean {close[0]}?" if close else "jobctl config lists them",
            )
