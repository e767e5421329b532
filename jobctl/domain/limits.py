"""How long texts may be that people write into records."""

REASON_LIMIT = 1_000  # characters
