"""The options that the commands of `token` share."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.parsers import one_of
from jobctl.cli.typed_texts import check_reason, read_token
from jobctl.services.ports import Token, TokenKind
from jobctl.services.tokens import TokenChange

Kind = Annotated[
    str,
    typer.Option("--kind", metavar="KIND", help="approval or stream.", parser=one_of(*TokenKind)),
]
TokenFile = Annotated[
    str | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="The token is in FILE; - is standard input; without it the token is asked for.",
    ),
]


def given_token(file: str | None, kind: str) -> Token:
    return Token(kind=TokenKind(kind), value=read_token(file))


def token_change(session: Session, reason: str) -> TokenChange:
    session.require_writable(dry_run=False)
    return TokenChange(
        actor=session.actor, new_op_id=session.new_op_id, reason=check_reason(reason)
    )
