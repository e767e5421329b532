"""`jobctl token revoke`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.params import Reason, command
from jobctl.cli.refusals import refusals_of
from jobctl.cli.tokens import Kind, TokenFile, given_token, token_change
from jobctl.domain.identifiers import check_job_id
from jobctl.errors import InvalidUsageError
from jobctl.services.operations import OperationList
from jobctl.services.ports import TokenKind
from jobctl.services.tokens import revoke_token, revoke_tokens_of

EXAMPLES = """jobctl token revoke 3f2c9a41-77a6-4c0b-9a53-2f5b7c1f6d10 --reason 'sent elsewhere'
jobctl token revoke --kind stream --token-file token.txt"""


@command
def revoke(
    session: Session,
    id: Annotated[  # noqa: A002 - named like its argument
        str | None,
        typer.Argument(metavar="ID", help="The job whose approval token is void from now on."),
    ] = None,
    token_file: TokenFile = None,
    kind: Kind = TokenKind.APPROVAL.value,
    reason: Reason = None,
) -> OperationList:
    """Make a token void.

    The deadline of an approval stays: the job can still be decided on by its id, and times out.
    """
    change = token_change(session, reason or "")
    if id is None:
        token = given_token(token_file, kind)
        return revoke_token(token, change, jobs=session.jobs, refusals=refusals_of(session, reason))
    if token_file is not None or kind == TokenKind.STREAM:
        raise InvalidUsageError(
            "a job's id stands for its approval token alone",
            hint="a stream token is revoked by --kind stream --token-file FILE",
        )
    job_id = check_job_id(id, id_format=session.settings.id_format)
    return revoke_tokens_of(
        job_id, change, jobs=session.jobs, refusals=refusals_of(session, reason)
    )
