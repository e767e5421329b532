"""`jobctl token issue`."""

from datetime import timedelta
from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.params import JobId, Reason, command
from jobctl.cli.refusals import refusals_of
from jobctl.cli.tokens import Kind, token_change
from jobctl.domain.identifiers import check_job_id
from jobctl.domain.moments import parse_duration
from jobctl.errors import InvalidUsageError
from jobctl.services.ports import TokenKind
from jobctl.services.tokens import STREAM_LIFETIME, IssuedToken, IssueToken, issue_token

EXAMPLES = """jobctl token issue 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10 > token.txt
jobctl token issue 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10 --extend 4h
jobctl token issue 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10 --kind stream --ttl 1m"""


@command
def issue(
    session: Session,
    id: JobId,  # noqa: A002 - named like its argument
    kind: Kind = TokenKind.APPROVAL.value,
    ttl: Annotated[
        timedelta | None,
        typer.Option(
            "--ttl",
            metavar="DURATION",
            help="How long the token is good; without it the setting approval_timeout, or 5m for "
            "a stream token.",
            parser=parse_duration,
        ),
    ] = None,
    extend: Annotated[
        timedelta | None,
        typer.Option(
            "--extend",
            metavar="DURATION",
            help="Set the deadline so far ahead, and keep the token that reviewers have.",
            parser=parse_duration,
        ),
    ] = None,
    reason: Reason = None,
) -> IssuedToken:
    """Make a token for a job, or renew its deadline.

    A new approval token makes the one before it void and starts the time for the decision
    again. With --extend the token stays the same, even where it has expired already.
    """
    if ttl is not None and extend is not None:
        raise InvalidUsageError("--ttl and --extend exclude each other")
    usual = STREAM_LIFETIME if kind == TokenKind.STREAM else session.settings.approval_timeout
    request = IssueToken(
        job_id=check_job_id(id, id_format=session.settings.id_format),
        kind=TokenKind(kind),
        change=token_change(session, reason or ""),
        lifetime=ttl or extend or usual,
        ttl=session.ttl,
        extends=extend is not None,
    )
    return issue_token(request, jobs=session.jobs, refusals=refusals_of(session, reason))
