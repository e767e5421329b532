"""Options that commands share, and the decorator that gives every command its common ones."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer

from jobctl.cli.context import Session
from jobctl.cli.parsers import not_blank, one_of, status_name
from jobctl.domain.identifiers import check_job_id
from jobctl.domain.status import JobStatus
from jobctl.settings import OutputFormat

T = TypeVar("T")
FORMATS: tuple[str, ...] = get_args(OutputFormat)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command returned, with the session that knows how to show it."""

    result: Any
    session: Session
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Columned:
    """A result together with the columns that were asked for."""

    result: Any
    columns: tuple[str, ...] | None


JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's full id.", parser=check_job_id)]
JobIds = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help="Full job ids; - reads ids from standard input."),
]
IdsOrPrefixes = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...",
        help="Job ids, or prefixes of 8 or more characters; - reads ids from standard input.",
    ),
]
Reason = Annotated[
    str | None,
    typer.Option("--reason", metavar="TEXT", help="Why, for the audit trail.", parser=not_blank),
]
ExpectStatus = Annotated[
    JobStatus | None,
    typer.Option(
        "--expect-status",
        metavar="STATUS",
        help="Change nothing unless the job is in STATUS.",
        parser=status_name,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell what would be done, and change nothing.")
]
Everything = Annotated[bool, typer.Option("--all", "-a", help="No limit.")]
Cursor = Annotated[
    str | None,
    typer.Option("--cursor", metavar="CURSOR", help="Go on behind an earlier list."),
]
Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="NAME,…", help="The columns of table, tsv and csv."),
]


def _complete_format(incomplete: str) -> list[str]:
    return [name for name in FORMATS if name.startswith(incomplete)]


_COMMON: tuple[tuple[str, Any, Any], ...] = (
    (
        "output",
        Annotated[
            str | None,
            typer.Option(
                "--output",
                "-o",
                metavar="FORMAT",
                help="table, wide, json, jsonl, csv, tsv or id; without it table on a terminal "
                "and tsv elsewhere.",
                parser=one_of(*FORMATS),
                autocompletion=_complete_format,
                rich_help_panel="Common options",
            ),
        ],
        None,
    ),
    (
        "context",
        Annotated[
            str | None,
            typer.Option("--context", metavar="NAME", help="The context of the configuration."),
        ],
        None,
    ),
    ("quiet", Annotated[bool, typer.Option("--quiet", "-q", help="No notes on stderr.")], False),
)


def command(function: Callable[..., T]) -> Callable[..., Answer]:
    """Make *function(session, …)* a command with `--output`, `--context` and `--quiet`.

    A parameter whose type is a dataclass stands for the options that are its fields. The
    function returns its result and neither prints nor exits.
    """
    signature = inspect.signature(function, eval_str=True)
    own = [one for one in signature.parameters.values() if one.name != "session"]
    groups: dict[str, Any] = {
        one.name: one.annotation for one in own if is_dataclass(one.annotation)
    }
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, annotation, default in _COMMON
    ]
    context = inspect.Parameter("ctx", keyword, annotation=typer.Context)

    @wraps(function)
    def run(*, ctx: typer.Context, output: str | None, quiet: bool, **values: Any) -> Answer:
        session = ctx.obj.session(output=output, context=values.pop("context"), quiet=quiet)
        for name, group in groups.items():
            values[name] = group(**{one.name: values.pop(one.name) for one in fields(group)})
        result = function(session, **values)
        if isinstance(result, Columned):
            return Answer(result=result.result, session=session, columns=result.columns)
        return Answer(result=result, session=session)

    parameters = [context, *(one for each in own for one in _expanded(each)), *common]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # read by inspect
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _expanded(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    """*parameter* itself, or one for each field of the dataclass that it is of."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    group = parameter.annotation
    if not is_dataclass(group):
        return [parameter.replace(kind=keyword)]
    types = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            one.name,
            keyword,
            default=inspect.Parameter.empty if one.default is MISSING else one.default,
            annotation=types[one.name],
        )
        for one in fields(group)
    ]
