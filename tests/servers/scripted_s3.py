"""An S3 that answers what a test tells it to, for what real servers do only on a bad day."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from xml.sax.saxutils import escape, unescape


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    body: bytes

    @property
    def keys(self) -> Sequence[str]:
        """The keys that a DeleteObjects request asks for."""
        return [unescape(key) for key in re.findall("<Key>(.*?)</Key>", self.body.decode())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


# None: close the connection without a word.
Respond = Callable[[Request], Answer | None]


@dataclass(slots=True, kw_only=True)
class ScriptedS3:
    endpoint_url: str
    respond: Respond
    requests: list[Request] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)


def failure(status: int, code: str, message: str = "") -> Answer:
    fields = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    return Answer(status=status, body=f"<Error>{fields}</Error>")


def deletion(*, deleted: Sequence[str] = (), errors: Sequence[tuple[str, str]] = ()) -> Answer:
    """The answer to DeleteObjects; *errors* are pairs of key and code."""
    parts = [f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in deleted]
    parts += [
        f"<Error><Key>{escape(key)}</Key><Code>{code}</Code><Message>no</Message></Error>"
        for key, code in errors
    ]
    return Answer(body=f"<DeleteResult>{''.join(parts)}</DeleteResult>")


@contextmanager
def scripted_s3(respond: Respond) -> Iterator[ScriptedS3]:
    """*respond* is called for each request, one at a time, which is then in `requests`."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.script = ScriptedS3(
            endpoint_url=f"http://127.0.0.1:{server.server_port}", respond=respond
        )
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.script
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    script: ScriptedS3


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        request = Request(method=self.command, path=self.path, body=self.rfile.read(size))
        script = self.server.script
        with script.lock:
            script.requests.append(request)
            answer = script.respond(request)
        if answer is None:
            self.close_connection = True
            return
        content = answer.body.encode()
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(content)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    # http.server looks the method up by these names.
    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Stay silent: stderr belongs to the tests."""
