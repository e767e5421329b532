"""`python -m jobctl.manual`: write man/ and completions/, or compare them with `--check`."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from pathlib import Path

from jobctl.errors import ExitCode
from jobctl.manual.bash import bash_script
from jobctl.manual.fish import fish_script
from jobctl.manual.pages import main_page, page_of
from jobctl.manual.program import read_program
from jobctl.manual.zsh import zsh_script

COMMAND = "python -m jobctl.manual"
_DIRECTORIES = ("man", "completions")


def generated() -> dict[str, str]:
    """Every file with its text, by its path below the root of the repository."""
    program = read_program()
    pages = {f"man/{program.name}.1": main_page(program)}
    for command in program.commands:
        pages[f"man/{program.name}-{command.name}.1"] = page_of(program, command)
    return pages | {
        f"completions/{program.name}.bash": bash_script(program),
        f"completions/_{program.name}": zsh_script(program),
        f"completions/{program.name}.fish": fish_script(program),
    }


def differences(root: Path, files: Mapping[str, str]) -> Iterator[str]:
    """A line for each file that is missing, stale or superfluous."""
    for path, text in files.items():
        try:
            stored = (root / path).read_bytes()
        except FileNotFoundError:
            yield f"{path} is missing; run {COMMAND}"
        else:
            if stored != text.encode():
                yield f"{path} is stale; run {COMMAND}"
    for path in _superfluous(root, files):
        yield f"{path} is not generated; remove it"


def write(root: Path, files: Mapping[str, str]) -> None:
    """Pages of commands that there are no longer are left to `--check`: nothing is removed."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode())


def main(arguments: list[str] | None = None) -> int:
    parser = ArgumentParser(prog=COMMAND, description="Write the manual and the completions.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 10 on differences")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where man and completions are")
    options = parser.parse_args(arguments)
    root = options.root or _repository()
    if root is None:
        parser.error("no repository around this package; name its directory with --root")
    files = generated()
    if not options.check:
        write(root, files)
        return ExitCode.DONE
    found = list(differences(root, files))
    for line in found:
        sys.stderr.write(f"{line}\n")
    return ExitCode.FINDINGS if found else ExitCode.DONE


def _repository() -> Path | None:
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() else None


def _superfluous(root: Path, files: Mapping[str, str]) -> Iterator[str]:
    for directory in _DIRECTORIES:
        for path in sorted((root / directory).rglob("*")):
            name = path.relative_to(root).as_posix()
            if not path.is_dir() and name not in files:
                yield name


if __name__ == "__main__":
    sys.exit(main())
