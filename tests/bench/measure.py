"""Whole processes side by side: interleaved runs, medians, and the ratio to a baseline."""

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A command, and the name of the subject that its time is divided by."""

    name: str
    command: Sequence[str]
    against: str
    goal: float | None = None
    environment: Mapping[str, str] | None = None


def wall_times(subjects: Sequence[Subject], *, rounds: int) -> dict[str, list[float]]:
    """Seconds of each run. One round runs every subject once, so drift hits all alike."""
    times: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for number in range(rounds + 1):
        for subject in subjects:
            started = time.perf_counter()
            subprocess.run(
                subject.command,
                env=os.environ | dict(subject.environment or {}),
                stdout=subprocess.DEVNULL,
                check=True,
            )
            if number:  # the first round warms the caches
                times[subject.name].append(time.perf_counter() - started)
    return times


def print_table(subjects: Sequence[Subject], times: Mapping[str, Sequence[float]]) -> None:
    """Median and fastest run in ms, and the median of the ratios round by round."""
    print(f"{'':34}{'median ms':>10}{'min ms':>9}{'ratio':>8}{'goal':>7}  against")
    for subject in subjects:
        own, base = times[subject.name], times[subject.against]
        ratio = statistics.median(a / b for a, b in zip(own, base, strict=True))
        goal = f"{subject.goal:.2f}" if subject.goal else ""
        print(
            f"{subject.name:34}{statistics.median(own) * 1000:10.1f}{min(own) * 1000:9.1f}"
            f"{ratio:8.2f}{goal:>7}  {subject.against}"
        )
