"""`jobctl approve`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.deciding import Decided, decide
from jobctl.cli.params import command
from jobctl.cli.refusals import refusals_of
from jobctl.services.approve import ApproveJobs
from jobctl.services.approve import approve as approve_jobs
from jobctl.services.operations import OperationList

EXAMPLES = """jobctl approve 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10 --reason 'names of staff only'
jobctl approve --type syllabus --reason 'course staff, public anyway' --as dean@example.edu
jobctl approve --token-file token.txt -F reason.txt
jobctl list --status awaiting_approval -o id | jobctl approve - -F review.txt -o json"""


@command
def approve(
    session: Session,
    options: Decided,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not ask whether the document is still there.")
    ] = False,
) -> OperationList:
    """Let jobs that await a decision go on to the workers.

    One step takes the decision, the status, the deadline, the token, the queues, the index and
    the audit record along. The same decision again changes nothing and is no error; where it was
    decided otherwise, it is a conflict that names who and when. Where no job is named, the
    approval token is asked for.
    """
    bulk, deciding = decide(options, session, "approve")
    request = ApproveJobs(
        bulk=bulk,
        deciding=deciding,
        ttl=session.ttl,
        verify=not no_verify,
        pushes_to_queue=session.settings.handoff == "queue",
    )
    return approve_jobs(
        request,
        jobs=session.jobs,
        documents=session.documents,
        refusals=refusals_of(session, deciding.reason),
    )
