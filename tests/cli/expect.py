"""What every failure must look like."""

from collections.abc import Iterator
from contextlib import contextmanager

from jobctl.errors import ExitCode
from tests.cli.runner import Outcome
from tests.cli.world import World


def assert_refused(outcome: Outcome, code: ExitCode) -> None:
    """As `assert_failed`, and nothing at all on stdout."""
    assert_failed(outcome, code)
    assert outcome.stdout == ""


def assert_failed(outcome: Outcome, code: ExitCode) -> None:
    """One line that names the fact and one with the remedy; a usage error may need no second."""
    assert outcome.exit_code == code, outcome.everything
    fact, *remedy = outcome.stderr.splitlines()
    assert fact.startswith("jobctl: ")
    assert "internal error" not in fact
    assert all(line.startswith("        ") for line in remedy), outcome.stderr
    assert len(remedy) == 1 or (code is ExitCode.USAGE and not remedy), outcome.stderr
    assert "Traceback" not in outcome.stderr


@contextmanager
def unchanged(world: World) -> Iterator[None]:
    """All keys and all objects are afterwards what they were before."""
    before = world.contents
    yield
    assert world.contents == before


@contextmanager
def only_refused(world: World, *actions: str) -> Iterator[None]:
    """As `unchanged`, but each of these attempts has its record, in order."""
    before, known = _without_trail(world), world.audit
    yield
    assert _without_trail(world) == before
    trail = world.audit
    assert trail[: len(known)] == known
    recorded = [entry["action"] for entry in trail[len(known) :]]
    assert recorded == [f"{action}-refused" for action in actions]


def _without_trail(world: World) -> dict[str, object]:
    """All but the trail and the count of what goes into it."""
    counts = world.key("jobctl", "refusals")
    return {
        key: value
        for key, value in world.contents.items()
        if key != world.key("audit") and not key.startswith(counts)
    }
