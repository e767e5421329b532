"""Commands packed by hand, sent in bursts, two of them on their way.

A pipeline of the client library spends most of its time on its own bookkeeping. This sends and
receives over a connection of the library's pool, so it works wherever that does: TLS, unix
sockets, sentinels.
"""

from collections.abc import Iterator, Sequence
from typing import Any

# The server answers a burst without a break, so its length is what other clients wait for.
BURST = 64


def command(*words: object) -> str:
    """As the protocol has it, but for the encoding."""
    return f"*{len(words)}\r\n" + "".join(map(word, words))


def word(value: object) -> str:
    text = str(value)
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
    return f"${size}\r\n{text}\r\n"


def exchange(client: Any, commands: Sequence[str]) -> list[Any]:
    """The answers to *commands* (see `command`) as they come; an error is one of them.

    A connection that is lost raises, and so does one that never was.
    """
    bursts = [commands[start : start + BURST] for start in range(0, len(commands), BURST)]
    pool = client.connection_pool
    connection = pool.get_connection()
    try:
        return list(_answers(connection, bursts))
    except BaseException:
        connection.disconnect()  # what is still on its way belongs to nobody
        raise
    finally:
        pool.release(connection)


def _answers(connection: Any, bursts: Sequence[Sequence[str]]) -> Iterator[Any]:
    from redis.exceptions import ResponseError

    def send(burst: Sequence[str]) -> None:
        data = "".join(burst).encode("utf-8", "surrogateescape")
        connection.send_packed_command([data])

    # Most answers are in the parser's buffer when they are asked for: taken from there, they
    # skip what the library does about each. While nothing has been sent, the parser tells what
    # it says when it has nothing.
    reader = getattr(connection._parser, "_reader", None)
    buffered = reader.gets if reader is not None else lambda: None
    nothing = buffered()
    for number, burst in enumerate(bursts):
        if number == 0:
            send(burst)
        if number + 1 < len(bursts):
            send(bursts[number + 1])
        for _ in burst:
            answer = buffered()
            if answer is nothing:
                try:
                    answer = connection.read_response()
                except ResponseError as error:
                    answer = error
            yield answer
