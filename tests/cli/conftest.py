"""Fixtures for the command line."""

from tests.cli.fixtures import any_world, make_world, strict_world, world
from tests.servers.s3_fixtures import moto, seaweed

__all__ = ["any_world", "make_world", "moto", "seaweed", "strict_world", "world"]
