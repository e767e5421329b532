"""The bound on refused attempts in the audit trail, kept in Redis: it holds for all processes."""

from datetime import timedelta
from typing import TYPE_CHECKING

from jobctl.services.ports import Admission
from jobctl.storage.keys import Keys
from jobctl.storage.redis_errors import translated
from jobctl.storage.scripts import call

if TYPE_CHECKING:
    from redis import Redis

_MINUTE = timedelta(minutes=1)
# Nobody reads about those that were left out unless another one is refused by then.
_KEPT = timedelta(days=30)


def admitted(client: "Redis", wanted: int, *, at_most: int, keys: Keys, server: str) -> Admission:
    """See `JobStore.admit_refusals`."""
    seconds = [int(one.total_seconds()) for one in (_MINUTE, _KEPT)]
    with translated(server):
        number, left_out = call(
            client,
            "refusals",
            keys=[keys.refusals, keys.refusals_left_out],
            args=[str(one) for one in (wanted, at_most, *seconds)],
        )
    return Admission(number=number, left_out_before=left_out)
