"""Job ids: what a valid one looks like, checked before any input or output."""

import re
from typing import Literal

from jobctl.errors import InvalidUsageError

IdFormat = Literal["any", "uuid"]

SHORTEST_PREFIX = 8
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_ANY_UUID = "00000000-0000-0000-0000-000000000000"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def is_job_id(text: str) -> bool:
    """Whether keys may be built of *text*: another one could name what is somebody else's."""
    return _ID.fullmatch(text) is not None and ".." not in text


def check_job_id(text: str, *, id_format: IdFormat = "any") -> str:
    """*text* itself when it is a job id; InvalidUsageError otherwise.

    `urn:uuid:` and braced forms are not UUIDs here: they name other keys.
    """
    if not is_job_id(text):
        raise InvalidUsageError(
            f"malformed job id: {text[:140]!r}",
            hint="an id is 1 to 128 letters, digits, or . _ : - without .. in it, "
            "and starts with a letter or digit",
        )
    if id_format == "uuid" and not is_uuid(text):
        raise InvalidUsageError(
            f"malformed job id: {text!r} is not a UUID",
            hint="the setting id_format = uuid admits UUIDs alone",
        )
    return text


def check_id_or_prefix(text: str, *, id_format: IdFormat = "any") -> str:
    """Like check_job_id, but a prefix of a UUID passes too (reading commands take prefixes)."""
    begins_uuid = is_prefix(text) and is_uuid(text + _ANY_UUID[len(text) :])
    return check_job_id(text, id_format="any" if begins_uuid else id_format)


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def is_prefix(text: str) -> bool:
    """Whether *text* is long enough to stand for the one id that it begins."""
    return len(text) >= SHORTEST_PREFIX
