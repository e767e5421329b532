"""What is said and done when S3 refuses, is not there, or answers badly."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobctl.errors import (
    BadConfigurationError,
    InvalidUsageError,
    JobctlError,
    NotFoundError,
    NotPermittedError,
    UnavailableError,
)
from jobctl.storage.s3_objects import S3ObjectStore
from tests.servers.s3 import OUTSIDER, READ_ONLY, S3Server, free_ports, start_moto
from tests.servers.s3_fixtures import SignIn
from tests.servers.scripted_s3 import Answer, failure, scripted_s3
from tests.storage.bucket_under_test import BucketUnderTest, s3_store

ACCESS_KEY, SECRET = "AKIAINTHEMESSAGE", "secret-in-the-message"
Use = Callable[[BucketUnderTest], object]
USES: dict[str, Use] = {
    "put_new": lambda documents: documents.put("temp/1.pdf"),
    "head": lambda documents: documents.head("temp/1.pdf"),
    "list": lambda documents: documents.keys(),
    "delete": lambda documents: documents.delete("temp/1.pdf"),
    "delete-alone": lambda documents: documents.delete("temp/\x01.pdf"),
    "check_bucket": lambda documents: documents.store.check_bucket(documents.name),
}
every_use = pytest.mark.parametrize("use", USES.values(), ids=USES)


def at(endpoint_url: str, bucket: str = "docs") -> BucketUnderTest:
    return BucketUnderTest(store=s3_store(endpoint_url), name=bucket, origin=Path("/nowhere"))


@pytest.fixture
def signed_in(sign_in: SignIn) -> None:
    sign_in(ACCESS_KEY, SECRET)


def error_of(use: Use, documents: BucketUnderTest) -> JobctlError:
    with pytest.raises(JobctlError) as raised:
        use(documents)
    assert raised.value.hint
    for secret in (ACCESS_KEY, SECRET):
        assert secret not in raised.value.message + raised.value.hint
    return raised.value


@every_use
def test_a_missing_bucket_is_named(seaweed: S3Server, sign_in: SignIn, use: Use) -> None:
    sign_in(seaweed.access_key, seaweed.secret_key)

    error = error_of(use, at(seaweed.endpoint_url, "equalify-temp"))

    assert isinstance(error, NotFoundError)
    assert error.message == f"bucket equalify-temp does not exist at {seaweed.endpoint_url}"


@every_use
def test_a_wrong_secret_is_not_permitted(
    seaweed: S3Server, s3_bucket: str, sign_in: SignIn, use: Use
) -> None:
    sign_in(seaweed.access_key, SECRET)

    error = error_of(use, at(seaweed.endpoint_url, s3_bucket))

    assert isinstance(error, NotPermittedError)
    assert "does not accept the credentials (SignatureDoesNotMatch)" in error.message


@every_use
def test_an_unknown_access_key_is_not_permitted(
    seaweed: S3Server, s3_bucket: str, signed_in: None, use: Use
) -> None:
    error = error_of(use, at(seaweed.endpoint_url, s3_bucket))

    assert isinstance(error, NotPermittedError)
    assert "does not accept the credentials (InvalidAccessKeyId)" in error.message


@pytest.mark.parametrize("use", [USES["put_new"], USES["head"], USES["list"], USES["check_bucket"]])
def test_an_identity_without_rights_is_not_permitted(
    seaweed: S3Server, s3_bucket: str, sign_in: SignIn, use: Use
) -> None:
    sign_in(*OUTSIDER)

    error = error_of(use, at(seaweed.endpoint_url, s3_bucket))

    assert isinstance(error, NotPermittedError)
    assert error.message == f"access to bucket {s3_bucket} at {seaweed.endpoint_url} is denied"


def test_read_only_credentials_read_and_cannot_change(
    seaweed_documents: BucketUnderTest, seaweed: S3Server, sign_in: SignIn
) -> None:
    seaweed_documents.put("temp/1.pdf")
    sign_in(*READ_ONLY)
    reader = at(seaweed.endpoint_url, seaweed_documents.name)

    reader.store.check_bucket(reader.name)
    assert reader.keys() == ["temp/1.pdf"]
    assert reader.head("temp/2.pdf") is None
    assert isinstance(error_of(USES["put_new"], reader), NotPermittedError)
    refused = reader.delete("temp/1.pdf", "temp/\x01.pdf")
    assert refused.deleted == ()
    assert [failure.code for failure in refused.failed] == ["AccessDenied", "AccessDenied"]
    assert seaweed_documents.keys() == ["temp/1.pdf"]


@every_use
def test_missing_credentials_are_not_permitted(
    seaweed: S3Server, s3_bucket: str, sign_in: SignIn, use: Use
) -> None:
    error = error_of(use, at(seaweed.endpoint_url, s3_bucket))

    assert isinstance(error, NotPermittedError)
    assert "no complete credentials" in error.message


@every_use
def test_a_server_that_is_not_there_is_unavailable_within_seconds(
    signed_in: None, use: Use
) -> None:
    (port,) = free_ports(1)
    begun = time.monotonic()

    error = error_of(use, at(f"http://127.0.0.1:{port}"))

    assert isinstance(error, UnavailableError)
    assert error.message == f"bucket docs: http://127.0.0.1:{port} cannot be reached"
    assert time.monotonic() - begun < 15


def test_a_server_that_goes_away_is_unavailable(sign_in: SignIn) -> None:
    server = start_moto()
    try:
        server.client().create_bucket(Bucket="docs")
        sign_in(server.access_key, server.secret_key)
        documents = at(server.endpoint_url)
        documents.put("temp/1.pdf")
    finally:
        server.stop()

    for use in (USES["head"], USES["delete"]):
        assert isinstance(error_of(use, documents), UnavailableError)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDenied", 403, NotPermittedError),
        ("ExpiredToken", 400, NotPermittedError),
        ("RequestTimeTooSkewed", 403, NotPermittedError),
        ("SomethingNew", 403, NotPermittedError),
        ("AuthorizationHeaderMalformed", 400, BadConfigurationError),
        ("InvalidBucketName", 400, BadConfigurationError),
        ("NotImplemented", 501, BadConfigurationError),
        ("EntityTooLarge", 400, InvalidUsageError),
        ("SlowDown", 503, UnavailableError),
        ("InternalError", 500, UnavailableError),
        ("SomethingNew", 400, UnavailableError),
        ("XMinioStorageFull", 507, UnavailableError),
    ],
)
def test_each_answer_becomes_the_error_that_fits(
    signed_in: None, code: str, status: int, kind: type[JobctlError]
) -> None:
    echo = f"{ACCESS_KEY} {SECRET} http://user:{SECRET}@host/?X-Amz-Signature=0"
    with scripted_s3(lambda _: failure(status, code, echo)) as script:
        error = error_of(USES["check_bucket"], at(script.endpoint_url))

    assert type(error) is kind
    assert "bucket docs" in error.message


@pytest.mark.parametrize("use", [USES["put_new"], USES["head"], USES["list"], USES["check_bucket"]])
def test_a_server_that_is_no_s3_is_bad_configuration(signed_in: None, use: Use) -> None:
    with scripted_s3(lambda _: Answer(body="<html>Welcome</html>")) as script:
        error = error_of(use, at(script.endpoint_url))

    assert isinstance(error, BadConfigurationError)
    assert "does not answer like an S3 server" in error.message


def test_an_answer_that_is_cut_off_is_unavailable(signed_in: None) -> None:
    with scripted_s3(lambda _: Answer(body="<ListBucketResult><Name>docs")) as script:
        error = error_of(USES["list"], at(script.endpoint_url))

    assert isinstance(error, UnavailableError)


def test_a_server_without_tls_is_not_permitted(signed_in: None) -> None:
    with scripted_s3(lambda _: Answer()) as script:
        error = error_of(
            USES["check_bucket"], at(script.endpoint_url.replace("http://", "https://"))
        )

    assert isinstance(error, NotPermittedError)
    assert "does not speak TLS" in error.message


@pytest.mark.parametrize(
    "endpoint_url",
    ["minio.example:9000", "ftp://minio.example", "http://", "http://[::1", "http://h:99999", ""],
)
def test_an_endpoint_that_is_no_url_is_bad_configuration(
    signed_in: None, endpoint_url: str
) -> None:
    error = error_of(USES["head"], at(endpoint_url))

    assert isinstance(error, BadConfigurationError)


def test_credentials_in_the_endpoint_are_refused_and_not_repeated(signed_in: None) -> None:
    error = error_of(USES["head"], at(f"http://{ACCESS_KEY}:{SECRET}@minio.example"))

    assert isinstance(error, BadConfigurationError)


def test_an_unknown_profile_is_bad_configuration(
    signed_in: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")

    error = error_of(USES["head"], at("http://127.0.0.1:1"))

    assert isinstance(error, BadConfigurationError)
    assert "ProfileNotFound" in error.message


def test_an_unknown_addressing_style_is_bad_configuration(signed_in: None) -> None:
    store = S3ObjectStore(endpoint_url=None, region=None, addressing_style="sideways")

    with pytest.raises(BadConfigurationError, match="InvalidS3AddressingStyleError"):
        store.check_bucket("docs")


def test_a_bucket_name_that_s3_does_not_take_is_bad_configuration(signed_in: None) -> None:
    error = error_of(USES["head"], at("http://127.0.0.1:1", "no such bucket!"))

    assert isinstance(error, BadConfigurationError)
