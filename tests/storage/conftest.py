"""Fixtures for the object stores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobctl.storage import redis_mutation
from jobctl.storage.directory_objects import DirectoryObjectStore
from jobctl.storage.exchange import exchange
from tests.servers.s3 import S3Server
from tests.servers.s3_fixtures import SignIn, moto, moto_bucket, s3_bucket, seaweed, sign_in
from tests.storage.bucket_under_test import BucketUnderTest, s3_store

__all__ = ["moto", "moto_bucket", "s3_bucket", "seaweed", "sign_in"]


@pytest.fixture
def directory_documents(tmp_path: Path) -> BucketUnderTest:
    root = tmp_path / "documents"
    return BucketUnderTest(store=DirectoryObjectStore(root), name="docs", origin=root)


@pytest.fixture
def seaweed_documents(seaweed: S3Server, s3_bucket: str, sign_in: SignIn) -> BucketUnderTest:
    sign_in(seaweed.access_key, seaweed.secret_key)
    return BucketUnderTest(store=s3_store(seaweed.endpoint_url), name=s3_bucket, origin=seaweed)


@pytest.fixture
def moto_documents(moto: S3Server, moto_bucket: str, sign_in: SignIn) -> BucketUnderTest:
    sign_in(moto.access_key, moto.secret_key)
    return BucketUnderTest(store=s3_store(moto.endpoint_url), name=moto_bucket, origin=moto)


@pytest.fixture
def scripts_go_through_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may have a method `exchange` of its own, which sees what is sent."""

    def sent(client: Any, commands: Sequence[str]) -> list[Any]:
        own = getattr(client, "exchange", None)
        return exchange(client, commands) if own is None else own(commands)

    monkeypatch.setattr(redis_mutation, "exchange", sent)
