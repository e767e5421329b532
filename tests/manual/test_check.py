"""`python -m jobctl.manual` and its `--check`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobctl.errors import ExitCode
from tests.manual.shells import ROOT


def _manual(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "jobctl.manual", *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def written(tmp_path: Path) -> Path:
    done = _manual("--root", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.DONE, "", "")
    return tmp_path


def test_the_files_of_the_repository_are_current() -> None:
    done = _manual("--check")
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.DONE, "", "")


def test_what_was_written_passes_the_check(written: Path) -> None:
    assert _manual("--check", "--root", str(written)).returncode == ExitCode.DONE


def test_a_stale_page_is_named_with_the_remedy(written: Path) -> None:
    page = written / "man/jobctl.1"
    page.write_text(page.read_text().replace("NAME", "NAMES", 1))
    done = _manual("--check", "--root", str(written))
    assert done.returncode == ExitCode.FINDINGS
    assert done.stderr == "man/jobctl.1 is stale; run python -m jobctl.manual\n"


def test_a_missing_script_is_named_with_the_remedy(written: Path) -> None:
    (written / "completions/_jobctl").unlink()
    done = _manual("--check", "--root", str(written))
    assert done.returncode == ExitCode.FINDINGS
    assert done.stderr == "completions/_jobctl is missing; run python -m jobctl.manual\n"


def test_the_page_of_a_former_command_is_named(written: Path) -> None:
    (written / "man/jobctl-former.1").touch()
    done = _manual("--check", "--root", str(written))
    assert done.returncode == ExitCode.FINDINGS
    assert done.stderr == "man/jobctl-former.1 is not generated; remove it\n"


def test_a_group_is_checked_as_one_page(written: Path) -> None:
    (written / "man/jobctl-token.1").unlink()
    (written / "man/jobctl-token-issue.1").touch()
    done = _manual("--check", "--root", str(written))
    assert done.returncode == ExitCode.FINDINGS
    assert done.stderr.splitlines() == [
        "man/jobctl-token.1 is missing; run python -m jobctl.manual",
        "man/jobctl-token-issue.1 is not generated; remove it",
    ]


def test_every_difference_has_a_line_of_its_own(tmp_path: Path) -> None:
    done = _manual("--check", "--root", str(tmp_path))
    assert done.returncode == ExitCode.FINDINGS
    assert len(done.stderr.splitlines()) == len(_stored(ROOT))


def test_checking_changes_nothing(tmp_path: Path) -> None:
    _manual("--check", "--root", str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_writing_leaves_other_files_alone(written: Path) -> None:
    other = written / "man/notes.txt"
    other.write_text("mine")
    _manual("--root", str(written))
    assert other.read_text() == "mine"


def test_the_surroundings_do_not_show(
    written: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    _manual(
        "--root",
        str(elsewhere),
        COLUMNS="40",
        TERM="dumb",
        LC_ALL="C",
        TZ="Asia/Tokyo",
        PYTHONHASHSEED="7",
        JOBCTL_NAMESPACE="other",
        JOBCTL_OUTPUT="json",
        JOBCTL_REDIS_URL="redis://other.example.org",
        JOBCTL_CONFIG="/nowhere",
        NO_COLOR="1",
    )
    assert _stored(elsewhere) == _stored(written)


def _stored(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for directory in ("man", "completions")
        for path in (root / directory).iterdir()
    }
