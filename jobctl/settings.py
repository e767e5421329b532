"""The settings in force and where each comes from: flag, environment, context, default.

Every setting has the environment variable `JOBCTL_<NAME>` and a key in a context of
`$XDG_CONFIG_HOME/jobctl/config.toml`.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from jobctl import setting_values as read
from jobctl.config_file import LOCAL_CONTEXT, read_config_file, select_context
from jobctl.domain.identifiers import IdFormat
from jobctl.domain.limits import REFUSALS_A_MINUTE, DeletionLimit
from jobctl.domain.moments import parse_duration
from jobctl.errors import BadConfigurationError, InvalidUsageError

ENVIRONMENT_PREFIX = "JOBCTL_"

OutputFormat = Literal["table", "wide", "json", "jsonl", "csv", "tsv", "id"]
ColorMode = Literal["auto", "always", "never"]
Handoff = Literal["queue", "none"]
CancelStatus = Literal["cancelled", "failed"]
AddressingStyle = Literal["auto", "path", "virtual"]

T = TypeVar("T")


def _setting(default: T, purpose: str, parse: Callable[[str], Any] = str) -> T:
    """A field whose text form *parse* reads; *purpose* is its line in `config` and the manual."""
    return field(default=default, metadata={"parse": parse, "purpose": purpose})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    redis_url: str | None = _setting(
        None,
        "Where the jobs are: redis://host:port/db, rediss://, unix:///path, "
        "redis+sentinel://host:port,host:port/service or redis+cluster://host:port. "
        "Without it jobctl uses its embedded store.",
    )
    redis_username: str | None = _setting(None, "The Redis user.")
    redis_password_file: Path | None = _setting(
        None, "A file whose first line is the Redis password.", read.path
    )
    namespace: str = _setting("eq-pdf", "What every key begins with.", read.namespace)
    index_key: str | None = _setting(
        None, "The key of the index, where it is not <namespace>:jobs-by-updated."
    )
    documents_bucket: str = _setting(
        "equalify-temp", "The bucket of uploaded documents.", read.bucket
    )
    results_bucket: str = _setting("equalify-results", "The bucket of results.", read.bucket)
    s3_endpoint_url: str | None = _setting(None, "The S3 server, where it is not AWS.")
    s3_region: str | None = _setting(None, "The S3 region.")
    s3_addressing_style: AddressingStyle = _setting(
        "auto",
        "Bucket names in the path or in the host name: auto, path or virtual.",
        read.choice("auto", "path", "virtual"),
    )
    actor: str | None = _setting(None, "Who acts, for the audit trail; without it user@host.")
    output: OutputFormat | None = _setting(
        None,
        "The output format: table, wide, json, jsonl, csv, tsv or id; without it table on a "
        "terminal and tsv elsewhere.",
        read.choice("table", "wide", "json", "jsonl", "csv", "tsv", "id"),
    )
    color: ColorMode = _setting(
        "auto", "Colors: auto, always or never.", read.choice("auto", "always", "never")
    )
    read_only: bool = _setting(False, "Refuse every command that changes something.", read.switch)
    audit_refusals: bool = _setting(
        True,
        "Whether refused attempts to change a job go into the audit trail as well, at most "
        f"{REFUSALS_A_MINUTE} a minute.",
        read.switch,
    )
    id_format: IdFormat = _setting(
        "any", "Which job ids are valid: any or uuid.", read.choice("any", "uuid")
    )
    handoff: Handoff = _setting(
        "queue",
        "How a document reaches the workers: queue (an entry in <namespace>:queue:processing) "
        "or none.",
        read.handoff,
    )
    cancel_status: CancelStatus = _setting(
        "cancelled",
        "How a cancelled job is stored: cancelled, or failed with a message, for services that "
        "know no other.",
        read.choice("cancelled", "failed"),
    )
    min_reason_length: int = _setting(
        10,
        "How many characters the reason of a decision has at least.",
        read.reason_length,
    )
    approval_timeout: timedelta = _setting(
        timedelta(hours=4), "How long an approval may take.", parse_duration
    )
    stuck_after: timedelta = _setting(
        timedelta(hours=2), "After how much silence a running job counts as stuck.", parse_duration
    )
    retention_completed: timedelta | None = _setting(
        timedelta(days=28),
        "After how long cleanup deletes a completed job; or never.",
        read.retention_limit,
    )
    retention_failed: timedelta | None = _setting(
        timedelta(days=28),
        "After how long cleanup deletes a failed job; or never.",
        read.retention_limit,
    )
    retention_cancelled: timedelta | None = _setting(
        timedelta(days=28),
        "After how long cleanup deletes a cancelled job; or never.",
        read.retention_limit,
    )
    retention_denied: timedelta | None = _setting(
        timedelta(days=6),
        "After how long cleanup deletes a denied job; or never.",
        read.retention_limit,
    )
    max_delete: DeletionLimit | None = _setting(
        None,
        "How many jobs cleanup may delete in one run: a number, or a share such as 20%. Without it "
        "20%, but always 10.",
        read.deletion_limit,
    )
    ttl_completed: timedelta = _setting(
        timedelta(days=30), "How long a completed job's record is kept.", parse_duration
    )
    ttl_failed: timedelta = _setting(
        timedelta(days=30), "How long a failed job's record is kept.", parse_duration
    )
    ttl_cancelled: timedelta = _setting(
        timedelta(days=30), "How long a cancelled job's record is kept.", parse_duration
    )
    ttl_denied: timedelta = _setting(
        timedelta(days=7), "How long a denied job's record is kept.", parse_duration
    )
    ttl_active: timedelta = _setting(
        timedelta(days=7), "How long any other job's record is kept.", parse_duration
    )
    audit_bucket: str | None = _setting(
        None,
        "Where audit export keeps its segments: a bucket, s3://bucket/prefix or a directory.",
    )
    audit_retention: timedelta | None = _setting(
        None,
        "How long nobody may delete or overwrite a segment, where the bucket has Object Lock; "
        "without it the bucket's own rule holds.",
        parse_duration,
    )
    local_dir: Path | None = _setting(
        None,
        "The data of the embedded store; without it $XDG_DATA_HOME/jobctl.",
        read.path,
    )


PURPOSES: dict[str, str] = {one.name: one.metadata["purpose"] for one in fields(Settings)}
_PARSERS: dict[str, Callable[[str], Any]] = {
    one.name: one.metadata["parse"] for one in fields(Settings)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedSettings:
    """`origins` names for each setting the flag, variable, context or default it comes from."""

    settings: Settings
    origins: Mapping[str, str]
    context: str
    context_is_implicit: bool
    config_file: Path
    config_file_exists: bool


def environment_name(setting: str) -> str:
    return ENVIRONMENT_PREFIX + setting.upper()


def resolve(
    flags: Mapping[str, str | None],
    environ: Mapping[str, str] = os.environ,
    *,
    config: Path | None = None,
    context: str | None = None,
) -> ResolvedSettings:
    """The settings in force; BadConfigurationError names the source of a wrong value."""
    explicit = config or (Path(environ["JOBCTL_CONFIG"]) if environ.get("JOBCTL_CONFIG") else None)
    path = explicit or _default_config_file(environ)
    document = read_config_file(path, required=explicit is not None)
    wanted = context or environ.get("JOBCTL_CONTEXT")
    name, of_context = select_context(document, path, wanted, known_settings=PURPOSES)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if context == LOCAL_CONTEXT and not of_context:
        # Chosen by name, the embedded store is not overruled by the environment.
        environ = {key: value for key, value in environ.items() if key != "JOBCTL_REDIS_URL"}
    for setting, parse in _PARSERS.items():
        text, origin = _lookup(setting, flags, environ, of_context, name)
        origins[setting] = origin
        if text is not None:
            values[setting] = _parsed(setting, text, parse, origin, path)
    return ResolvedSettings(
        settings=Settings(**values),
        origins=origins,
        context=name or ("none" if values.get("redis_url") else LOCAL_CONTEXT),
        context_is_implicit=name is None,
        config_file=path,
        config_file_exists=document is not None,
    )


def _lookup(
    setting: str,
    flags: Mapping[str, str | None],
    environ: Mapping[str, str],
    of_context: Mapping[str, Any],
    context: str | None,
) -> tuple[str | None, str]:
    flag = flags.get(setting)
    if flag is not None:
        return flag, f"flag --{setting.replace('_', '-')}"
    variable = environment_name(setting)
    if environ.get(variable):
        return environ[variable], f"environment {variable}"
    if setting in of_context:
        return _as_text(of_context[setting]), f"context {context}"
    return None, "default"


def _parsed(
    setting: str, text: str, parse: Callable[[str], Any], origin: str, path: Path
) -> object:
    try:
        return parse(text)
    except InvalidUsageError as error:
        where = f"{origin} in {path}" if origin.startswith("context") else origin
        if origin.startswith("flag"):
            raise InvalidUsageError(f"{where}: {error.message}", hint=error.hint) from error
        raise BadConfigurationError(f"{where}: {setting}: {error.message}") from error


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _default_config_file(environ: Mapping[str, str]) -> Path:
    base = _base_directory(environ, "XDG_CONFIG_HOME", ".config")
    # Without a home there is nothing to read, and nothing that has to be said.
    return (base or Path("/nonexistent")) / "jobctl" / "config.toml"


def default_data_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the embedded store keeps its data unless `local_dir` says otherwise."""
    base = _base_directory(environ, "XDG_DATA_HOME", ".local/share")
    if base is None:
        raise BadConfigurationError(
            "no place for the embedded store: this user has no home directory",
            hint="set redis_url, local_dir or XDG_DATA_HOME",
        )
    return base / "jobctl"


def _base_directory(environ: Mapping[str, str], variable: str, below_home: str) -> Path | None:
    """As the XDG specification has it: what is not absolute does not count."""
    base = Path(environ.get(variable) or "")
    if base.is_absolute():
        return base
    try:
        home = Path(environ["HOME"]) if "HOME" in environ else Path.home()
    except RuntimeError:
        return None
    return home / below_home if home.is_absolute() else None
