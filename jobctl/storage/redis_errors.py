"""Redis failures in jobctl's terms, told apart by cause.

redis-py reports refused connections, wrong passwords, TLS failures and servers that are still
loading all as ConnectionError, so the class alone says little.
"""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from redis import exceptions

from jobctl.errors import (
    BadConfigurationError,
    JobctlError,
    NotPermittedError,
    RefusedError,
    UnavailableError,
    UnreachableError,
)

_NOT_AUTHENTICATED = (
    "NOAUTH",
    "unauthenticated",
    "WRONGPASS",
    "invalid username-password",
    "invalid password",
)
_CREDENTIALS_HINT = "set redis_username and redis_password_file (jobctl config shows them)"
_WRONG_SLOT = ("CROSSSLOT", "MOVED", "ASK ", "same slot")


@contextmanager
def translated(server: str) -> Iterator[None]:
    """Turn any redis-py error into a JobctlError that names *server* (never its password)."""
    try:
        yield
    except (exceptions.RedisError, exceptions.RedisClusterException) as error:
        raise describe(error, server) from error


def describe(error: Exception, server: str) -> JobctlError:
    """The JobctlError for *error*; its message quotes the server only where it holds no data."""
    if isinstance(
        error,
        exceptions.ConnectionError | exceptions.TimeoutError | exceptions.RedisClusterException,
    ):
        return _connection_failure(error, server)
    # A redirection's text is a slot and an address, without its marker.
    redirected = isinstance(error, exceptions.AskError | exceptions.CrossSlotTransactionError)
    return _refused_command(_WRONG_SLOT[0] if redirected else str(error), server)


def _connection_failure(error: Exception, server: str) -> JobctlError:
    text = str(error)
    if isinstance(error, exceptions.AuthenticationError) or _mentions(text, _NOT_AUTHENTICATED):
        return NotPermittedError(
            f"Redis at {server} refused the credentials",
            hint=_CREDENTIALS_HINT,
        )
    if isinstance(error, exceptions.BusyLoadingError) or "LOADING" in text:
        return UnreachableError(
            f"Redis at {server} is still loading its data", hint="try again in a moment"
        )
    if _is_tls(error):
        return NotPermittedError(
            f"no trusted TLS connection to Redis at {server}",
            hint="check the certificate, its host name, and ssl_ca_certs in redis_url",
        )
    if "No master found" in text:
        return UnreachableError(
            f"the sentinels of {server} know no primary of that name, or cannot be reached",
            hint="check the service name in redis_url",
        )
    if isinstance(error, exceptions.TimeoutError) or "imeout" in text:
        return UnreachableError(
            f"Redis at {server} did not answer in time", hint="jobctl doctor tells what answers"
        )
    return UnreachableError(
        f"cannot connect to Redis at {server}",
        hint="check that it runs there, and the setting redis_url (jobctl config shows it)",
    )


# Markers in the server's reply → exception, message and remedy. The first match counts.
_REFUSALS: tuple[tuple[tuple[str, ...], type[JobctlError], str, str], ...] = (
    (
        _NOT_AUTHENTICATED,
        NotPermittedError,
        "Redis at {server} asks for credentials",
        _CREDENTIALS_HINT,
    ),
    (
        ("NOPERM", "user executing the script", "no permissions to", "No permissions to"),
        NotPermittedError,
        "the Redis user may not {command} at {server}; nothing was changed",
        "jobctl doctor lists the permissions that jobctl needs",
    ),
    (
        ("OOM", "when used memory >"),
        UnavailableError,
        "Redis at {server} is out of memory; nothing was changed",
        "raise maxmemory or free some memory, then run the command again",
    ),
    (
        _WRONG_SLOT,
        BadConfigurationError,
        "Redis at {server} is a cluster and the namespace spans several slots",
        "use redis+cluster:// and a namespace with a hash tag, such as {{eq-pdf}}",
    ),
    (
        ("equal or smaller than the target stream top item",),
        RefusedError,
        "the audit trail was truncated: its next entry number is already used up",
        "find out who trimmed it before anything is changed",
    ),
    (
        (
            "READONLY",
            "read only replica",
            "NOREPLICAS",
            "Not enough good replicas",
            "MISCONF",
            "Errors writing to the AOF",
            "unable to persist",
        ),
        UnavailableError,
        "Redis at {server} takes no writes: {words}",
        "connect to the primary, or mend its persistence",
    ),
)


def _refused_command(text: str, server: str) -> JobctlError:
    if "WRONGTYPE" in text:
        return wrong_type(server)
    for markers, kind, message, hint in _REFUSALS:
        if _mentions(text, markers):
            named = {"server": server, "words": _first_words(text), "command": _command(text)}
            return kind(message.format(**named), hint=hint.format())
    return UnavailableError(
        f"Redis at {server} refused a command: {_first_words(text)}",
        hint="jobctl doctor tells what the server supports",
    )


def wrong_type(server: str, key: str | None = None, found: str | None = None) -> JobctlError:
    """A key of the namespace holds another type: it belongs to something else."""
    kind = f"a {found}" if found else "of a wrong type"
    what = f"key {key} at {server} is {kind}" if key else f"a key at {server} is {kind}"
    return UnavailableError(
        f"{what}, not what a job store has there; nothing was changed",
        hint="check the settings namespace and index_key, or move that key away",
    )


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) or any(
            sign in str(error) for sign in ("SSL", "_ssl", "certificate")
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def _mentions(text: str, markers: tuple[str, ...]) -> bool:
    return any(marker in text for marker in markers)


def _command(text: str) -> str:
    """What was not permitted: a command by its name, or a key by its pattern being out of reach."""
    named = re.search(r"'([\w|]+)' command", text)
    return f"run {named[1].upper()}" if named else "do this, or reach a key of the namespace,"


def _first_words(text: str) -> str:
    """The server's own words without what follows a quote: arguments may hold data."""
    text = re.sub(r"^Command # \d+ \(.*?\) of pipeline caused error: ", "", text)
    # An apostrophe within a word is no quote.
    return re.split(r"(?<!\w)'|\"", text, maxsplit=1)[0].strip(" :")[:120] or "no reason given"
