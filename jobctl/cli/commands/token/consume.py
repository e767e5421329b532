"""`jobctl token consume`."""

from jobctl.cli.context import Session
from jobctl.cli.params import command
from jobctl.cli.refusals import refusals_of
from jobctl.cli.tokens import TokenFile, given_token, token_change
from jobctl.services.operations import OperationList
from jobctl.services.ports import TokenKind
from jobctl.services.tokens import consume_token

EXAMPLES = """jobctl token consume --token-file token.txt -o id"""


@command
def consume(session: Session, token_file: TokenFile = None) -> OperationList:
    """Use up a stream token: once, for one.

    Of several that bear it one gets through, and the others do not. Approval tokens are used up
    by the decision itself.
    """
    change = token_change(session, "")
    token = given_token(token_file, TokenKind.STREAM)
    return consume_token(token, change, jobs=session.jobs, refusals=refusals_of(session))
