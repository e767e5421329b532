"""Real S3 servers for tests: SeaweedFS (authentication, limits) and moto (quick).

Each listens on 127.0.0.1 alone and dies with the test process: at `stop`, when the interpreter
ends, and on Linux also when the process is killed.
"""

import atexit
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

ADMIN = ("AKADMIN", "SKADMIN")
READ_ONLY = ("AKRO", "SKRO")
# May write below `temp/mine/` of the bucket `limited`, and read everything.
LIMITED = ("AKLIMITED", "SKLIMITED")
LIMITED_BUCKET = "limited"
OUTSIDER = ("AKNONE", "SKNONE")

_IDENTITIES = {
    ADMIN: ["Admin", "Read", "Write", "List", "Tagging"],
    READ_ONLY: ["Read", "List"],
    LIMITED: ["Read", "List", f"Write:{LIMITED_BUCKET}/temp/mine/*"],
    OUTSIDER: ["Read:elsewhere"],
}
_START_ATTEMPTS = 5
_READY_WITHIN = 60.0
_POLL_INTERVAL = 0.05
_DIE_WITH_PARENT = (
    "import ctypes, os, signal, sys;"
    "ctypes.CDLL(None).prctl(1, signal.SIGKILL);"  # PR_SET_PDEATHSIG
    "os.execv(sys.argv[1], sys.argv[1:])"
)


class ServerDidNotStartError(Exception):
    """Carries the end of the server's log."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class S3Server:
    endpoint_url: str
    access_key: str
    secret_key: str
    process: "subprocess.Popen[bytes]" = field(repr=False)
    directory: Path = field(repr=False)
    sockets: Sequence[Path] = field(repr=False, default=())

    def stop(self) -> None:
        """Kill the server and remove what it wrote; a second call does nothing."""
        atexit.unregister(self.stop)
        self.process.kill()
        self.process.wait()
        for path in self.sockets:
            path.unlink(missing_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def client(self, access_key: str = "", secret_key: str = "") -> "S3Client":
        """A client of its own, to prepare and inspect what jobctl works on."""
        import boto3
        from botocore.config import Config

        client: S3Client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=access_key or self.access_key,
            aws_secret_access_key=secret_key or self.secret_key,
            config=Config(
                connect_timeout=3,
                read_timeout=20,
                retries={"mode": "standard", "total_max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )
        return client


@dataclass(frozen=True, slots=True, kw_only=True)
class _Launch:
    port: int
    argv: Sequence[str]
    sockets: Sequence[Path] = ()


def start_seaweed(directory: Path) -> S3Server:
    """SeaweedFS with the four identities above; *directory* is its own and goes when it stops."""
    return _start(directory, _seaweed, ADMIN)


def start_moto() -> S3Server:
    """moto, which accepts whatever credentials a client brings."""
    return _start(Path(tempfile.mkdtemp(prefix="jobctl-moto-")), _moto, ("moto", "moto"))


def free_ports(count: int, *, pairs: int = 0) -> Sequence[int]:
    """Ports that are free now, all held until the last is found; the first *pairs* also + 10000.

    Another process can still take one before the server binds it: hence several start attempts.
    """
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            try:
                port = _hold(held, 0)
                if len(found) < pairs:
                    _hold(held, port + 10_000)
            except (OSError, OverflowError):
                continue
            found.append(port)
    return found


def _hold(held: ExitStack, port: int) -> int:
    holder = held.enter_context(socket.socket())
    holder.bind(("127.0.0.1", port))
    bound: int = holder.getsockname()[1]
    return bound


def _start(
    directory: Path, prepare: Callable[[Path], _Launch], credentials: tuple[str, str]
) -> S3Server:
    for attempt in range(_START_ATTEMPTS):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        launch = prepare(directory)
        server = S3Server(
            endpoint_url=f"http://127.0.0.1:{launch.port}",
            access_key=credentials[0],
            secret_key=credentials[1],
            process=_spawn(launch.argv, directory),
            directory=directory,
            sockets=launch.sockets,
        )
        atexit.register(server.stop)
        try:
            _wait_until_ready(server)
        except BaseException as error:
            server.stop()
            if isinstance(error, ServerDidNotStartError) and attempt + 1 < _START_ATTEMPTS:
                continue
            raise
        return server
    raise AssertionError("the last attempt returns or raises")


def _spawn(argv: Sequence[str], directory: Path) -> "subprocess.Popen[bytes]":
    launcher = [sys.executable, "-c", _DIE_WITH_PARENT] if sys.platform == "linux" else []
    # A file, never a pipe: nobody would read it, and a full pipe stops the server.
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            [*launcher, *argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory
        )


def _seaweed(directory: Path) -> _Launch:
    config = directory / "s3.json"
    config.write_text(json.dumps({"identities": _identities()}))
    ports = _seaweed_ports()
    switches = ("master.telemetry", "webdav", "admin.ui", "s3.autoCreateBucket")
    options = {
        "dir": directory,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.config": config,
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": directory / "s3.sock",
        "filer.localSocket": directory / "filer.sock",
        **dict.fromkeys(switches, "false"),
        **ports,
    }
    argv = [_program("weed"), "-logtostderr=true", "mini"]
    return _Launch(
        port=ports["s3.port"],
        argv=[*argv, *(f"-{name}={value}" for name, value in options.items())],
        # These it puts into /tmp whatever TMPDIR says.
        sockets=[
            Path("/tmp") / f"seaweedfs-{name.partition('.')[0]}-grpc-{port}.sock"
            for name, port in ports.items()
            if name.endswith(".grpc")
        ],
    )


def _identities() -> Sequence[object]:
    return [
        {
            "name": access_key,
            "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
            "actions": actions,
        }
        for (access_key, secret_key), actions in _IDENTITIES.items()
    ]


def _seaweed_ports() -> dict[str, int]:
    """Every port by its option: one that is not given has a fixed default."""
    # The worker looks for the admin server's gRPC port 10000 above the HTTP port, always.
    admin, *rest = free_ports(9, pairs=1)
    ports = {"admin.port": admin, "admin.port.grpc": admin + 10_000}
    roles = ("s3", "master", "filer", "volume")
    for role, http, grpc in zip(roles, rest[::2], rest[1::2], strict=True):
        ports |= {f"{role}.port": http, f"{role}.port.grpc": grpc}
    return ports


def _moto(_directory: Path) -> _Launch:
    (port,) = free_ports(1)
    return _Launch(port=port, argv=[_program("moto_server"), "-H", "127.0.0.1", "-p", str(port)])


def _program(name: str) -> str:
    beside_python = Path(sys.executable).with_name(name)
    found = str(beside_python) if beside_python.exists() else shutil.which(name)
    if found is None:
        raise ServerDidNotStartError(f"{name} is not installed: pip install jobctl[dev]")
    return found


def _wait_until_ready(server: S3Server) -> None:
    """Until an object can be written: a SeaweedFS that lists buckets may not have a volume yet."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = server.client()
    deadline = time.monotonic() + _READY_WITHIN
    while True:
        try:
            client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="probe", Body=b"x")
            client.delete_object(Bucket="ready", Key="probe")
            client.delete_bucket(Bucket="ready")
        except (BotoCoreError, ClientError) as error:
            if server.process.poll() is not None or time.monotonic() > deadline:
                log = (server.directory / "log").read_text(errors="replace")[-2000:]
                raise ServerDidNotStartError(f"{error}\n{log}") from error
            time.sleep(_POLL_INTERVAL)
        else:
            return
