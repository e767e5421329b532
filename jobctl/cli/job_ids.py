"""Job ids as they are given: as arguments, a line each on standard input, or to be made."""

import sys
from collections.abc import Iterator, Sequence

from jobctl.domain.identifiers import check_id_or_prefix, check_job_id
from jobctl.errors import InvalidUsageError
from jobctl.settings import Settings

_SUMMARY = "CleanupSummary"  # the last line of `cleanup -o jsonl` is about no job
# The UUID namespace of ids that are derived from an idempotency key. It never changes.
_IDEMPOTENCY = "6e1f7c1c-8a0e-5d0b-9b7e-5b1d3c6a2f40"


def whole_ids(texts: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """Whole job ids from the arguments, `-` standing for a line each on standard input."""
    return tuple(check_job_id(one, id_format=settings.id_format) for one in _each(texts))


def ids_or_prefixes(texts: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """As whole_ids, for commands that only read: prefixes pass."""
    return tuple(check_id_or_prefix(one, id_format=settings.id_format) for one in _each(texts))


def id_for_new_job(given: str | None, idempotency_key: str | None, settings: Settings) -> str:
    """*given*, or a UUID: a random one, or the one that the key always leads to."""
    import uuid

    if given is not None and idempotency_key is not None:
        raise InvalidUsageError("--id and --idempotency-key exclude each other")
    if given is not None:
        return check_job_id(given, id_format=settings.id_format)
    if idempotency_key is not None:
        return str(uuid.uuid5(uuid.UUID(_IDEMPOTENCY), f"{settings.namespace}:{idempotency_key}"))
    return str(uuid.uuid4())


def _each(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        if text == "-":
            yield from _on_stdin()
        else:
            yield text


def _on_stdin() -> Iterator[str]:
    """A line an id, or a JSON object a line with `id`; blank lines do not count."""
    if sys.stdin is None:
        raise InvalidUsageError("standard input is closed", hint="name the ids, or pipe them in")
    number = 0
    try:
        for number, line in enumerate(sys.stdin, start=1):
            text = line.strip()
            if text.startswith("{"):
                text = _id_of(text, number)
            if text:
                yield text
    except UnicodeDecodeError:
        raise InvalidUsageError(
            f"standard input is not text in UTF-8 behind line {number}"
        ) from None


def _id_of(text: str, number: int) -> str:
    import json

    try:
        document = json.loads(text)
        if document.get("kind") == _SUMMARY:
            return ""
        found = document["id"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        found = None
    if not isinstance(found, str) or not found:
        raise InvalidUsageError(f"line {number} of standard input has no id")
    return found
