"""Finds the entries of jobs in the queues, which only their texts tell apart."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from jobctl.services.ports import QueueEntry, QueueName
from jobctl.storage.keys import Keys

_PAGE = 1_000
# Entries move forward while others before them are taken out; a page repeats so many of the one
# before it, and where even that is too few the queue is read again.
_OVERLAP = 200
_READINGS = 5
_NEWEST = 200
_JOB_ID = re.compile(r'"job_id"\s*:\s*"([^"\\]+)"')


class QueueReader:
    """*ask* sends the words of one command and returns its answer."""

    def __init__(self, keys: Keys, ask: Callable[..., Any]) -> None:
        self._keys = keys
        self._ask = ask

    def entries_of(
        self, job_ids: Iterable[str], *, newest: bool = False
    ) -> Mapping[str, Sequence[QueueEntry]]:
        turns = {job_id: turn for turn, job_id in enumerate(job_ids)}
        found: dict[str, list[QueueEntry]] = {job_id: [] for job_id in turns}
        queues: tuple[tuple[QueueName, str], ...] = (
            ("approval", self._keys.approval_queue),
            ("processing", self._keys.processing_queue),
        )
        for name, key in queues:
            length: int = self._ask("LLEN", key)
            places: list[tuple[int, str, str]] = []
            read = self._newest if newest else self._entries
            for place, text in read(key) if length else ():
                job_id = _job_of(text, turns)
                if job_id is not None:
                    places.append((place, job_id, text))
            for job_id, entry in _entries_in(name, places, length, turns):
                found[job_id].append(entry)
        return {job_id: tuple(entries) for job_id, entries in found.items()}

    def _newest(self, key: str) -> Iterator[tuple[int, str]]:
        """They are pushed at the head."""
        page: list[str] = self._ask("LRANGE", key, 0, _NEWEST - 1)
        return enumerate(page)

    def _entries(self, key: str) -> Iterator[tuple[int, str]]:
        """Every entry at least once with its place, though others add and remove some."""
        start, last, reading = 0, None, 1
        while True:
            page: list[str] = self._ask("LRANGE", key, start, start + _PAGE - 1)
            if last is not None and last not in page and reading < _READINGS:
                start, last, reading = 0, None, reading + 1
                continue
            behind = page.index(last) + 1 if last in page else 0
            yield from enumerate(page[behind:], start + behind)
            if len(page) < _PAGE:
                return
            last = page[-1]
            start += _PAGE - _OVERLAP


def _entries_in(
    name: QueueName, places: Sequence[tuple[int, str, str]], length: int, turns: Mapping[str, int]
) -> Iterator[tuple[str, QueueEntry]]:
    """One for each text, with the end that it will be nearer to once its turn has come.

    LREM goes through the list from one end; what is removed before shortens the way. In a queue
    of ten thousand this is the difference between a second and a minute.
    """
    texts = Counter(text for _, _, text in places)
    order = [turns[job_id] for _, job_id, _ in places]
    from_head = sum(after > before for before, after in pairwise(order)) * 2 >= len(order) - 1
    told: set[str] = set()
    for rank, (place, job_id, text) in enumerate(places):
        if text in told:
            continue
        told.add(text)
        before, behind = place, length - 1 - place
        if from_head:
            before -= rank
        else:
            behind -= len(places) - 1 - rank
        yield (
            job_id,
            QueueEntry(queue=name, text=text, times=texts[text], near_end=behind < before),
        )


def _job_of(text: str, wanted: Mapping[str, int]) -> str | None:
    """The job that an entry is about, if it is one of *wanted*; a text is compared only where it
    says so itself, not where it mentions an id."""
    if len(wanted) == 1 and next(iter(wanted)) not in text:
        return None
    if not any(one in wanted for one in _JOB_ID.findall(text)):
        return None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    job_id = parsed.get("job_id") if isinstance(parsed, dict) else None
    return job_id if isinstance(job_id, str) and job_id in wanted else None
