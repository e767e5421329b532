"""The file that says how far the trail was exported: private, whole, and one run's at a time."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobctl.errors import (
    BadConfigurationError,
    LockedError,
    NotFoundError,
    PartlyDoneError,
    RefusedError,
)
from jobctl.services.audit_position import TrailPosition
from jobctl.storage.checkpoint_file import CheckpointFile

POSITION = TrailPosition(place="7-0", hash="ab" * 32)
STORED: dict[str, Any] = {
    "schema": "jobctl/v1",
    "kind": "AuditCheckpoint",
    "namespace": "ns",
    "place": "7-0",
    "hash": "ab" * 32,
}


@contextmanager
def opened(path: Path, namespace: str = "ns") -> Iterator[CheckpointFile]:
    with closing(CheckpointFile(path, namespace=namespace)) as file:
        yield file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint"


def test_a_file_that_is_not_there_says_nothing(path: Path) -> None:
    with opened(path) as file:
        assert file.read() is None
    assert not path.exists()


@pytest.mark.parametrize("position", [POSITION, TrailPosition(place="17-3", hash=None)])
def test_what_was_kept_is_read_again(path: Path, position: TrailPosition) -> None:
    with opened(path) as file:
        file.replace(position)
    with opened(path) as file:
        assert file.read() == position


def test_the_file_is_json_and_for_its_owner_alone(path: Path) -> None:
    path.write_text(json.dumps(STORED))
    path.chmod(0o644)
    with opened(path) as file:
        file.replace(POSITION)
    assert json.loads(path.read_text()) == STORED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(one.name for one in path.parent.iterdir()) == ["checkpoint", "checkpoint.lock"]


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real"
    real.parent.mkdir()
    path.symlink_to(real)
    with opened(path) as file:
        file.replace(POSITION)
        with pytest.raises(LockedError):
            CheckpointFile(real, namespace="ns")
    assert path.is_symlink()
    assert json.loads(real.read_text()) == STORED


def test_one_run_has_it_at_a_time(path: Path) -> None:
    with opened(path), pytest.raises(LockedError, match="another run"):
        CheckpointFile(path, namespace="ns")
    with opened(path) as file:
        file.replace(POSITION)
        with pytest.raises(LockedError):
            CheckpointFile(path, namespace="ns")
    with opened(path) as file:
        assert file.read() == POSITION


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_run_that_fails_half_way_leaves_the_file_as_it_was(
    moment: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(json.dumps(STORED | {"place": "3-0"}))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if moment == "fsync" else Path, moment, full)
    with opened(path) as file, pytest.raises(PartlyDoneError, match="No space left"):
        file.replace(POSITION)
    assert json.loads(path.read_text())["place"] == "3-0"
    assert sorted(one.name for one in path.parent.iterdir()) == ["checkpoint", "checkpoint.lock"]


def test_another_namespace_is_refused(path: Path) -> None:
    path.write_text(json.dumps(STORED))
    with opened(path, "other") as file, pytest.raises(RefusedError, match="namespace ns"):
        file.read()


DAMAGED: dict[str, Callable[[], object]] = {
    "empty": lambda: "",
    "cut off": lambda: json.dumps(STORED)[:-9],
    "a list": lambda: "[]",
    "nested": lambda: "[" * 60_000,
    "bytes": lambda: "\udcff",
    "another kind": lambda: json.dumps(STORED | {"kind": "CleanupPlan"}),
    "another schema": lambda: json.dumps(STORED | {"schema": "jobctl/v2"}),
    "no place": lambda: json.dumps(STORED | {"place": None}),
    "a wrong place": lambda: json.dumps(STORED | {"place": "0-0"}),
    "a number": lambda: json.dumps(STORED | {"place": 7}),
    "a wrong hash": lambda: json.dumps(STORED | {"hash": 7}),
    "no hash": lambda: json.dumps({k: v for k, v in STORED.items() if k != "hash"}),
    "a wrong namespace": lambda: json.dumps(STORED | {"namespace": None}),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_what_is_damaged_is_refused(path: Path, content: Callable[[], str]) -> None:
    path.write_bytes(content().encode("utf-8", "surrogateescape"))
    with opened(path) as file, pytest.raises(BadConfigurationError, match="damaged"):
        file.read()


def test_a_path_that_cannot_be_a_file(path: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="No such file"):
        CheckpointFile(tmp_path / "nowhere" / "checkpoint", namespace="ns")
    path.mkdir()
    with opened(path) as file, pytest.raises(NotFoundError, match="directory"):
        file.read()
