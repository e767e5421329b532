"""The files that plans of a cleanup are kept in: one for the time of the run, one that is saved."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from jobctl.cli.context import Session
from jobctl.cli.replaced_file import replace_file
from jobctl.errors import BadConfigurationError, NotFoundError
from jobctl.services.cleanup_plan import CleanupPlan, read_plan


@contextmanager
def plan_lines(session: Session) -> Iterator[IO[str]]:
    """An empty file for the lines of a plan, whole once this is left; it goes with the session.

    BadConfigurationError where there is none, or no space in it: nothing has been done by then.
    """
    lines: IO[str] | None = None
    try:
        lines = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it lives as long as the plan
        session.closing(lines)
        yield lines
        lines.flush()
    except OSError as error:
        if lines is not None:
            with suppress(OSError):  # what it still holds has no place to go
                lines.close()
        raise BadConfigurationError(
            f"the plan cannot be kept in a temporary file: {error.strerror}; nothing was changed",
            hint="TMPDIR names a directory for it: some 300 bytes for each job that is due",
        ) from error


def saved_plan(path: Path, *, namespace: str, lines: IO[str]) -> CleanupPlan:
    """The plan that `save` has written."""
    try:
        saved = path.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise NotFoundError(
            f"cannot read {path}: {error.strerror}", hint="check the path"
        ) from error
    with saved:
        return read_plan(saved, namespace=namespace, lines=lines)


def save(plan: CleanupPlan, path: Path) -> None:
    """It names documents by their keys, so it is its owner's alone."""
    replace_file(path, plan.save)
