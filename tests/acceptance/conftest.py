"""Fixtures for the acceptance tests."""

import shutil
from collections.abc import Iterator

import pytest

from tests.acceptance.embedded import short_directory
from tests.cli.fixtures import (
    any_world,
    behind_proxy,
    far_world,
    impatient,
    make_world,
    proxy,
    strict_world,
    world,
)
from tests.servers.s3_fixtures import moto, seaweed

__all__ = [
    "any_world",
    "behind_proxy",
    "far_world",
    "impatient",
    "local",
    "make_world",
    "moto",
    "proxy",
    "seaweed",
    "strict_world",
    "world",
]


@pytest.fixture
def local() -> Iterator[dict[str, str]]:
    """The environment of a user who has configured nothing, with an embedded store of its own."""
    directory = short_directory()
    yield {"XDG_DATA_HOME": str(directory)}
    shutil.rmtree(directory)
