"""Callers with unset variables, no home, another encoding, or no patience to read on."""

import os
from pathlib import Path

import pytest

from jobctl.errors import BadConfigurationError, ExitCode
from jobctl.settings import default_data_directory, resolve
from tests.cli.runner import start
from tests.cli.world import World


@pytest.mark.parametrize(
    "option", ["--idempotency-key", "--skip-pii", "--name", "--type", "--user", "--org"]
)
@pytest.mark.parametrize("blank", ["", "  "])
def test_an_option_that_is_given_says_something(option: str, blank: str, world: World) -> None:
    before = world.contents
    outcome = world.run("create", world.file(), option, blank)
    assert outcome.exit_code == ExitCode.USAGE
    assert option in outcome.stderr
    assert world.contents == before


@pytest.mark.parametrize("base", ["relative", "./x", ""])
def test_a_base_directory_that_is_not_absolute_does_not_count(base: str) -> None:
    environ = {"XDG_DATA_HOME": base, "HOME": "/home/of-somebody"}
    assert default_data_directory(environ) == Path("/home/of-somebody/.local/share/jobctl")


def test_without_a_home_the_embedded_store_has_no_place() -> None:
    with pytest.raises(BadConfigurationError):
        default_data_directory({"HOME": ""})


def test_without_a_home_there_is_no_configuration_file() -> None:
    assert not resolve({}, {"HOME": ""}).config_file_exists


def test_a_store_that_is_chosen_by_name_is_not_overruled_by_the_environment() -> None:
    environ = {"JOBCTL_REDIS_URL": "redis://somewhere"}
    assert resolve({}, environ, context="local").settings.redis_url is None
    assert resolve({}, environ).settings.redis_url == "redis://somewhere"


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
@pytest.mark.parametrize("output", ["json", "csv", "tsv"])
def test_other_programs_get_utf_8_whatever_the_locale(
    encoding: str, output: str, world: World
) -> None:
    job_id = world.seed(document_name="Größe ☃")
    outcome = world.spawn("status", job_id, "-o", output, PYTHONIOENCODING=encoding)
    assert "Größe ☃" in outcome.stdout


def test_a_reader_that_goes_away_hides_no_failure(world: World) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with start("delete", "no-such-job", "-o", "json", env=world.env, stdout=writing) as process:
        os.close(writing)
        assert process.stderr is not None
        assert b"no job no-such-job" in process.stderr.read()
        assert process.wait(30) == ExitCode.NOT_FOUND


def test_an_id_on_standard_input_is_a_text(world: World) -> None:
    for line in ('{"id": null}', '{"id": {"a": 1}}', '{"id": ""}'):
        outcome = world.run("delete", "-", stdin=f"{line}\n")
        assert outcome.exit_code == ExitCode.USAGE
        assert "line 1" in outcome.stderr
