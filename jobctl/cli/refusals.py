"""Whether refused attempts are recorded, and for whom."""

from typing import TYPE_CHECKING

from jobctl.cli.context import Session
from jobctl.errors import BadConfigurationError

if TYPE_CHECKING:
    from jobctl.services.refusals import Refusals


def refusals_of(session: Session, reason: str | None = None) -> "Refusals | None":
    """None where nothing is to be recorded: it is switched off, or this context is read-only."""
    if session.settings.read_only or not session.settings.audit_refusals:
        return None
    from jobctl.services.refusals import Refusals

    try:
        actor = session.actor
    except BadConfigurationError:
        return None  # whoever changes nothing needs no name
    return Refusals(
        actor=actor,
        new_op_id=session.new_op_id,
        jobs=session.jobs,
        reason=reason or "",
    )
