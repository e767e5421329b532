"""The audit record and its hash chain.

Each record pins the one before it: `hash = SHA-256(prev + canonical JSON)`. A record holds
neither document text nor PII findings nor tokens; `reason` is what the actor wrote on purpose.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from jobctl.domain.moments import format_rfc3339

GENESIS = "0" * 64
REASON_LIMIT = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The newest record of the chain as far as the next one needs it (seq 0: no record yet)."""

    seq: int = 0
    hash: str = GENESIS
    at: datetime | None = None

    def not_before(self, at: datetime) -> datetime:
        """*at*, or the head's own time where clocks disagree: the chain never runs backwards."""
        return at if self.at is None else max(at, self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One change of one job; `from_status` and `to_status` are statuses as they are stored."""

    seq: int
    op_id: str
    actor: str
    action: str
    job_id: str
    from_status: str
    to_status: str
    reason: str
    summary: str
    at: datetime
    prev: str

    def stream_fields(self) -> dict[str, str]:
        """The stream entry, without `prev` and `hash`: exactly what the hash covers."""
        return {
            "seq": str(self.seq),
            "op_id": self.op_id,
            "actor": self.actor,
            "action": self.action,
            "job_id": self.job_id,
            "from": self.from_status,
            "to": self.to_status,
            "reason": self.reason,
            "summary": self.summary,
            "at": format_rfc3339(self.at),
        }

    def digest(self) -> str:
        """SHA-256 over `prev` and the canonical JSON (sorted keys, no blanks, ASCII), in hex."""
        canonical = json.dumps(self.stream_fields(), sort_keys=True, separators=(",", ":"))
        return sha256((self.prev + canonical).encode("ascii")).hexdigest()
