"""What the audit trail hears of `backfill-index`: that it begins to change the index, before it
does, and at the end what it has changed."""

from dataclasses import replace

from jobctl.errors import JobctlError, LockedError, OutcomeUnknownError, PartlyDoneError
from jobctl.services.authors import Author
from jobctl.services.ports import JobStore

_UNTRUE = "; nothing was changed"


class IndexTrail:
    """`changed` is to be set once something of the index is."""

    def __init__(self, author: Author, jobs: JobStore) -> None:
        self._author = author
        self._jobs = jobs
        self._begun = False
        self.changed = False

    def begin(self, what: str) -> None:
        """Raises where nothing can be recorded: then nothing may be changed either."""
        if not self._begun:
            self._record("backfill-index-begin", what)
            self._begun = True

    def end(self, summary: str) -> None:
        if not self._begun:
            return
        try:
            self._record("backfill-index", summary)
        except (LockedError, OutcomeUnknownError):
            raise
        except JobctlError as error:
            raise PartlyDoneError(
                "the index was mended, but what was changed could not be recorded: "
                + error.message.removesuffix(_UNTRUE),
                hint="the record backfill-index-begin covers it; remove the cause",
            ) from error

    def told(self, error: JobctlError) -> JobctlError:
        """*error*, or one that says that it came too late to change nothing."""
        if not self.changed or isinstance(error, LockedError | OutcomeUnknownError):
            return error
        return PartlyDoneError(
            f"a part of the index was mended, but {error.message.removesuffix(_UNTRUE)}",
            hint="remove the cause, then run it again: it finishes this one's work",
        )

    def _record(self, action: str, summary: str) -> None:
        record = self._author.record_of("-", self._jobs.read([]).now, action)
        self._jobs.apply(replace(record, summary=summary, only_recorded=True))
