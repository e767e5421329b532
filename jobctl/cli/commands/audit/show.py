"""`jobctl audit show`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.params import command
from jobctl.cli.parsers import audit_place
from jobctl.services.audit_show import AuditDetails, ShowAudit, audit_show

EXAMPLES = """jobctl audit show 1207
jobctl audit show 1207 -o json"""


@command
def show(
    session: Session,
    seq: Annotated[
        str,
        typer.Argument(
            metavar="SEQ", help="The record's number, as audit list prints it.", parser=audit_place
        ),
    ],
) -> AuditDetails:
    """Show one record whole, and whether it is as it was written.

    Its hash is computed anew, and compared is what it says of the record before it. The oldest
    record that is kept has none before it. An entry that jobctl did not write is shown as far as
    it can be read. What is found wrong is shown and leaves the exit code at 0.
    """
    return audit_show(ShowAudit(place=seq), audit_log=session.audit_log)
