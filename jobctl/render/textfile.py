"""Metrics of a cleanup for the textfile collector of Prometheus' node_exporter."""

from collections.abc import Iterator

from jobctl.domain.retention import Sweep
from jobctl.errors import ExitCode
from jobctl.services.cleanup import CleanupReport
from jobctl.services.left_alone import NONE, Oddity

_ODDITIES = {
    Oddity.UNDATABLE: "Jobs whose last change nobody can tell.",
    Oddity.GONE_EARLY: "Index entries whose records went before they could expire.",
    Oddity.MALFORMED: "Index entries that are no valid job ids.",
}


def metrics(report: CleanupReport, exit_code: ExitCode) -> Iterator[str]:
    """The lines of the file, of a run that has ended with *exit_code*."""
    plan = report.plan
    space = f'namespace="{_escaped(plan.header.namespace)}"'
    cutoff = round(plan.header.policy.cutoff.timestamp(), 3)
    numbers = (
        ("last_run_timestamp_seconds", "When the run judged its jobs.", cutoff),
        ("exit_code", "The exit code of the run.", int(exit_code)),
        ("duration_seconds", "How long the run took.", round(report.seconds, 3)),
        ("examined_jobs", "How many jobs the index had.", plan.header.total),
        *(
            (f"{oddity}_jobs", purpose, plan.header.left_alone.get(oddity, NONE).count)
            for oddity, purpose in _ODDITIES.items()
        ),
        ("failed_jobs", "Jobs that could not be dealt with.", report.failed),
        ("left_jobs", "Jobs that were due and not got to.", report.not_tried),
        ("deleted_objects", "Documents that were deleted.", report.objects),
    )
    for name, purpose, value in numbers:
        yield from _metric(name, purpose)
        yield f"jobctl_cleanup_{name}{{{space}}} {value}\n"
    yield from _metric("due_jobs", "Jobs that were due, by sweep.")
    for sweep in Sweep:
        yield f'jobctl_cleanup_due_jobs{{{space},sweep="{sweep}"}} {plan.counts[sweep]}\n'
    yield from _metric("done_jobs", "Jobs that were changed, by action.")
    for action, count in sorted(report.done.items()):
        yield f'jobctl_cleanup_done_jobs{{{space},action="{_escaped(action)}"}} {count}\n'


def _metric(name: str, purpose: str) -> Iterator[str]:
    yield f"# HELP jobctl_cleanup_{name} {purpose}\n"
    yield f"# TYPE jobctl_cleanup_{name} gauge\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
