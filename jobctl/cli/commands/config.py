"""`jobctl config`."""

from typing import Annotated

import typer

from jobctl.cli.context import Session
from jobctl.cli.params import command
from jobctl.cli.settings_report import settings_report
from jobctl.services.config import SettingsReport
from jobctl.services.config import config as select

EXAMPLES = """jobctl config
jobctl config redis_url namespace
jobctl config -o json"""


@command
def config(
    session: Session,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Only these settings.")
    ] = None,
) -> SettingsReport:
    """Show the settings in force and where each comes from.

    Order: option, environment, context, default. Nothing is contacted; passwords are hidden.
    """
    return select(settings_report(session), names or ())
