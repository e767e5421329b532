"""Job records: hash fields as the services store them ⇄ `Job`.

Decoding never fails: what cannot be read is left out and named in `Job.problems`. Encoding
refuses None, which would be stored as the text "None".
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from jobctl.domain.job import Decision, Job, PiiFindings, Secret
from jobctl.domain.moments import format_stored, parse_timestamp
from jobctl.domain.redaction import NOTHING_TO_MASK, Redactor, is_secret_name, redactor_for
from jobctl.domain.status import JobStatus, parse_status
from jobctl.storage.brief_records import MEANING, meaning
from jobctl.storage.stored_values import (
    ReadError,
    read_attempt,
    read_attempts,
    read_flag,
    read_integer,
    read_json,
    read_languages,
    read_moment,
    read_number,
    read_text,
)

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
        except ReadError as error:
            problems.append(f"{name} {error}")
    if "pii_findings" in values:
        _findings(encode(values), problems)
    return tuple(problems)


# Stored name → (attribute, parser). What may hold PII stands in the sets below instead.
_PLAIN: dict[str, tuple[str, Callable[[str], Any]]] = {
    "s3_key": ("s3_key", read_text),
    "document_type": ("document_type", read_text),
    "job_type": ("document_type", read_text),
    "priority": ("priority", str.upper),
    "created_at": ("created_at", read_moment),
    "updated_at": ("updated_at", read_moment),
    "started_at": ("started_at", read_moment),
    "completed_at": ("completed_at", read_moment),
    "approved_at": ("approved_at", read_moment),
    "denied_at": ("denied_at", read_moment),
    "cancelled_at": ("cancelled_at", read_moment),
    "approval_expires_at": ("approval_expires_at", read_moment),
    "approval_token": ("approval_token", Secret),
    "pii_skipped": ("pii_skipped", read_flag),
    "debug_bundle_requested": ("debug_bundle_requested", read_flag),
    "review_mode": ("review_mode", read_text),
    "max_rounds": ("max_rounds", read_integer),
    "ocr_languages": ("ocr_languages", read_languages),
    "processing_phase": ("processing_phase", read_text),
    "percentage": ("percentage", read_number),
    "file_size": ("file_size", read_integer),
    "total_pages": ("total_pages", read_integer),
    "total_rows": ("total_rows", read_integer),
    "processed_rows": ("processed_rows", read_integer),
    "successful_rows": ("successful_rows", read_integer),
    "failed_rows": ("failed_rows", read_integer),
    "estimated_duration": ("estimated_duration", read_number),
    "result_url": ("result_url", read_text),
    "confidence_score": ("confidence_score", read_number),
    "user_id": ("user_id", read_text),
    "organization_id": ("organization_id", read_text),
    "created_by": ("created_by", read_text),
    "celery_task_id": ("celery_task_id", read_text),
    "cleanup_stamp": ("cleanup_stamp", read_text),
    "cleanup_state": ("cleanup_state", read_text),
    "attempt": ("attempt", read_attempt),
    "jobctl_op": ("last_op", read_text),
    "jobctl_request": ("request_digest", read_text),
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
# Lists of free text: masked like it.
_HISTORY = "attempts"
_DECISIONS = frozenset({"approval_decision", "denial_decision"})
_ELSEWHERE = frozenset({"job_id", "status", "pii_findings", "error", "error_message"})
_PARSED = (
    _PLAIN
    | {name: (name, read_json) for name in _FREE_JSON | _DECISIONS}
    | {_HISTORY: (_HISTORY, read_attempts)}
)
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
            except ReadError as error:
                problems.append(f"{name} {error}")
        elif name in _FREE_TEXT:
            values[name] = redactor.text(raw)
        elif name not in _ELSEWHERE:
            extra[name] = "[redacted]" if is_secret_name(name) else redactor.text(raw)
    for name in _FREE_JSON & values.keys():
        values[name] = redactor.value(values[name])
    if _HISTORY in values:
        values[_HISTORY] = tuple(_attempt(one, redactor) for one in values[_HISTORY])
    for name in _DECISIONS & values.keys():
        values[name] = _decision(values[name], redactor)
    _check_id(job_id, stored, problems)
    return Job(
        id=job_id,
        status=_meaning(stored, problems),
        raw_status=stored.get("status"),
        stamp=stored.get("updated_at"),
        error=_error(stored, redactor),
        pii=findings,
        extra=extra,
        problems=tuple(problems),
        redactor=redactor,
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
        found = read_json(raw)
    except ReadError:
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


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and parse_timestamp(value) is not None


# Of what is kept of an attempt: whether a value is one that came out of no document.
_OF_AN_ATTEMPT: dict[str, Callable[[Any], bool]] = {
    "attempt": lambda value: isinstance(value, int),
    "status": lambda value: isinstance(value, str) and parse_status(value) is not None,
    "approved_by": lambda value: isinstance(value, str),
    "started_at": _is_moment,
    "approved_at": _is_moment,
    "ended_at": _is_moment,
    "error": lambda _: False,
    "cancel_reason": lambda _: False,
}


def _attempt(kept: Any, redactor: Redactor) -> Any:
    """*kept* with its texts masked and nothing else: every retry writes the history anew, and
    would wear it down."""
    if not isinstance(kept, dict):
        return redactor.value(kept)
    known = {
        name: value if _OF_AN_ATTEMPT[name](value) else redactor.value(value)
        for name, value in kept.items()
        if name in _OF_AN_ATTEMPT
    }
    others = {name: value for name, value in kept.items() if name not in _OF_AN_ATTEMPT}
    return known | redactor.value(others)


def _error(stored: Mapping[str, str], redactor: Redactor) -> str | None:
    """Workers write `error`, services `error_message`: one thing, both kept where they differ."""
    texts = dict.fromkeys(
        text for text in (stored.get("error"), stored.get("error_message")) if text
    )
    return redactor.text("; ".join(texts)) if texts else None


def _meaning(stored: Mapping[str, str], problems: list[str]) -> JobStatus | None:
    raw = stored.get("status")
    if not raw:
        problems.append("status is missing")
    elif parse_status(raw) is None:
        problems.append("status is not one that jobctl knows")
    return meaning(*map(stored.get, MEANING))


def _check_id(job_id: str, stored: Mapping[str, str], problems: list[str]) -> None:
    if "job_id" not in stored:
        problems.append("job_id is missing")
    elif stored["job_id"] != job_id:
        problems.append("job_id is not the one in the key")
    problems.extend(
        f"{name} is missing" for name in ("created_at", "updated_at") if not stored.get(name)
    )
