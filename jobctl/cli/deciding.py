"""The options that `approve` and `deny` share, beyond those of all bulk commands."""

from dataclasses import dataclass
from typing import Annotated

import typer

from jobctl.cli.confirmation import can_prompt
from jobctl.cli.context import Session
from jobctl.cli.params import ExpectStatus
from jobctl.cli.parsers import not_blank
from jobctl.cli.refusals import refusals_of
from jobctl.cli.selection import Selection, bulk_of, choose
from jobctl.cli.typed_texts import read_reason, read_token, share_stdin
from jobctl.domain.job import Secret
from jobctl.domain.status import JobStatus
from jobctl.errors import InvalidUsageError
from jobctl.services.bulk import Bulk
from jobctl.services.decisions import Deciding, Reviewer
from jobctl.services.ports import Token, TokenKind
from jobctl.services.refusals import watching
from jobctl.services.tokens import holder_of

_AWAITING = frozenset({JobStatus.AWAITING_APPROVAL})
_SHORTEST_NAME = 3


def _reviewer_name(text: str) -> str:
    if len(text.strip()) < _SHORTEST_NAME:
        raise InvalidUsageError(
            f"a reviewer's name has {_SHORTEST_NAME} or more characters",
            hint="--as NAME says who decides, where that is not the actor",
        )
    return text.strip()


ReasonFile = Annotated[
    str | None,
    typer.Option(
        "--reason-file", "-F", metavar="FILE", help="The reason is in FILE; - is standard input."
    ),
]
TokenFile = Annotated[
    str | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="Decide on the job whose approval token is in FILE; - is standard input.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Selection):
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason",
            metavar="TEXT",
            help="Why; min_reason_length (10) to 1000 characters.",
            parser=not_blank,
        ),
    ] = None
    reason_file: ReasonFile = None
    reviewer: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Who has decided, where that is not the actor.",
            parser=_reviewer_name,
        ),
    ] = None
    token_file: TokenFile = None
    different_from_creator: Annotated[
        bool,
        typer.Option(
            "--different-from-creator", help="Refuse a decision by who made the job or owns it."
        ),
    ] = False
    expect_status: ExpectStatus = None


def decide(options: Decided, session: Session, verb: str) -> tuple[Bulk, Deciding]:
    """Which jobs, by whom and why; a token stands for its job, and is asked for where no job is
    named."""
    share_stdin(options.token_file, options.reason_file, ids=options.ids)
    reason = read_reason(
        options.reason, options.reason_file, shortest=session.settings.min_reason_length
    )
    token: Secret | None = None
    if options.token_file is not None or (options.is_empty and can_prompt()):
        bulk, token = _by_token(options, session, verb)
    else:
        bulk = choose(options, session, verb=verb, usual=_AWAITING)
    deciding = Deciding(
        reason=reason,
        reviewer=_reviewer(options, session),
        actor=session.actor,
        new_op_id=session.new_op_id,
        different_from_creator=options.different_from_creator,
        expect_status=options.expect_status,
        token=token,
    )
    return bulk, deciding


def _by_token(options: Decided, session: Session, verb: str) -> tuple[Bulk, Secret]:
    session.require_writable(dry_run=options.dry_run)
    if not options.is_empty:
        raise InvalidUsageError("--token-file stands for its job: name no others")
    value = read_token(options.token_file)
    with watching(None if options.dry_run else refusals_of(session), verb):
        holder = holder_of(Token(kind=TokenKind.APPROVAL, value=value), jobs=session.jobs)
    return bulk_of((holder.job_id,), options, session), value


def _reviewer(options: Decided, session: Session) -> Reviewer:
    if options.reviewer is not None:
        return Reviewer(name=options.reviewer, origin="--as")
    return Reviewer(name=_reviewer_name(session.actor), origin=session.actor_origin)
