"""A hundred changes at once, and a client that sees the bursts in which they go out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobctl.errors import JobctlError
from jobctl.services.ports import Applied, Mutation
from jobctl.storage.exchange import command, exchange
from jobctl.storage.redis_jobs import RedisJobStore
from tests.storage.redis_under_test import RedisUnderTest, change


class Bursts:
    """A client that counts the scripts of each round trip; *before* says what happens before the
    first, the second, …, *within* what stands in the middle of it."""

    def __init__(
        self,
        client: Any,
        before: Mapping[int, Callable[[], object]] | None = None,
        within: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        self._client = client
        self.before = before or {}
        self.within = within or {}
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def exchange(self, commands: Sequence[str]) -> list[Any]:
        self.sizes.append(len(commands))
        number, middle = len(self.sizes), len(commands) // 2
        self.before.get(number, lambda: None)()
        if number not in self.within:
            return exchange(self._client, commands)
        between = command(*self.within[number])
        answers = exchange(self._client, [*commands[:middle], between, *commands[middle:]])
        del answers[middle]
        return answers


def store_on(bursts: Bursts, under_test: RedisUnderTest) -> RedisJobStore:
    return RedisJobStore(bursts, keys=under_test.keys, server="here")  # type: ignore[arg-type]


def hundred(under_test: RedisUnderTest, **refused: str) -> list[Mutation]:
    """A change for each of a hundred jobs; *refused* names the statuses of some (`n40`)."""
    for number in range(100):
        under_test.write_job(f"job-{number}", status=refused.get(f"n{number}", "queued"))
    return [change(f"job-{number}") for number in range(100)]


def kinds(outcomes: Sequence[Applied | JobctlError]) -> list[type]:
    return [type(outcome) for outcome in outcomes]


def changed(under_test: RedisUnderTest) -> set[int]:
    return {
        number
        for number in range(100)
        if under_test.hash(f"job-{number}").get("summary") == "changed"
    }
