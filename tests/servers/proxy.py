"""A proxy in front of a Redis server that loses replies on demand.

It reads both directions as RESP, so it knows which reply belongs to which request however the
bytes were split or pipelined. Subscriptions, MONITOR and CLIENT REPLY, which break the rule of
one reply a request, are not supported; push messages pass.
"""

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

FaultMode = Literal["close", "reset", "stall", "truncate"]
MODES: tuple[FaultMode, ...] = ("close", "reset", "stall", "truncate")

CONTROL_SECONDS = 10.0
# Aborting a socket that lingers for zero seconds sends RST instead of FIN.
NO_LINGER = struct.pack("ii", 1, 0)


def end_of_value(data: bytes | bytearray, start: int) -> int | None:
    """Where the RESP value at `start` ends; None while it is incomplete."""
    line_end = data.find(b"\r\n", start)
    if line_end < 0:
        return None
    kind, end = data[start : start + 1], line_end + 2
    if kind not in b"$=!*~>%|":  # a line is all of it: status, error, number, inline command
        return end
    length = max(int(data[start + 1 : line_end]), -1)
    if kind in b"$=!":
        end = end if length < 0 else end + length + 2
        return end if end <= len(data) else None
    for _ in range(length * 2 if kind in b"%|" else length):
        following = end_of_value(data, end)
        if following is None:
            return None
        end = following
    return end


class ValueStream:
    """Cuts a stream of bytes into whole RESP values."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while self._buffer and (end := end_of_value(self._buffer, 0)) is not None:
            value = bytes(self._buffer[:end])
            del self._buffer[:end]
            yield value


@dataclass(slots=True, kw_only=True)
class _Rule:
    matching: bytes
    mode: FaultMode
    times: int


@dataclass(slots=True, kw_only=True)
class _Ledger:
    """What the links of one proxy share; written by the loop's thread."""

    rules: list[_Rule] = field(default_factory=list)
    answered: list[bytes] = field(default_factory=list)
    dropped: list[bytes] = field(default_factory=list)
    delivered: int = 0
    accepted: int = 0
    transports: set[asyncio.Transport] = field(default_factory=set)

    def judge(self, request: bytes, reply: bytes) -> FaultMode | None:
        """Books an answered request; the fault, if its reply is to be lost."""
        if reply.startswith(b"-NOSCRIPT"):  # nothing ran: the client will load the script
            return None
        self.answered.append(request)
        for rule in self.rules:
            if rule.times > 0 and rule.matching in request:
                rule.times -= 1
                self.dropped.append(request)
                return rule.mode
        return None


class _Link(asyncio.Protocol):
    """One client's connection, with a connection to the server for it alone."""

    client: asyncio.Transport

    def __init__(self, upstream: str, ledger: _Ledger) -> None:
        self._upstream = urlsplit(upstream)
        self._ledger = ledger
        self._requests = ValueStream()
        self._replies = ValueStream()
        self._unanswered: deque[bytes] = deque()
        self._server: asyncio.Transport | None = None
        self._fault: FaultMode | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.client = transport
        self._ledger.transports.add(transport)
        self._ledger.accepted += 1
        transport.pause_reading()
        self._dialling = asyncio.get_running_loop().create_task(self._dial())

    def data_received(self, data: bytes) -> None:
        assert self._server is not None
        # Booked before it is sent, so that no reply can be early.
        for request in self._requests.feed(data):
            self._ledger.delivered += 1
            self._unanswered.append(request)
        self._server.write(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._ledger.transports.discard(self.client)
        if self._server is not None:
            self._server.close()

    def server_sent(self, data: bytes) -> None:
        for reply in self._replies.feed(data):
            self._pass_or_lose(reply)
        # A failure waits for the replies to all that was pipelined: all of it was executed.
        if self._fault is not None and not self._unanswered:
            self._break()

    def _pass_or_lose(self, reply: bytes) -> None:
        # Unasked come push messages, and the error that turns a connection away.
        if self._unanswered and not reply.startswith(b">"):
            fault = self._ledger.judge(self._unanswered.popleft(), reply)
            if fault == "truncate" and self._fault is None:
                self.client.write(reply[: len(reply) // 2])
            self._fault = self._fault or fault
        if self._fault is None:
            self.client.write(reply)

    def _break(self) -> None:
        if self._fault == "stall":
            return
        if self._fault == "reset":
            connection = self.client.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self.client.abort()
        else:
            self.client.close()

    async def _dial(self) -> None:
        loop, url = asyncio.get_running_loop(), self._upstream
        try:
            if url.hostname and url.port:
                await loop.create_connection(lambda: _ServerSide(self), url.hostname, url.port)
            else:
                await loop.create_unix_connection(lambda: _ServerSide(self), url.path)
        except OSError:
            self.client.abort()

    def server_connected(self, transport: asyncio.Transport) -> None:
        self._ledger.transports.add(transport)
        self._server = transport
        if self.client.is_closing():
            transport.close()
        else:
            self.client.resume_reading()

    def server_lost(self) -> None:
        if self._server is not None:
            self._ledger.transports.discard(self._server)
        self.client.close()


class _ServerSide(asyncio.Protocol):
    def __init__(self, link: _Link) -> None:
        self._link = link

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._link.server_connected(transport)

    def data_received(self, data: bytes) -> None:
        self._link.server_sent(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._link.server_lost()


class FaultProxy:
    """Listens on 127.0.0.1 in front of `upstream` (unix:// or redis://) while it is entered."""

    _loop: asyncio.AbstractEventLoop
    _thread: threading.Thread

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._ledger = _Ledger()
        self._listener: asyncio.Server | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.allow()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.refuse()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def connections(self) -> int:
        """How many were accepted so far."""
        return self._ledger.accepted

    @property
    def requests(self) -> int:
        """How many were passed to the server so far, the client's handshakes included."""
        return self._ledger.delivered

    @property
    def dropped(self) -> tuple[bytes, ...]:
        """The requests, as sent, whose replies a rule lost."""
        return tuple(self._ledger.dropped)

    def executed(self, matching: bytes) -> int:
        """How many requests with these bytes the server has answered, NOSCRIPT apart."""
        return sum(matching in request for request in tuple(self._ledger.answered))

    def drop_reply(self, *, matching: bytes, mode: FaultMode = "close", times: int = 1) -> None:
        """Loses the replies to the next `times` requests that contain these bytes.

        The client sees nothing before the server has executed the request and all that was
        pipelined with it; replies before the lost one arrive, later ones do not. A NOSCRIPT
        reply passes and does not count. `stall` answers nothing more on that connection.
        """
        self._ledger.rules.append(_Rule(matching=matching, mode=mode, times=times))

    def refuse(self) -> None:
        """Closes every connection and refuses new ones."""
        self._run(self._shut())

    def allow(self) -> None:
        """Listens again, on the same port."""
        self._run(self._listen())

    def _run(self, control: Coroutine[None, None, None]) -> None:
        asyncio.run_coroutine_threadsafe(control, self._loop).result(CONTROL_SECONDS)

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await self._loop.create_server(
                lambda: _Link(self._upstream, self._ledger), "127.0.0.1", self.port
            )
            self.port = self._listener.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        unfinished = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        for transport in tuple(self._ledger.transports):
            transport.abort()
        while self._ledger.transports:
            await asyncio.sleep(0)
