"""Fixtures for the S3 servers; a conftest imports those that its tests use."""

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.s3 import S3Server, start_moto, start_seaweed

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

SignIn = Callable[[str, str], None]


@pytest.fixture(scope="session")
def seaweed() -> Iterator[S3Server]:
    """One SeaweedFS for each xdist worker."""
    server = start_seaweed(Path(tempfile.mkdtemp(prefix="jobctl-weed-")))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    server = start_moto()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def s3_bucket(seaweed: S3Server) -> Iterator[str]:
    """An empty bucket on SeaweedFS, removed with what the test put into it."""
    yield from _bucket_on(seaweed)


@pytest.fixture
def moto_bucket(moto: S3Server) -> Iterator[str]:
    yield from _bucket_on(moto)


@pytest.fixture
def sign_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SignIn:
    """Sets the credentials that boto3 finds; until it is called there are none at all."""
    for name in tuple(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    # Neither the developer's own profile nor the machine's role may take part.
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def sign_in(access_key: str, secret_key: str) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)

    return sign_in


def _bucket_on(server: S3Server) -> Iterator[str]:
    client = server.client()
    bucket = f"docs-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket)
    try:
        yield bucket
    finally:
        _empty(client, bucket)
        client.delete_bucket(Bucket=bucket)


def _empty(client: "S3Client", bucket: str) -> None:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", ()):
            client.delete_object(Bucket=bucket, Key=item["Key"])
