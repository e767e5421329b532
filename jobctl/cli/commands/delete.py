"""`jobctl delete`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.job_ids import whole_ids
from jobctl.cli.params import DryRun, JobIds, Reason, command
from jobctl.cli.refusals import refusals_of
from jobctl.services.delete import DeleteJobs
from jobctl.services.delete import delete as delete_jobs
from jobctl.services.operations import OperationList

EXAMPLES = """jobctl delete 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10 --reason 'asked for by the owner'
jobctl list --status denied --older 3d -o id --all | jobctl delete -"""


@command
def delete(
    session: Session,
    ids: JobIds,
    results: Annotated[bool, typer.Option("--results", help="Delete the results as well.")] = False,
    reason: Reason = None,
    dry_run: DryRun = False,
) -> OperationList:
    """Remove jobs that have ended, with their documents.

    Documents go first, by exact key, and the record last; a failure leaves the job in place,
    and the same command finishes it. Active jobs are refused. A document that was registered
    by --s3-key outside the job's own keys is left alone.
    """
    session.require_writable(dry_run=dry_run)
    request = DeleteJobs(
        ids=whole_ids(ids, session.settings),
        actor=session.actor,
        new_op_id=session.new_op_id,
        reason=reason or "",
        results=results,
        dry_run=dry_run,
    )
    return delete_jobs(
        request,
        jobs=session.jobs,
        documents=session.documents,
        refusals=refusals_of(session, reason),
    )
