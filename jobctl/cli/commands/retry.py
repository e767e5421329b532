"""`jobctl retry`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.params import Reason, command
from jobctl.cli.refusals import refusals_of
from jobctl.cli.selection import Selection, choose
from jobctl.cli.typed_texts import check_reason
from jobctl.domain.status import JobStatus
from jobctl.services.operations import OperationList
from jobctl.services.retry import RetryJobs
from jobctl.services.retry import retry as retry_jobs

EXAMPLES = """jobctl retry 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10
jobctl retry --status failed --since 1d --reason 'the OCR service was down' --yes"""

_USUAL = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})


@command
def retry(
    session: Session,
    options: Selection,
    reason: Reason = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not ask whether the document is still there.")
    ] = False,
) -> OperationList:
    """Queue jobs again that failed or were cancelled.

    They begin anew, scan and approval included. The attempt is counted; what became of the
    earlier ones is kept in the record.
    """
    check_reason(reason or "")
    request = RetryJobs(
        bulk=choose(options, session, verb="retry", usual=_USUAL),
        actor=session.actor,
        new_op_id=session.new_op_id,
        ttl=session.ttl,
        reason=reason or "",
        verify=not no_verify,
    )
    return retry_jobs(
        request,
        jobs=session.jobs,
        documents=session.documents,
        refusals=refusals_of(session, reason),
    )
