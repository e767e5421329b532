"""Finds every record by a scan of the key space; the index may not have them all."""

import re
from collections.abc import Iterator, Sequence

from jobctl.storage.keys import Keys
from jobctl.storage.redis_reads import RedisReader

# Others wait while a command runs: so many at a time take about half a millisecond.
SCANNED = 500


def scan_ids(keys: Keys, reads: RedisReader, cursor: int) -> tuple[int, Sequence[str]]:
    """Ids of records, some of them twice, and the cursor behind them, 0 at the end."""
    pattern = re.sub(r"([*?\[\]^\\])", r"\\\1", keys.job_prefix) + "*"
    following, found = reads.one("SCAN", cursor, "MATCH", pattern, "COUNT", SCANNED)
    return int(following), [key[len(keys.job_prefix) :] for key in dict.fromkeys(found)]


def scanned_ids(keys: Keys, reads: RedisReader) -> Iterator[Sequence[str]]:
    """All of them, in pages."""
    cursor = 0
    while True:
        cursor, ids = scan_ids(keys, reads, cursor)
        if ids:
            yield ids
        if cursor == 0:
            return
