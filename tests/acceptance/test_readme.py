"""README says nothing that has not been run: its tour, its configuration, its commands."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from jobctl.settings import resolve

README = Path(__file__).parents[2] / "README.md"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_WHEN = re.compile(r"\d+s ago|now$|\d{4}-\d\d-\d\dT[\d:.]+Z", re.MULTILINE)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text("utf-8"), re.M | re.S)


def _steps() -> list[tuple[str, str]]:
    """(command, what README shows as its output) for every line of the tour."""
    steps: list[tuple[str, str]] = []
    for line in "".join(_blocks("console")).splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], ""))
        else:
            command, output = steps[-1]
            steps[-1] = (command, f"{output}{line}\n")
    return steps


def _comparable(text: str) -> list[str]:
    """Ids and moments differ from run to run, and so does the padding around them."""
    text = _WHEN.sub("<when>", _UUID.sub("<id>", text))
    return [" ".join(line.split()) for line in text.splitlines()]


def test_every_line_of_the_tour_does_what_is_shown(tmp_path: Path) -> None:
    marker = "--- end of step"
    script = "set -e\n" + "".join(f"{command}\necho '{marker}'\n" for command, _ in _steps())
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "JOBCTL_OUTPUT": "table",
    }
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    outputs = done.stdout.split(f"{marker}\n")
    for (command, expected), output in zip(_steps(), outputs, strict=False):
        assert _comparable(output) == _comparable(expected), command
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("context", ["staging", "production"])
def test_the_configuration_shown_is_valid(tmp_path: Path, context: str) -> None:
    (text,) = _blocks("toml")
    file = tmp_path / "config.toml"
    file.write_text(text)
    resolved = resolve({}, {}, config=file, context=context)
    shown = tomllib.loads(text)["contexts"][context]
    assert resolved.settings.redis_url == shown["redis_url"]
    assert {resolved.origins[name] for name in shown} == {f"context {context}"}


def test_ci_runs_the_test_command_that_readme_shows() -> None:
    tests = _blocks("sh")[1]
    ci = (README.parent / ".ci" / "run").read_text()
    for part in ("-e '.[dev]'", "pytest -n auto"):
        assert part in tests
        assert part in ci


def test_the_folders_that_readme_names_exist() -> None:
    named = re.findall(r"^\| `(jobctl/\w+)`", README.read_text("utf-8"), re.M)
    assert named
    assert all((README.parent / folder).is_dir() for folder in named)
