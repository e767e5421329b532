"""Job records: hash fields as the services store them ⇄ `Job`.

Decoding never fails: what cannot be read is left out and named in `Job.problems`. Encoding
refuses None, which would be stored as the text "None".
"""

import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from jobctl.domain.job import Decision, Job, PiiFindings, Secret
from jobctl.domain.moments import format_stored, parse_timestamp
from jobctl.domain.redaction import NOTHING_TO_MASK, Redactor, is_secret_name, redactor_for
from jobctl.domain.status import CANCELLED_MESSAGE, JobStatus, parse_status

# What is deeper is no record of ours, and would exhaust the stack of whoever walks it.
_DEEPEST = 64
_WITHHOLD = Redactor({}, withhold=True)


def encode_field(name: str, value: object) -> str:
    """*value* as the services store it: ISO 8601, JSON for containers, "true" for a flag."""
    if value is None:
        raise ValueError(f"field {name} has no value to store")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return format_stored(value)
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value)
    return str(value)


def encode(values: Mapping[str, object]) -> dict[str, str]:
    return {name: encode_field(name, value) for name, value in values.items()}


def unreadable(values: Mapping[str, object]) -> tuple[str, ...]:
    """The problems that `decode` would name for *values*; the values are not repeated."""
    problems = []
    for name, raw in encode(values).items():
        try:
            if name in _PARSED:
                _PARSED[name][1](raw)
        except _ReadError as error:
            problems.append(f"{name} {error}")
    if "pii_findings" in values:
        _findings(encode(values), problems)
    return tuple(problems)


class _ReadError(ValueError):
    """Why a stored value cannot be read; the text never repeats the value."""


def _moment(raw: str) -> datetime:
    moment = parse_timestamp(raw)
    if moment is None:
        raise _ReadError("is not an ISO 8601 timestamp with a time zone")
    return moment


def _integer(raw: str) -> int:
    try:
        return int(raw)
    except ValueError as error:
        raise _ReadError("is not a whole number") from error


def _number(raw: str) -> float:
    try:
        number = float(raw)
    except ValueError as error:
        raise _ReadError("is not a number") from error
    if not math.isfinite(number):
        raise _ReadError("is not a finite number")
    return number


def _json(raw: str) -> Any:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _ReadError("is not JSON") from error
    if raw.count("[") + raw.count("{") > _DEEPEST and _is_deeper(value, _DEEPEST):
        raise _ReadError("is nested too deeply")
    return value


def _is_deeper(value: object, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(level)


def _flag(raw: str) -> bool:
    return raw.strip().lower() in {"true", "1", "yes"}


def _languages(raw: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def _text(raw: str) -> str:
    return raw


# Stored name → (attribute, parser). What may hold PII stands in the sets below instead.
_PLAIN: dict[str, tuple[str, Callable[[str], Any]]] = {
    "s3_key": ("s3_key", _text),
    "document_type": ("document_type", _text),
    "job_type": ("document_type", _text),
    "priority": ("priority", str.upper),
    "created_at": ("created_at", _moment),
    "updated_at": ("updated_at", _moment),
    "started_at": ("started_at", _moment),
    "completed_at": ("completed_at", _moment),
    "approved_at": ("approved_at", _moment),
    "denied_at": ("denied_at", _moment),
    "cancelled_at": ("cancelled_at", _moment),
    "approval_expires_at": ("approval_expires_at", _moment),
    "approval_token": ("approval_token", Secret),
    "pii_skipped": ("pii_skipped", _flag),
    "debug_bundle_requested": ("debug_bundle_requested", _flag),
    "review_mode": ("review_mode", _text),
    "max_rounds": ("max_rounds", _integer),
    "ocr_languages": ("ocr_languages", _languages),
    "processing_phase": ("processing_phase", _text),
    "percentage": ("percentage", _number),
    "file_size": ("file_size", _integer),
    "total_pages": ("total_pages", _integer),
    "total_rows": ("total_rows", _integer),
    "processed_rows": ("processed_rows", _integer),
    "successful_rows": ("successful_rows", _integer),
    "failed_rows": ("failed_rows", _integer),
    "estimated_duration": ("estimated_duration", _number),
    "result_url": ("result_url", _text),
    "confidence_score": ("confidence_score", _number),
    "user_id": ("user_id", _text),
    "organization_id": ("organization_id", _text),
    "created_by": ("created_by", _text),
    "celery_task_id": ("celery_task_id", _text),
    "cleanup_state": ("cleanup_state", _text),
    "jobctl_op": ("last_op", _text),
    "jobctl_request": ("request_digest", _text),
}
_FREE_TEXT = frozenset(
    {"original_filename", "document_name", "pii_skip_reason", "summary", "cancel_reason"}
)
_FREE_JSON = frozenset(
    {
        "error_details",
        "metadata",
        "correction_results",
        "page_image_keys",
        "verification_summary",
    }
)
_DECISIONS = frozenset({"approval_decision", "denial_decision"})
_ELSEWHERE = frozenset({"job_id", "status", "pii_findings", "error", "error_message"})
_PARSED = _PLAIN | {name: (name, _json) for name in _FREE_JSON | _DECISIONS}
KNOWN_FIELDS = frozenset({*_PARSED, *_FREE_TEXT, *_ELSEWHERE})


def decode(job_id: str, stored: Mapping[str, str]) -> Job:
    """The job under the key of *job_id*, PII masked (see `redaction`)."""
    problems: list[str] = []
    findings, redactor = _findings(stored, problems)
    values: dict[str, Any] = {}
    extra: dict[str, str] = {}
    for name, raw in stored.items():
        if name in _PARSED:
            attribute, parse = _PARSED[name]
            try:
                if raw:
                    values[attribute] = parse(raw)
            except _ReadError as error:
                problems.append(f"{name} {error}")
        elif name in _FREE_TEXT:
            values[name] = redactor.text(raw)
        elif name not in _ELSEWHERE:
            extra[name] = "[redacted]" if is_secret_name(name) else redactor.text(raw)
    for name in _FREE_JSON & values.keys():
        values[name] = redactor.value(values[name])
    for name in _DECISIONS & values.keys():
        values[name] = _decision(values[name], redactor)
    _check_id(job_id, stored, problems)
    return Job(
        id=job_id,
        status=_meaning(stored, problems),
        raw_status=stored.get("status"),
        error=_error(stored, redactor),
        pii=findings,
        extra=extra,
        problems=tuple(problems),
        **values,
    )


def _findings(
    stored: Mapping[str, str], problems: list[str]
) -> tuple[PiiFindings | None, Redactor]:
    raw = stored.get("pii_findings")
    token = stored.get("approval_token")
    if not raw:
        return None, redactor_for((), [token]) if token else NOTHING_TO_MASK
    try:
        found = _json(raw)
    except _ReadError:
        found = None
    if not isinstance(found, list) or not all(map(_is_finding, found)):
        problems.append("pii_findings is not a list of findings")
        count = len(found) if isinstance(found, list) else 0
        return PiiFindings(count=count, entity_types={}, readable=False), _WITHHOLD
    types: dict[str, int] = {}
    for item in found:
        name = str(item.get("entity_type") or "unknown")
        types[name] = types.get(name, 0) + 1
    summary = PiiFindings(count=len(found), entity_types=dict(sorted(types.items())))
    return summary, redactor_for(found, [token] if token else [])


def _is_finding(item: object) -> bool:
    """Whether all that must be masked is where it is looked for."""
    if not isinstance(item, dict) or not isinstance(item.get("text"), str):
        return False
    return isinstance(item.get("entity_type", ""), str)


def _decision(parsed: Any, redactor: Redactor) -> Decision:
    values = parsed if isinstance(parsed, dict) else {}

    def text(name: str) -> str | None:
        value = values.get(name)
        return value if isinstance(value, str) else None

    justification = text("justification")
    return Decision(
        decision=text("decision"),
        justification=None if justification is None else redactor.text(justification),
        reviewed_by=text("reviewed_by"),
        reviewed_at=parse_timestamp(text("reviewed_at")),
    )


def _error(stored: Mapping[str, str], redactor: Redactor) -> str | None:
    """Workers write `error`, services `error_message`: one thing, both kept where they differ."""
    texts = dict.fromkeys(
        text for text in (stored.get("error"), stored.get("error_message")) if text
    )
    return redactor.text("; ".join(texts)) if texts else None


def _meaning(stored: Mapping[str, str], problems: list[str]) -> JobStatus | None:
    raw = stored.get("status")
    status = parse_status(raw)
    if not raw:
        problems.append("status is missing")
    elif status is None:
        problems.append("status is not one that jobctl knows")
    messages = (stored.get("error_message"), stored.get("error"), stored.get("summary"))
    if status is JobStatus.FAILED and (stored.get("cancelled_at") or CANCELLED_MESSAGE in messages):
        return JobStatus.CANCELLED
    return status


def _check_id(job_id: str, stored: Mapping[str, str], problems: list[str]) -> None:
    if "job_id" not in stored:
        problems.append("job_id is missing")
    elif stored["job_id"] != job_id:
        problems.append("job_id is not the one in the key")
    problems.extend(
        f"{name} is missing" for name in ("created_at", "updated_at") if not stored.get(name)
    )
