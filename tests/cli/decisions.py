"""Jobs that await a decision, jobctl at a keyboard, and what the tests of decisions share."""

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_urlsafe
from threading import Event
from typing import Any

from tests.cli.runner import LONGEST_SECONDS, Outcome, clean_environment, command
from tests.cli.world import World, new_id
from tests.servers.scripted_s3 import Answer, Request, scripted_s3
from tests.waiting import PATIENCE, wait_until

REASON = "names of staff only"
WHY = ("--reason", REASON)
HOUR = timedelta(hours=1)
FORMATS = ("table", "wide", "tsv", "csv", "json", "jsonl", "id")
# What jobctl reads and changes these jobs by, and how a changed job looks then.
CHANGES = {
    "approve": ("awaiting_approval", "processing_queued"),
    "deny": ("awaiting_approval", "denied"),
    "cancel": ("queued", "cancelled"),
    "retry": ("failed", "queued"),
}


def arguments_of(verb: str) -> list[str]:
    """What *verb* needs beside its jobs, none of which has a document."""
    needed = {"approve": [*WHY, "--no-verify"], "deny": [*WHY], "retry": ["--no-verify"]}
    return [verb, *needed.get(verb, [])]


def job_for(verb: str, world: World, **fields: Any) -> str:
    """A job that *verb* would change."""
    status = CHANGES[verb][0]
    if status == "awaiting_approval":
        return request_approval(world, **fields)
    return world.seed(status, **fields)


def request_approval(
    world: World,
    *,
    status: str = "awaiting_approval",
    token: str = "",
    window: timedelta = HOUR,
    **fields: object,
) -> str:
    """A job as the approval service leaves it when it asks for a decision, without a document."""
    token = token or token_urlsafe(32)
    deadline = datetime.now(UTC) + window
    window_fields = {"approval_token": token, "approval_expires_at": deadline.isoformat()}
    name = world.seed(status, **window_fields | fields)
    entry = {"job_id": name, "s3_key": f"temp/{name}.pdf", "pii_findings": []}
    pipe = world.redis.pipeline()
    pipe.set(world.key("approval-token", token), name, ex=3_600)
    pipe.zadd(world.key("timeouts:approval"), {name: deadline.timestamp()})
    pipe.lpush(world.key("queue:approval"), json.dumps(entry | {"approval_token": token}))
    pipe.execute()
    return name


def with_document(world: World, job_id: str, body: bytes = b"%PDF-1.7") -> str:
    world.bucket.put_object(Bucket=world.documents, Key=f"temp/{job_id}.pdf", Body=body)
    return job_id


def token_of(world: World, job_id: str) -> str:
    return world.job(job_id)["approval_token"]


def token_file(world: World, token: str, name: str = "token.txt") -> str:
    return text_file(world, f"{token}\n", name)


def text_file(world: World, text: str, name: str = "reason.txt") -> str:
    path = world.directory / name
    path.write_text(text, "utf-8")
    return str(path)


def statuses(world: World, *ids: str) -> list[str]:
    return [world.job(job_id)["status"] for job_id in ids]


def actions(world: World) -> list[str]:
    return [entry["action"] for entry in world.audit]


def decision_of(world: World, job_id: str, kind: str = "approval") -> dict[str, str]:
    found: dict[str, str] = json.loads(world.job(job_id)[f"{kind}_decision"])
    return found


def hold(world: World, job_id: str) -> str:
    """The approval service is deciding on the job; the key of its lock."""
    key = world.key("approval-lock", job_id)
    world.redis.set(key, "foreign", ex=60)
    return key


def summary(outcome: Outcome) -> dict[str, int]:
    """The counts that are not zero."""
    counts: dict[str, int] = outcome.json["summary"]
    return {name: count for name, count in counts.items() if count}


def assert_no_canary(*shown: object) -> None:
    """Neither CANARY nor the NAME of the tests of privacy stands in any of *shown*."""
    lines = [line for text in shown for line in str(text).splitlines()]
    assert [line for line in lines if "CANARY" in line.upper()] == []
    assert not any("xanthippe" in line.lower() for line in lines)


def limited_user(world: World, *rules: str) -> dict[str, str]:
    """The environment of a Redis user with *rules* on top of everything."""
    user = f"u-{new_id()}"
    world.redis.execute_command("ACL", "SETUSER", user, "on", ">pw", "~*", "+@all", *rules)
    path = text_file(world, "pw\n", "password")
    return {"JOBCTL_REDIS_USERNAME": user, "JOBCTL_REDIS_PASSWORD_FILE": path}


def troubles(world: World) -> Iterator[dict[str, str]]:
    """What goes wrong behind a proper command line: each ends with a traceback under --debug."""
    yield {"JOBCTL_REDIS_URL": "redis://127.0.0.1:1/0"}
    for rules in (["-get", "-hgetall"], ["-evalsha"], ["resetkeys", "~nothing"], ["-xadd"]):
        yield limited_user(world, *rules)
    yield {"JOBCTL_READ_ONLY": "true"}
    yield {"JOBCTL_HANDOFF": "celery"}


class SlowDocuments:
    """An S3 that has every document, and whose answer number *pause_at* has to be waited for."""

    def __init__(self, pause_at: int) -> None:
        self._pause_at = pause_at
        self._asked = 0
        self.reached = Event()
        self.go_on = Event()

    def __call__(self, _request: Request) -> Answer:
        self._asked += 1
        if self._asked == self._pause_at:
            self.reached.set()
            self.go_on.wait(LONGEST_SECONDS)
        return Answer(headers={"Last-Modified": "Wed, 21 Oct 2026 07:28:00 GMT", "ETag": '"x"'})


@contextmanager
def slow_documents(world: World, *, pause_at: int) -> Iterator[SlowDocuments]:
    """jobctl asks this store and no other about the documents of *world*."""
    slow = SlowDocuments(pause_at)
    with scripted_s3(slow) as server:
        world.more["JOBCTL_S3_ENDPOINT_URL"] = server.endpoint_url
        try:
            yield slow
        finally:
            slow.go_on.set()


@dataclass(slots=True, kw_only=True)
class Keyboard:
    """jobctl with a controlling terminal of its own; `shown` is all that was written there."""

    process: "subprocess.Popen[bytes]"
    terminal: int
    shown: str = ""
    _raw: bytearray = field(default_factory=bytearray)

    def expect(self, text: str) -> None:
        """Read until *text* has been shown."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, f"no {text!r} in {self.shown!r}"
            assert self._read(deadline), f"it ended without {text!r}: {self.shown!r}"

    def type(self, keys: str) -> None:
        os.write(self.terminal, keys.encode())

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + LONGEST_SECONDS
        while self._read(deadline):
            assert time.monotonic() < deadline, "it does not end"
        return self.process.wait(PATIENCE)

    @property
    def screen(self) -> list[str]:
        """What is left to be seen: carriage returns and erased lines are carried out."""
        rows = [""]
        text = self.shown.replace("\x1b[K", "\x00").replace("\r\n", "\n")
        column = 0
        for character in text:
            if character == "\n":
                rows.append("")
            elif character == "\x00":
                rows[-1] = rows[-1][:column]
            elif character != "\r":
                rows[-1] = rows[-1][:column] + character + rows[-1][column + 1 :]
            column = 0 if character in "\r\n" else column + (character != "\x00")
        return [row.rstrip() for row in rows if row.strip()]

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more after {self.shown!r}"
        try:
            piece = os.read(self.terminal, 65_536)
        except OSError:  # Linux says so when nobody has the other side open
            piece = b""
        self._raw += piece
        self.shown = self._raw.decode("utf-8", "replace")
        return bool(piece)


@contextmanager
def at_keyboard(
    *arguments: str, env: Mapping[str, str], stdout: int | None = None
) -> Iterator[Keyboard]:
    """stdin and stderr are the terminal, and stdout too unless it is given."""
    ours, theirs = os.openpty()
    name = os.ttyname(theirs)
    # Whoever leads a session without a terminal gets the one that it opens first.
    redirection = 'exec "$@" <"$0" 2>"$0"' + ("" if stdout is not None else ' >"$0"')
    process = subprocess.Popen(
        ["sh", "-c", redirection, name, *command(*arguments)],
        env=clean_environment(env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with process:
            # Closed only once the process has it open: before, reading would find the end.
            keyboard = Keyboard(process=process, terminal=ours)
            wait_until(lambda: _has_open(process.pid, name) or process.poll() is not None)
            os.close(theirs)
            try:
                yield keyboard
            finally:
                process.kill()
    finally:
        os.close(ours)


def _has_open(pid: int, file: str) -> bool:
    try:
        return any(str(one.readlink()) == file for one in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
