"""How tests wait for what another process or thread does."""

import time
from collections.abc import Callable

PATIENCE = 20.0


def wait_until(condition: Callable[[], object]) -> None:
    """Until *condition* holds; fails after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)
