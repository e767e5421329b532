"""`jobctl cancel`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.params import Reason, command
from jobctl.cli.refusals import refusals_of
from jobctl.cli.selection import Selection, choose
from jobctl.cli.typed_texts import check_reason
from jobctl.domain.status import ACTIVE, JobStatus
from jobctl.services.cancel import CancelJobs
from jobctl.services.cancel import cancel as cancel_jobs
from jobctl.services.operations import OperationList

EXAMPLES = """jobctl cancel 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10 --reason 'uploaded twice'
jobctl cancel --status queued --older 7d --yes
jobctl list --user u-17 --status active -o id | jobctl cancel - --ignore-terminal"""


@command
def cancel(
    session: Session,
    options: Selection,
    reason: Reason = None,
    ignore_terminal: Annotated[
        bool, typer.Option("--ignore-terminal", help="Pass over jobs that have ended already.")
    ] = False,
) -> OperationList:
    """End jobs that are under way.

    Their documents stay, so that they can be retried; deadline, token and queue entries go. The
    setting cancel_status says how a cancelled job is stored.
    """
    check_reason(reason or "")
    request = CancelJobs(
        bulk=choose(options, session, verb="cancel", usual=ACTIVE),
        actor=session.actor,
        new_op_id=session.new_op_id,
        ttl=session.ttl,
        reason=reason or "",
        stored_as=JobStatus.FAILED
        if session.settings.cancel_status == "failed"
        else JobStatus.CANCELLED,
        ignore_terminal=ignore_terminal,
    )
    return cancel_jobs(
        request,
        jobs=session.jobs,
        refusals=refusals_of(session, reason),
    )
