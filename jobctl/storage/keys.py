"""Every Redis key that jobctl reads or writes."""

import re

from jobctl.services.ports import Token, TokenKind

DEFAULT_NAMESPACE = "eq-pdf"
_HASH_TAG = re.compile(r"[^{]*\{[^}]+\}")  # as the cluster reads it: the first brace decides


def wire(text: str) -> str | bytes:
    """*text* as it can be sent: hiredis refuses what surrogateescape made of foreign bytes."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape")


def family_of(key: str) -> str:
    """*key* without the token that may stand in it."""
    for kind in TokenKind:
        head, family, _ = key.partition(f":{kind}-token:")
        if family:
            return f"{head}{family}*"
    return key


class Keys:
    """The keys of one namespace; a foreign service may name its index differently."""

    __slots__ = (
        "approval_queue",
        "audit",
        "checkpoint",
        "deadlines",
        "index",
        "index_lease",
        "job_prefix",
        "lease",
        "namespace",
        "probe",
        "processing_queue",
        "refusals",
        "refusals_left_out",
        "trim_lease",
    )

    def __init__(self, namespace: str = DEFAULT_NAMESPACE, index_key: str | None = None) -> None:
        self.namespace = namespace
        self.job_prefix = f"{namespace}:job:"
        self.index = index_key or f"{namespace}:jobs-by-updated"
        self.deadlines = f"{namespace}:timeouts:approval"
        self.processing_queue = f"{namespace}:queue:processing"
        self.approval_queue = f"{namespace}:queue:approval"
        self.audit = f"{namespace}:audit"
        self.lease = f"{namespace}:jobctl:lease:cleanup"
        self.trim_lease = f"{namespace}:jobctl:lease:audit-trim"
        self.index_lease = f"{namespace}:jobctl:lease:index"
        self.checkpoint = f"{namespace}:jobctl:checkpoint:index"
        self.probe = f"{namespace}:jobctl:probe"
        self.refusals = f"{namespace}:jobctl:refusals"
        self.refusals_left_out = f"{namespace}:jobctl:refusals:left-out"

    def job(self, job_id: str) -> str:
        return self.job_prefix + job_id

    def token(self, token: Token) -> str:
        return f"{self.namespace}:{token.kind}-token:{token.value.reveal()}"

    def approval_lock(self, job_id: str) -> str:
        return f"{self.namespace}:approval-lock:{job_id}"

    @property
    def share_a_slot(self) -> bool:
        """Whether all keys of the namespace live in one cluster slot, as scripts need."""
        return _HASH_TAG.match(self.namespace) is not None and self.index.startswith(self.namespace)
