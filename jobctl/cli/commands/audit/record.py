"""`jobctl audit record`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.job_ids import whole_ids
from jobctl.cli.params import DryRun, JobIds, command
from jobctl.cli.parsers import not_blank
from jobctl.cli.typed_texts import check_reason
from jobctl.services.audit_record import JobSnapshotList, RecordJobs, audit_record
from jobctl.services.authors import Author
from jobctl.services.bulk import Bulk

EXAMPLES = """jobctl audit record $ID --reason 'request 2026-17 of the data protection officer'
jobctl list --status denied --since 30d --all -o id | jobctl audit record - --reason 'audit Q1'"""


@command
def record(
    session: Session,
    ids: JobIds,
    reason: Annotated[
        str,
        typer.Option(
            "--reason",
            metavar="TEXT",
            help="Why the record is taken, for the audit trail.",
            parser=not_blank,
        ),
    ],
    dry_run: DryRun = False,
) -> JobSnapshotList:
    """Record what is known of jobs at this moment, for an auditor.

    Status, times, PII findings as counts, whether there is an error (never its text), and the
    last audit record. Taking it is recorded in the trail as audit-record. Of a job that has
    expired or was deleted it says so, and what the trail has last of it.
    """
    session.require_writable(dry_run=dry_run)
    wanted = whole_ids(ids, session.settings)
    request = RecordJobs(
        bulk=Bulk(
            ids=wanted,
            dry_run=dry_run,
            interrupted=session.interruption() if wanted[1:] else lambda: None,
        ),
        author=Author(actor=session.actor, new_op_id=session.new_op_id),
        reason=check_reason(reason),
    )
    return audit_record(request, jobs=session.jobs, audit_log=session.audit_log)
