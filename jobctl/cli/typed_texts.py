"""Texts that may not stand on a command line, or are too long for it: tokens and reasons.

Tokens come from a file, standard input or a prompt: every user can read command lines.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from jobctl.cli.confirmation import can_prompt
from jobctl.domain.job import Secret
from jobctl.domain.limits import REASON_LIMIT
from jobctl.errors import InvalidUsageError, NotFoundError, NotPermittedError

_LONGEST_TOKEN = 512


def read_token(file: str | None) -> Secret:
    """The token in *file* (`-`: on standard input); without one it is asked for."""
    text = _prompted() if file is None else _content(file, "the token").strip()
    if not text or len(text) > _LONGEST_TOKEN or not text.isprintable() or " " in text:
        raise InvalidUsageError(
            "what was given is no token", hint="a token is one line without blanks"
        )
    return Secret(text)


def read_reason(text: str | None, file: str | None, *, shortest: int) -> str:
    """The reason from its option or from *file*, checked for its length in characters."""
    if text is not None and file is not None:
        raise InvalidUsageError("--reason and --reason-file exclude each other")
    if text is None and file is None:
        raise InvalidUsageError(
            "a decision needs a reason", hint="--reason TEXT, or -F FILE with the text in it"
        )
    reason = (text if file is None else _content(file, file)) or ""
    return check_reason(reason.strip(), shortest=shortest)


def check_reason(reason: str, *, shortest: int = 0) -> str:
    if not shortest <= len(reason) <= REASON_LIMIT:
        short = len(reason) < shortest
        raise InvalidUsageError(
            f"the reason has {len(reason)} characters; it needs {shortest} to {REASON_LIMIT}",
            hint="the setting min_reason_length says how short it may be" if short else None,
        )
    return reason


def share_stdin(*sources: str | None, ids: Sequence[str] | None = None) -> None:
    """Standard input can be read once."""
    if [*sources, *dict.fromkeys(ids or ())].count("-") > 1:
        raise InvalidUsageError(
            "standard input is asked for more than one thing", hint="put one of them into a file"
        )


def _prompted() -> str:
    if not can_prompt():
        raise InvalidUsageError(
            "no token was given, and there is no terminal to ask at",
            hint="--token-file FILE, or --token-file - with the token on standard input",
        )
    from getpass import getpass

    try:
        return getpass("Token: ").strip()
    except EOFError:
        return ""


def _content(file: str, name: str) -> str:
    """The text in *file*, called *name* in messages: a token given in its place is not repeated."""
    if not file.strip():
        raise InvalidUsageError(f"no file is named for {name or 'the reason'}")
    try:
        return _piped_in() if file == "-" else Path(file).read_text("utf-8")
    except PermissionError as error:
        raise NotPermittedError(f"this user may not read {name}") from error
    except OSError as error:
        raise NotFoundError(
            f"cannot read {name}: {error.strerror}", hint="check the path"
        ) from error
    except UnicodeDecodeError:
        # `from None`: the error quotes the contents.
        what = "standard input" if file == "-" else name
        raise InvalidUsageError(f"{what} is not text in UTF-8") from None


def _piped_in() -> str:
    """In UTF-8 like every file, whatever the locale makes of standard input."""
    if sys.stdin is None:
        raise InvalidUsageError("standard input is closed", hint="name a file")
    return sys.stdin.buffer.read().decode("utf-8").replace("\r\n", "\n")
