"""What a cleanup is going to do: one line a job, kept in a file, so that it may be of any length.

The same plan is shown by a dry run, written by `--plan-out` and carried out by the real run.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any

from jobctl.domain.identifiers import is_job_id
from jobctl.domain.moments import format_stored, parse_timestamp
from jobctl.domain.retention import Due, RetentionPolicy, Sweep
from jobctl.domain.status import JobStatus
from jobctl.errors import InvalidUsageError, RefusedError
from jobctl.services.left_alone import Leftovers, document_of, leftovers_in

if TYPE_CHECKING:
    import hashlib

SCHEMA = "jobctl/v1"
KIND = "CleanupPlan"
_PAGE = 500  # lines


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHeader:
    """`total` is how many jobs the index had; `digest` is over all that is saved, but
    for itself."""

    namespace: str
    policy: RetentionPolicy
    total: int
    left_alone: Leftovers = field(default_factory=dict)
    digest: str = ""


class CleanupPlan:
    """*lines* is a text file that the plan may write to and read again; it starts empty, or with
    the lines of a plan that was read. `let_go` of the sweep `retention` are not deleted."""

    def __init__(self, header: PlanHeader, lines: IO[str]) -> None:
        self.header = header
        self._lines = lines
        self.counts: Counter[Sweep] = Counter()
        self.let_go = 0

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, due: Due) -> None:
        self._lines.write(_line(due))
        self.counts[due.sweep] += 1
        self.let_go += due.lets_go

    def entries(self, sweep: Sweep | None = None) -> Iterator[Due]:
        """In the order in which they were found; of one sweep, or all."""
        place = 0
        while True:
            # Others may read the same file between two of our pages.
            self._lines.seek(place)
            # Not by iteration: a text file cannot tell where it is then.
            page = [text for _ in range(_PAGE) if (text := self._lines.readline())]
            if not page:
                return
            place = self._lines.tell()
            for text in page:
                due = _due(text)
                if sweep in (None, due.sweep):
                    yield due

    def save(self, file: IO[str]) -> None:
        head = {
            "schema": SCHEMA,
            "kind": KIND,
            "namespace": self.header.namespace,
            "cutoff": format_stored(self.header.policy.cutoff),
            "policy": _policy_document(self.header.policy),
            "total": self.header.total,
            "left_alone": document_of(self.header.left_alone),
        }
        digest = sha256(json.dumps(head).encode())
        self._lines.seek(0)
        for text in self._lines:
            digest.update(text.encode())
        head["digest"] = digest.hexdigest()
        file.write(json.dumps(head) + "\n")
        self._lines.seek(0)
        for text in self._lines:
            file.write(text)


def read_plan(source: Iterable[str], *, namespace: str, lines: IO[str]) -> CleanupPlan:
    """The plan that was saved; *lines* is an empty file of its own to keep it in.

    InvalidUsageError for what is none, RefusedError for one that was altered or is another
    namespace's.
    """
    rows = iter(source)
    header, digest = _header(next(rows, ""))
    if header.namespace != namespace:
        raise RefusedError(
            f"the plan is for namespace {header.namespace}, not {namespace}",
            hint="choose the context that it was made in",
        )
    plan = CleanupPlan(header, lines)
    for number, text in enumerate(rows, start=2):
        digest.update(text.encode())
        try:
            plan.add(_checked(_due(text)))
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            raise InvalidUsageError(f"line {number} of the plan is no entry") from error
    if digest.hexdigest() != header.digest:
        raise RefusedError(
            "the plan is not as it was written: its digest differs",
            hint="make a new one with --plan-out; to keep a job, put it off by an update",
        )
    return plan


def _header(text: str) -> "tuple[PlanHeader, hashlib._Hash]":
    """It, and the beginning of the digest over the whole plan."""
    none = InvalidUsageError("this is no cleanup plan", hint="cleanup --plan-out FILE writes one")
    try:
        head = json.loads(text)
        kind, policy = (head["schema"], head["kind"]), _policy(head)
        namespace, digest = str(head["namespace"]), str(head.pop("digest"))
        total, left_alone = int(head["total"]), leftovers_in(head["left_alone"])
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise none from error
    if kind != (SCHEMA, KIND) or policy is None:
        raise none
    header = PlanHeader(
        namespace=namespace, policy=policy, total=total, left_alone=left_alone, digest=digest
    )
    return header, sha256(json.dumps(head).encode())


def _policy_document(policy: RetentionPolicy) -> dict[str, Any]:
    return {
        "sweeps": sorted(policy.sweeps),
        "keep_seconds": {
            status.value: int(limit.total_seconds()) for status, limit in policy.keep.items()
        },
        "stuck_after_seconds": int(policy.stuck_after.total_seconds()),
        "grace_seconds": int(policy.grace.total_seconds()),
    }


def _policy(head: dict[str, Any]) -> RetentionPolicy | None:
    cutoff, policy = parse_timestamp(head["cutoff"]), head["policy"]
    if cutoff is None:
        return None
    return RetentionPolicy(
        cutoff=cutoff,
        sweeps=frozenset(map(Sweep, policy["sweeps"])),
        keep={
            JobStatus(status): timedelta(seconds=int(limit))
            for status, limit in policy["keep_seconds"].items()
        },
        stuck_after=timedelta(seconds=int(policy["stuck_after_seconds"])),
        grace=timedelta(seconds=int(policy["grace_seconds"])),
    )


def _checked(due: Due) -> Due:
    if not is_job_id(due.job_id):
        raise ValueError("its id is none")
    return due


_DUE = tuple(Due.__dataclass_fields__)


def _line(due: Due) -> str:
    values: dict[str, Any] = {name: getattr(due, name) for name in _DUE}
    if due.last_activity is not None:
        values["last_activity"] = format_stored(due.last_activity)
    return json.dumps(values, separators=(",", ":")) + "\n"


def _due(text: str) -> Due:
    values = json.loads(text)
    return Due(
        job_id=str(values["job_id"]),
        sweep=Sweep(values["sweep"]),
        status=str(values["status"]),
        stamp=str(values["stamp"]),
        last_activity=parse_timestamp(values["last_activity"]),
        reason=str(values["reason"]),
        bucket=str(values["bucket"]),
        key=str(values["key"]),
        lets_go=values.get("lets_go") is True,
    )
