"""The option of a list that goes on where the one before it ended."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.parsers import path_name

if TYPE_CHECKING:
    from jobctl.storage.checkpoint_file import CheckpointFile

Checkpoint = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Only what came since the run that wrote FILE, oldest first; then replace FILE.",
        parser=path_name,
    ),
]


def checkpoint_file(path: Path, session: Session) -> "CheckpointFile":
    """Held by *session* from now on; LockedError where another run has it."""
    from jobctl.storage.checkpoint_file import CheckpointFile

    return session.closing(CheckpointFile(path, namespace=session.settings.namespace))
