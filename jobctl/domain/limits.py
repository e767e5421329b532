"""How long texts may be that people write into records, how much may be deleted at once, and how
many refused attempts are recorded."""

from dataclasses import dataclass

REASON_LIMIT = 1_000  # characters
# In the audit trail of a namespace: a script that runs wild must not fill Redis.
REFUSALS_A_MINUTE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionLimit:
    """At most so many deletions: a number, or a share of all jobs in the index, but then always
    `at_least`."""

    number: int | None = None
    percent: float | None = None
    at_least: int = 0

    def __str__(self) -> str:
        return str(self.number) if self.number is not None else f"{self.percent or 0:g}%"

    def most(self, total: int) -> int:
        if self.number is not None:
            return self.number
        return max(int(total * (self.percent or 0) / 100), self.at_least)
