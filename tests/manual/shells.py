"""What the shells complete with our scripts: words with their descriptions, and edited lines."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobctl.manual.program import Parameter, Program
from tests.manual.terminal import type_into

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "completions"
_END = "\x18"  # Ctrl-X, which the shells below have bound to their end


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A home directory of its own, where shells find nobody's configuration."""

    path: Path

    @property
    def environ(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.path), "TERM": "xterm"}

    def add_contexts(self, *names: str) -> None:
        file = self.path / ".config/jobctl/config.toml"
        file.parent.mkdir(parents=True)
        contexts = "\n".join(f"[contexts.{name}]\nread_only = true\n" for name in names)
        file.write_text(f'current_context = "{names[0]}"\n\n{contexts}')

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.environ, cwd=self.path, capture_output=True, text=True, check=False
        )
        assert not done.stderr, done.stderr
        return done.stdout


def options_behind(program: Program) -> dict[tuple[str, ...], tuple[Parameter, ...]]:
    """The options that follow jobctl, each of its groups and each of its commands."""
    of_commands = {command.path: command.all_options for command in program.leaves}
    of_groups = {
        (group.name,): of_commands[group.name, group.default] if group.default else group.options
        for group in program.groups
    }
    return {(): program.options} | of_commands | of_groups


def bash_words(home: Home, words: Sequence[str]) -> list[str]:
    """COMPREPLY for *words*, split as bash splits them; the last one is being typed."""
    script = (
        'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _jobctl; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    output = home.run("bash", "--norc", "-c", script, str(SCRIPTS / "jobctl.bash"), *words)
    return output.splitlines() if output.strip() else []


def bash_line(home: Home, typed: str) -> str:
    """The line that a person has who types *typed* and Tab."""
    rc = home.path / "bashrc"
    rc.write_text(
        f"PS1='ready> '\nsource {SCRIPTS / 'jobctl.bash'}\n"
        'finish() { printf %s "$READLINE_LINE" > "$HOME/line"; exit; }\n'
        "bind -x '\"\\C-x\": finish'\n"
    )
    bash = ["bash", "--noprofile", "--rcfile", str(rc), "-i"]
    type_into(
        ["env", "-C", str(home.path), *bash],
        f"{typed}\t{_END}",
        prompt="ready> ",
        environ=home.environ,
    )
    return (home.path / "line").read_text()


def fish_words(home: Home, line: str) -> dict[str, str]:
    script = f"source {SCRIPTS / 'jobctl.fish'}; complete -C {_fish_quoted(line)}"
    output = home.run("fish", "--no-config", "-c", script)
    return _described(output.splitlines())


def zsh_words(home: Home, typed: str) -> dict[str, str]:
    """Every word that zsh offers for *typed* and Tab, with what it shows beside it."""
    (home.path / ".zshrc").write_text(_ZSHRC.replace("SCRIPTS", str(SCRIPTS)))
    (home.path / "words").write_text("")
    screen = type_into(
        ["env", "-C", str(home.path), "zsh", "-d", "-i"],
        f"{typed}\t{_END}",
        prompt="ready> ",
        environ=home.environ,
    )
    for complaint in ("command not found", "bad pattern", "invalid argument", "doubled"):
        assert complaint not in screen, screen
    return _described((home.path / "words").read_text().splitlines())


def _described(lines: Sequence[str]) -> dict[str, str]:
    """Words with what stands behind the tab."""
    pairs = (line.partition("\t") for line in lines)
    return {word: description for word, _, description in pairs}


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


# Every candidate goes through compadd, which notes it down; -O, -A and -D only ask for matches.
_ZSHRC = r"""
fpath=(SCRIPTS $fpath)
autoload -Uz compinit && compinit -u -D
PROMPT='ready> '
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
    builtin compadd "$@"
    return
  fi
  local -a hits shown
  local i place=${@[(i)-d]}
  (( place < $# )) && shown=("${(@P)${@[place+1]}}")
  builtin compadd -A hits -D shown "$@"
  for ((i = 1; i <= $#hits; i++)); do
    print -r -- "$hits[i]"$'\t'"${shown[i]}" >> ~/words
  done
  builtin compadd "$@"
}
finish() { exit }
zle -N finish
bindkey '^X' finish
"""
