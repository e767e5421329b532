"""Fixtures for the command line."""

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
    "make_world",
    "moto",
    "proxy",
    "seaweed",
    "strict_world",
    "world",
]
