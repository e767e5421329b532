"""Audit trails as jobctl writes them, without the changes that they speak of."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from jobctl.domain.audit import GENESIS, AuditRecord
from tests.storage.redis_under_test import AT

SECOND = timedelta(seconds=1)
FOREIGN = {"by": "somebody else"}


def write_trail(
    client: Any, stream: str, amount: int, alter: Callable[[int], dict[str, Any]] | None = None
) -> list[AuditRecord]:
    """*amount* records, the one of number n written n seconds after AT and changed by alter(n)."""
    records: list[AuditRecord] = []
    pipe = client.pipeline(transaction=False)
    prev = GENESIS
    for number in range(1, amount + 1):
        made = replace(record(number, prev), **(alter(number) if alter else {}))
        prev = made.digest()
        fields = made.stream_fields()
        del fields["seq"]
        pipe.xadd(stream, fields | {"prev": made.prev, "hash": prev}, id=f"{number}-0")
        records.append(made)
    pipe.execute()
    return records


def record(number: int, prev: str) -> AuditRecord:
    """A second behind the one before it."""
    return AuditRecord(
        seq=number,
        op_id=f"op-{number}",
        actor="tester",
        action="update",
        job_id=f"job-{number % 10}",
        from_status="queued",
        to_status="processing",
        reason=f"reason {number}",
        summary=f"summary {number}",
        at=AT + number * SECOND,
        prev=prev,
    )
