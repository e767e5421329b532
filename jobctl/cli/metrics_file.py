"""The file of `cleanup --textfile`: written when a run that has judged its jobs is over."""

from pathlib import Path

from jobctl.cli.replaced_file import replace_file
from jobctl.errors import ExitCode, JobctlError, PartlyDoneError
from jobctl.services.cleanup import CleanupReport
from jobctl.services.cleanup_plan import CleanupPlan

_FOR_EVERYBODY = 0o644  # the collector runs as another user


class MetricsFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, report: CleanupReport, exit_code: ExitCode) -> None:
        from jobctl.render.textfile import metrics

        try:
            replace_file(
                self._path,
                lambda file: file.writelines(metrics(report, exit_code)),
                mode=_FOR_EVERYBODY,
            )
        except JobctlError as error:
            raise PartlyDoneError(
                f"the run is over, but its metrics are not there: {error.message}",
                hint=error.hint,
            ) from error

    def write_refused(self, plan: CleanupPlan, exit_code: ExitCode) -> None:
        """Of a run that did nothing of its *plan*."""
        self.write(CleanupReport(iter(()), plan=plan, dry_run=False), exit_code)
