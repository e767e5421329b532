"""Asking first, where there is somebody to ask."""

import sys

from jobctl.errors import RefusedError


def can_prompt() -> bool:
    """Whether there is a terminal to ask at."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> None:
    """RefusedError unless the answer is yes."""
    sys.stderr.write(f"{question}? [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:  # Ctrl-D leaves the cursor behind the question
        sys.stderr.write("\n")
    if answer.strip().lower() not in {"y", "yes"}:
        raise RefusedError("declined; nothing was changed")
