"""`jobctl token verify`."""

from jobctl.cli.context import Session
from jobctl.cli.params import command
from jobctl.cli.refusals import refusals_of
from jobctl.cli.tokens import Kind, TokenFile, given_token
from jobctl.services.ports import TokenKind
from jobctl.services.tokens import TokenDetails, verify_token

EXAMPLES = """jobctl token verify --token-file token.txt
jobctl token verify --kind stream --token-file - -o json < token.txt"""


@command
def verify(
    session: Session, token_file: TokenFile = None, kind: Kind = TokenKind.APPROVAL.value
) -> TokenDetails:
    """Tell whose a token is, and whether it is good.

    No job is changed, and a stream token is not used up. One that is not good leaves a record in
    the audit trail.
    """
    return verify_token(
        given_token(token_file, kind), jobs=session.jobs, refusals=refusals_of(session)
    )
