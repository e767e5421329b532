"""A boto3 client with jobctl's timeouts and retries."""

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jobctl.errors import BadConfigurationError
from jobctl.storage.s3_errors import public_endpoint

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client

_CONNECT_SECONDS = 3
_READ_SECONDS = 20
_ATTEMPTS = 4
_CONNECTIONS = 16


def connect_s3(
    *, endpoint_url: str | None, region: str | None, addressing_style: str
) -> "S3Client":
    """No request is made; credentials are looked up in boto3's own chain."""
    import boto3
    from botocore.config import Config
    from botocore.session import get_session

    _check_endpoint(endpoint_url)
    config = Config(
        signature_version="s3v4",
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=_CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        # The stub knows the three valid values; botocore checks the setting's text.
        s3={"addressing_style": addressing_style},  # type: ignore[arg-type]
    )
    # A session of its own: boto3's default one is shared and not safe to use from threads.
    own = get_session()
    own.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    session = boto3.session.Session(botocore_session=own)
    client: S3Client = session.client(
        "s3", endpoint_url=endpoint_url, region_name=region, config=config
    )
    return client


def _moment(value: str) -> datetime:
    """A listing has a thousand times a page, and botocore guesses the format of each."""
    from botocore.utils import parse_timestamp

    with suppress(ValueError, TypeError):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment
    return parse_timestamp(value)


def _check_endpoint(endpoint_url: str | None) -> None:
    """botocore reports an endpoint it cannot use as a bare ValueError, or not at all."""
    if endpoint_url is None:
        return
    hint = "set JOBCTL_S3_ENDPOINT_URL to a URL such as https://s3.example.com"
    try:
        parts = urlsplit(endpoint_url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise BadConfigurationError("the S3 endpoint is not a valid URL", hint=hint) from error
    if not usable:
        shown = public_endpoint(endpoint_url)
        raise BadConfigurationError(f"S3 endpoint {shown} is not an http(s) URL", hint=hint)
    if parts.username is not None:
        raise BadConfigurationError(
            "the S3 endpoint URL contains credentials",
            hint="take them out: credentials come from the environment or the AWS profile",
        )
