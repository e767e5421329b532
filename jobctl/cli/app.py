"""The root of the command line: its options and the table of its subcommands."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from jobctl import __version__
from jobctl.cli.context import Invocation
from jobctl.cli.parsers import one_of
from jobctl.cli.tree import LazyGroup
from jobctl.errors import InvalidUsageError

# Subcommand → the line that stands for it in `jobctl --help`. Its module has the same name.
COMMANDS: dict[str, str] = {
    "create": "Upload a document and make its job.",
    "status": "Show everything about jobs.",
    "list": "List jobs, the newest change first.",
    "approve": "Let jobs that await a decision go on to the workers.",
    "deny": "End jobs that await a decision, with their documents.",
    "cancel": "End jobs that are under way.",
    "retry": "Queue jobs again that failed or were cancelled.",
    "update": "Report what a worker did, as a compare-and-set.",
    "delete": "Remove jobs that have ended, with their documents.",
    "cleanup": "Delete what has outlived its policy; mend what was left.",
    "backfill-index": "Repair the index of jobs by their last change.",
    "token": "Issue, verify, consume and revoke tokens.",
    "audit": "Read the audit trail: every change, by whom and why.",
    "config": "Show the settings in force and where each comes from.",
    "doctor": "Check the connection, the permissions and the index.",
}


class Root(LazyGroup):
    summaries = COMMANDS


app = typer.Typer(
    cls=Root,
    name="jobctl",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _answer_completions() -> None:
    """Register Typer's shells, which `add_completion=False` leaves out together with the options
    that would edit a person's shell configuration."""
    from typer import _completion_classes

    # Our help has no markup, and its own way to remove markup imports Rich.
    _completion_classes._sanitize_help_text = lambda text: text
    _completion_classes.completion_init()


def _show_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        typer.echo(f"jobctl {__version__}")
        raise typer.Exit


def _url_without_password(text: str) -> str:
    from jobctl.storage.redis_connection import holds_password

    if holds_password(text):
        raise InvalidUsageError(
            "a password may not stand on the command line: every user can read it there",
            hint="use redis_password_file, or JOBCTL_REDIS_URL in the environment",
        )
    return text


@app.callback()
def root(
    ctx: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The configuration file.", parser=Path),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option("--context", metavar="NAME", help="The context of the configuration."),
    ] = None,
    redis_url: Annotated[
        str | None,
        typer.Option(
            "--redis-url", metavar="URL", help="Where the jobs are.", parser=_url_without_password
        ),
    ] = None,
    actor: Annotated[
        str | None,
        typer.Option("--actor", metavar="NAME", help="Who acts, for the audit trail."),
    ] = None,
    color: Annotated[
        str | None,
        typer.Option(
            "--color",
            metavar="WHEN",
            help="auto, always or never.",
            parser=one_of("auto", "always", "never"),
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse to change anything.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log every step, and show tracebacks.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is done to stderr.")
    ] = False,
    log_format: Annotated[
        str,
        typer.Option(
            "--log-format",
            metavar="FORMAT",
            help="text or json.",
            parser=one_of("text", "json"),
        ),
    ] = "text",
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> Any:
    """Administer document-processing jobs held in Redis or Valkey, with documents in S3.

    Without a configured Redis, jobctl keeps jobs in an embedded store of its own.
    """
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
        raise typer.Exit
    if verbose or debug:
        from jobctl.cli.logs import switch_on

        switch_on(as_json=log_format == "json", every_step=debug)
    invocation: Invocation = ctx.obj
    invocation.config = config
    invocation.context = context
    invocation.debug = debug
    invocation.flags = {
        "redis_url": redis_url,
        "actor": actor,
        "color": color,
        "read_only": "true" if read_only else None,
    }


def build() -> Any:
    """The command tree; `main` runs it and `jobctl.manual` reads it."""
    if "_JOBCTL_COMPLETE" in os.environ:
        _answer_completions()
    return get_command(app)
