"""The job as jobctl sees it.

No field holds PII text: findings are counted when a record is decoded, and their texts are
masked in every free-text field (see `redaction`). Unknown stored fields are kept in `extra`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobctl.domain.redaction import NOTHING_TO_MASK, Redactor
from jobctl.domain.status import TERMINAL, JobStatus

NOT_A_HASH = "the record is not a hash"
"""The problem of a record that is none."""


class Secret:
    """A value that no repr, log or traceback shows; `reveal` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiFindings:
    """What the scan found, counted by entity type; `readable` is False for malformed findings."""

    count: int
    entity_types: Mapping[str, int]
    readable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A stored approval or denial; every part may be missing in a foreign record."""

    decision: str | None
    justification: str | None
    reviewed_by: str | None
    reviewed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One decoded record. `status` is the meaning, `raw_status` what is stored, `stamp` the time
    of the last change as it is stored.

    Absent or unreadable values are None; what was unreadable is named in `problems`.
    """

    id: str
    status: JobStatus | None = None
    raw_status: str | None = None
    stamp: str | None = None
    s3_key: str | None = None
    original_filename: str | None = None
    document_name: str | None = None
    document_type: str | None = None
    priority: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    approved_at: datetime | None = None
    denied_at: datetime | None = None
    cancelled_at: datetime | None = None
    approval_expires_at: datetime | None = None
    approval_token: Secret | None = None
    approval_decision: Decision | None = None
    denial_decision: Decision | None = None
    pii: PiiFindings | None = None
    pii_skipped: bool = False
    pii_skip_reason: str | None = None
    debug_bundle_requested: bool = False
    review_mode: str | None = None
    max_rounds: int | None = None
    ocr_languages: tuple[str, ...] = ()
    processing_phase: str | None = None
    percentage: float | None = None
    summary: str | None = None
    file_size: int | None = None
    total_pages: int | None = None
    total_rows: int | None = None
    processed_rows: int | None = None
    successful_rows: int | None = None
    failed_rows: int | None = None
    estimated_duration: float | None = None
    result_url: str | None = None
    confidence_score: float | None = None
    error: str | None = None
    error_details: Any = None
    user_id: str | None = None
    organization_id: str | None = None
    created_by: str | None = None
    celery_task_id: str | None = None
    cancel_reason: str | None = None
    attempt: int = 1
    attempts: tuple[Any, ...] = ()
    """What is kept of the attempts before this one, oldest first."""
    cleanup_state: str | None = None
    cleanup_stamp: str | None = None
    """The stamp that the job had when its deletion was begun."""
    last_op: str | None = None
    request_digest: str | None = None
    metadata: Any = None
    correction_results: Any = None
    page_image_keys: Any = None
    verification_summary: Any = None
    extra: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    redactor: Redactor = field(default=NOTHING_TO_MASK, repr=False, compare=False)
    """Masks this job's PII in what others write about it."""

    @property
    def name(self) -> str | None:
        """The label by which a person recognises the document."""
        return self.document_name or self.original_filename

    @property
    def shown_status(self) -> str:
        """The canonical status, or the stored text for one that jobctl does not know."""
        return self.status.value if self.status else (self.raw_status or "unknown")

    @property
    def is_terminal(self) -> bool:
        """An unknown status counts as active: nothing is cleaned up on a guess."""
        return self.status in TERMINAL

    @property
    def ended_at(self) -> datetime | None:
        return self.completed_at or self.denied_at or self.cancelled_at

    @property
    def last_activity(self) -> datetime | None:
        return self.updated_at or self.created_at
