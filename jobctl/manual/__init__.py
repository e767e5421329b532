"""The manual pages and the shell completions, generated from the command tree.

`python -m jobctl.manual` writes them, `--check` compares. They are files of the project, and
the same for everybody: nothing in them depends on a date, a terminal or the environment.

The generator is our own. click-man reads the Click package, of which Typer carries a copy of
its own; help2man and its kin read the text of `--help` and know no more than it says.

The completions are static: a Tab costs no start of Python, reads nothing but the configuration
file's context names, and works where the command itself cannot (another environment, a broken
installation). Job ids are not completed, since that would ask Redis at every Tab.
"""
