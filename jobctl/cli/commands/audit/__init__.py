"""`jobctl audit`: a group of commands."""

import typer

COMMANDS: dict[str, str] = {
    "list": "List what was changed, by whom and why, the newest first.",
    "show": "Show one record whole, and whether it is as it was written.",
    "record": "Record what is known of jobs at this moment, for an auditor.",
    "tail": "Show the newest records, and go on with what is appended.",
    "summary": "Count the records by actor, by action and by day.",
    "verify": "Tell whether the audit trail was changed.",
    "export": "Append what is new to files that nobody overwrites.",
    "trim": "Remove old records from Redis that such files hold.",
}
DEFAULT = "list"


def audit(ctx: typer.Context) -> None:
    """Read the audit trail: every change of a job, by whom and why.

    Without a command it is listed: jobctl audit --job ID is jobctl audit list --job ID.
    """
