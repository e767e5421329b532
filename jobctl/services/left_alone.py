"""What a cleanup has met in the index and leaves alone: how many of each kind, some by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_EXAMPLES = 10
_LONGEST = 80  # characters of an id that may be anything


class Oddity(StrEnum):
    """Why nothing is deleted: the last change of a job cannot be told; a record went before its
    time to live could have ended; an id is none, and would name somebody else's documents."""

    UNDATABLE = "undatable"
    GONE_EARLY = "gone_early"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """`examples` are the first ids, cut where they are very long."""

    count: int = 0
    examples: tuple[str, ...] = ()

    def and_also(self, job_id: str) -> "LeftAlone":
        """With one more."""
        examples = self.examples
        if len(examples) < _EXAMPLES:
            examples += (job_id if len(job_id) <= _LONGEST else f"{job_id[:_LONGEST]}…",)
        return LeftAlone(count=self.count + 1, examples=examples)


NONE = LeftAlone()
Leftovers = Mapping[Oddity, LeftAlone]


def document_of(leftovers: Leftovers) -> dict[str, Any]:
    return {
        oddity.value: {"count": one.count, "examples": list(one.examples)}
        for oddity, one in leftovers.items()
    }


def leftovers_in(document: Mapping[str, Any]) -> Leftovers:
    """What `document_of` has made; ValueError and its kin for anything else."""
    return {
        Oddity(name): LeftAlone(
            count=int(one["count"]), examples=tuple(str(text) for text in one["examples"])
        )
        for name, one in document.items()
    }
