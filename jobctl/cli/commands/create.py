"""`jobctl create`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.documents import open_document
from jobctl.cli.job_ids import id_for_new_job
from jobctl.cli.params import DryRun, command
from jobctl.cli.parsers import (
    comma_separated,
    key_value,
    not_blank,
    one_of,
    priority_name,
    status_name,
    whole_number,
)
from jobctl.domain.priority import Priority
from jobctl.domain.status import JobStatus
from jobctl.errors import InvalidUsageError
from jobctl.services.create import INITIAL_STATUSES, CreateJob, CreationPolicy
from jobctl.services.create import create as create_job
from jobctl.services.operations import CreatedJob

EXAMPLES = """jobctl create report.pdf --type syllabus --priority HIGH
pandoc notes.md -o - -t pdf | jobctl create - --name notes.pdf
jobctl create --s3-key temp/upload-17.pdf --id 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10
jobctl create scan.pdf --idempotency-key "$CI_PIPELINE_ID" -o json"""


@command
def create(
    session: Session,
    file: Annotated[
        str | None,
        typer.Argument(metavar="FILE", help="The document; - reads standard input."),
    ] = None,
    s3_key: Annotated[
        str | None,
        typer.Option("--s3-key", metavar="KEY", help="An object that is in the bucket already."),
    ] = None,
    job_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="The job's id; without it a new UUID."),
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            "--idempotency-key",
            metavar="TEXT",
            help="Derive the id from TEXT, so that a repeated call makes no second job.",
            parser=not_blank,
        ),
    ] = None,
    status: Annotated[
        JobStatus,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="queued, pii_scanning, awaiting_approval (issues a token and a deadline) or "
            "processing_queued (with --skip-pii).",
            parser=status_name,
        ),
    ] = JobStatus.QUEUED,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="The document's name.", parser=not_blank),
    ] = None,
    type: Annotated[  # noqa: A002 - named like its option
        str | None,
        typer.Option("--type", metavar="TYPE", help="The document's type.", parser=not_blank),
    ] = None,
    priority: Annotated[
        Priority | None,
        typer.Option(
            "--priority",
            metavar="PRIORITY",
            help="LOW, NORMAL, HIGH or URGENT.",
            parser=priority_name,
        ),
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="USER", help="Whose job it is.", parser=not_blank),
    ] = None,
    org: Annotated[
        str | None,
        typer.Option("--org", metavar="ORG", help="Whose organization's it is.", parser=not_blank),
    ] = None,
    review_mode: Annotated[
        str | None,
        typer.Option(
            "--review-mode", metavar="MODE", help="auto or human.", parser=one_of("auto", "human")
        ),
    ] = None,
    max_rounds: Annotated[
        int,
        typer.Option(
            "--max-rounds",
            metavar="N",
            help="Rounds of refinement, 1 to 5.",
            parser=whole_number(1, 5),
        ),
    ] = 1,
    ocr_language: Annotated[
        list[str] | None,
        typer.Option("--ocr-language", metavar="CODE,…", help="Tesseract language codes."),
    ] = None,
    skip_pii: Annotated[
        str | None,
        typer.Option(
            "--skip-pii", metavar="REASON", help="Skip the PII scan, and say why.", parser=not_blank
        ),
    ] = None,
    debug_bundle: Annotated[
        bool, typer.Option("--debug-bundle", help="Ask the workers for a debug bundle.")
    ] = False,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", metavar="NAME=VALUE", help="An entry of the job's metadata."),
    ] = None,
    dry_run: DryRun = False,
) -> CreatedJob:
    """Upload a document and make its job.

    Prints the job's id. The document is uploaded first and its record written second; when the
    record fails, the upload is removed. The same request again changes nothing.
    """
    session.require_writable(dry_run=dry_run)
    if status not in INITIAL_STATUSES:
        raise InvalidUsageError(
            f"--status: a new job cannot be {status}", hint="one of " + ", ".join(INITIAL_STATUSES)
        )
    if status is JobStatus.PROCESSING_QUEUED and skip_pii is None:
        raise InvalidUsageError(
            "--status processing_queued passes over the PII scan", hint="say why: --skip-pii REASON"
        )
    fields = {
        "document_name": name,
        "document_type": type,
        "priority": priority,
        "user_id": user,
        "organization_id": org,
        "review_mode": review_mode,
        "max_rounds": max_rounds,
        "ocr_languages": ",".join(comma_separated(ocr_language)),
        "pii_skipped": True if skip_pii is not None else None,
        "pii_skip_reason": skip_pii,
        "debug_bundle_requested": debug_bundle or None,
        "metadata": dict(key_value(text) for text in metadata or ()) or None,
    }
    with open_document(file, s3_key=s3_key, name=name) as document:
        request = CreateJob(
            job_id=id_for_new_job(job_id, idempotency_key, session.settings),
            document=document,
            status=status,
            actor=session.actor,
            op_id=session.new_op_id(),
            fields={field: value for field, value in fields.items() if value},
            dry_run=dry_run,
        )
        policy = CreationPolicy(
            documents_bucket=session.settings.documents_bucket,
            ttl=session.ttl,
            approval_timeout=session.settings.approval_timeout,
            pushes_to_queue=session.settings.handoff == "queue",
        )
        return create_job(request, jobs=session.jobs, objects=session.objects, policy=policy)
