"""`jobctl deny`."""

from jobctl.cli.context import Session
from jobctl.cli.deciding import Decided, decide
from jobctl.cli.params import command
from jobctl.cli.refusals import refusals_of
from jobctl.services.deny import DenyJobs
from jobctl.services.deny import deny as deny_jobs
from jobctl.services.operations import OperationList

EXAMPLES = """jobctl deny 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10 --reason 'grades of named students'
jobctl deny --token-file - -F reason.txt < token.txt
jobctl list --status awaiting_approval --type form -o id | jobctl deny - -F reason.txt"""


@command
def deny(session: Session, options: Decided) -> OperationList:
    """End jobs that await a decision, with their documents.

    The decision is recorded first, in one step. Then exactly the job's own documents, page
    images and debug files are deleted; where that fails, the job stays marked, the exit code is
    3, and the same command again finishes it.
    """
    bulk, deciding = decide(options, session, "deny")
    request = DenyJobs(bulk=bulk, deciding=deciding, ttl=session.ttl)
    return deny_jobs(
        request,
        jobs=session.jobs,
        documents=session.documents,
        refusals=refusals_of(session, deciding.reason),
    )
