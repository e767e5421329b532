"""Reads a few fields of very many hashes: commands packed once, in bursts, two on their way.

A pipeline of the client library spends most of its time on its own bookkeeping. This sends and
receives over a connection of the library's pool, so it works wherever that does: TLS, unix
sockets, sentinels.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from jobctl.storage.keys import wire
from jobctl.storage.redis_reads import asked_again

if TYPE_CHECKING:
    from redis import Redis

# The server answers a burst without a break, so its length is what other clients wait for.
BURST = 64

Values = list[str | None]


class BulkReader:
    def __init__(self, client: "Redis", *, server: str) -> None:
        self._client: Any = client
        self._server = server

    def fields(self, keys: Sequence[str], names: Sequence[str]) -> list[Values]:
        """The values of *names* in each of *keys*, None for what is absent or not a hash."""
        tail = b"".join(_word(name) for name in names)
        head = b"*%d\r\n$5\r\nHMGET\r\n" % (len(names) + 2)
        bursts = [
            b"".join(head + _word(key) + tail for key in keys[start : start + BURST])
            for start in range(0, len(keys), BURST)
        ]
        return asked_again(
            lambda: self._exchange(bursts, len(keys), len(names)), server=self._server
        )

    def _exchange(self, bursts: Sequence[bytes], total: int, width: int) -> list[Values]:
        pool = self._client.connection_pool
        connection = pool.get_connection()
        try:
            return list(self._answers(connection, bursts, total, width))
        except BaseException:
            connection.disconnect()  # what is still on its way belongs to nobody
            raise
        finally:
            pool.release(connection)

    def _answers(
        self, connection: Any, bursts: Sequence[bytes], total: int, width: int
    ) -> Iterator[Values]:
        from redis.exceptions import ResponseError

        read = connection.read_response
        for number, burst in enumerate(bursts):
            if number == 0:
                connection.send_packed_command([burst])
            if number + 1 < len(bursts):
                connection.send_packed_command([bursts[number + 1]])
            for _ in range(min(BURST, total - number * BURST)):
                try:
                    yield read()
                except ResponseError as error:
                    if "WRONGTYPE" not in str(error):
                        raise
                    yield [None] * width


def _word(text: str) -> bytes:
    sent = wire(text)
    raw = sent.encode("ascii") if isinstance(sent, str) else sent
    return b"$%d\r\n%s\r\n" % (len(raw), raw)
