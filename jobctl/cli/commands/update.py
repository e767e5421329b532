"""`jobctl update`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.findings import read_findings
from jobctl.cli.params import DryRun, ExpectStatus, JobId, command
from jobctl.cli.parsers import decimal_number, key_value, status_name
from jobctl.cli.refusals import refusals_of
from jobctl.domain.identifiers import check_job_id
from jobctl.domain.moments import parse_duration
from jobctl.domain.status import JobStatus
from jobctl.services.operations import OperationList
from jobctl.services.update import UpdateJob, UpdatePolicy
from jobctl.services.update import update as update_job

EXAMPLES = """jobctl update $ID --status processing --expect-status processing_queued
jobctl update $ID --percentage 40 --summary 'page 12 of 30'
jobctl update $ID --status completed --result-url s3://results/$ID.md --confidence 0.93
jobctl update $ID --findings findings.json --status awaiting_approval"""


@command
def update(
    session: Session,
    id: JobId,  # noqa: A002 - named like its argument
    status: Annotated[
        JobStatus | None,
        typer.Option("--status", metavar="STATUS", help="The new status.", parser=status_name),
    ] = None,
    expect_status: ExpectStatus = None,
    percentage: Annotated[
        float | None,
        typer.Option(
            "--percentage", metavar="N", help="Progress, 0 to 100.", parser=decimal_number(0, 100)
        ),
    ] = None,
    summary: Annotated[
        str | None, typer.Option("--summary", metavar="TEXT", help="What is being done.")
    ] = None,
    fields: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other stored field."),
    ] = None,
    findings: Annotated[
        Path | None,
        typer.Option(
            "--findings",
            metavar="FILE",
            help="PII findings: a JSON list of {entity_type, start, end, score, text}.",
            parser=Path,
        ),
    ] = None,
    result_url: Annotated[
        str | None, typer.Option("--result-url", metavar="URL", help="Where the result is.")
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(
            "--confidence", metavar="N", help="Confidence, 0 to 1.", parser=decimal_number(0, 1)
        ),
    ] = None,
    ttl: Annotated[
        timedelta | None,
        typer.Option(
            "--ttl",
            metavar="DURATION",
            help="How long the record is kept from now; otherwise as its status has it.",
            parser=parse_duration,
        ),
    ] = None,
    dry_run: DryRun = False,
) -> OperationList:
    """Report what a worker did, as a compare-and-set.

    The status that was read is checked again in the step that changes it. Approving, denying
    and cancelling are decisions and have their own commands.
    """
    session.require_writable(dry_run=dry_run)
    named = {
        "percentage": None if percentage is None else f"{percentage:g}",
        "summary": summary,
        "pii_findings": read_findings(findings) if findings else None,
        "result_url": result_url,
        "confidence_score": None if confidence is None else f"{confidence:g}",
    }
    given: dict[str, object] = {name: one for name, one in named.items() if one is not None}
    request = UpdateJob(
        job_id=check_job_id(id, id_format=session.settings.id_format),
        actor=session.actor,
        op_id=session.new_op_id(),
        status=status,
        expect_status=expect_status,
        fields={**dict(key_value(text) for text in fields or ()), **given},
        ttl=ttl,
        dry_run=dry_run,
    )
    policy = UpdatePolicy(ttl=session.ttl, approval_timeout=session.settings.approval_timeout)
    return update_job(request, jobs=session.jobs, policy=policy, refusals=refusals_of(session))
