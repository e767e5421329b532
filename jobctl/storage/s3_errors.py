"""The one place where what botocore raises becomes a JobctlError.

Messages are composed here from the bucket, the endpoint and the error's code. Nothing that
botocore or the server wrote is repeated: it can hold access keys and request URLs.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from jobctl.errors import (
    BadConfigurationError,
    InvalidUsageError,
    JobctlError,
    NotFoundError,
    NotPermittedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError


@dataclass(frozen=True, slots=True)
class _Fault:
    """`fact` and `hint` are templates over `bucket`, `endpoint` and `code`."""

    kind: type[JobctlError]
    fact: str
    hint: str


_AGAIN = "run the command again; check the server if it goes on"
_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile in AWS_PROFILE"
_LOGIN = "log in again, or renew AWS_SESSION_TOKEN"
_REACH = "check JOBCTL_S3_ENDPOINT_URL, the network and, off AWS, JOBCTL_S3_ADDRESSING_STYLE=path"
_REGION = "set JOBCTL_S3_REGION to the bucket's region"
_NO_BUCKET = _Fault(
    NotFoundError,
    "bucket {bucket} does not exist at {endpoint}",
    "create it, or correct the bucket's name or JOBCTL_S3_ENDPOINT_URL",
)
_DENIED = _Fault(
    NotPermittedError,
    "access to bucket {bucket} at {endpoint} is denied",
    "grant these credentials s3:ListBucket on the bucket and s3:GetObject, s3:PutObject and "
    "s3:DeleteObject on its objects",
)
_WRONG_KEY = _Fault(
    NotPermittedError, "bucket {bucket}: {endpoint} does not accept the credentials ({code})", _KEYS
)
_EXPIRED = _Fault(
    NotPermittedError, "bucket {bucket}: the credentials for {endpoint} have expired", _LOGIN
)
_CLOCK = _Fault(
    NotPermittedError,
    "bucket {bucket}: {endpoint} refuses the request because the clocks differ",
    "set this machine's clock",
)
_BUSY = _Fault(
    UnavailableError, "bucket {bucket}: {endpoint} cannot take the request now ({code})", _AGAIN
)
_FULL = _Fault(
    UnavailableError,
    "bucket {bucket}: {endpoint} has no room left ({code})",
    "free space or raise the quota, then run the command again",
)
_WRONG_REGION = _Fault(
    BadConfigurationError, "bucket {bucket} is in another region than {endpoint} ({code})", _REGION
)
_BAD_NAME = _Fault(
    BadConfigurationError,
    "bucket {bucket}: S3 does not take this name or request",
    "correct the bucket's name in the configuration",
)
_NOT_S3 = _Fault(
    BadConfigurationError,
    "bucket {bucket}: {endpoint} does not answer like an S3 server",
    "correct JOBCTL_S3_ENDPOINT_URL",
)
_UNSUPPORTED = _Fault(
    BadConfigurationError,
    "bucket {bucket}: {endpoint} does not implement what jobctl needs ({code})",
    "use an S3 server that supports If-None-Match on writes",
)
_TOO_LARGE = _Fault(
    InvalidUsageError,
    "bucket {bucket}: {endpoint} refuses the object ({code})",
    "use a smaller one",
)
_REFUSED = _Fault(
    UnavailableError, "bucket {bucket}: {endpoint} refuses the request ({code})", _AGAIN
)

_ANSWERS: dict[str, _Fault] = {
    "NoSuchBucket": _NO_BUCKET,
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AccountProblem": _DENIED,
    "InvalidAccessKeyId": _WRONG_KEY,
    "SignatureDoesNotMatch": _WRONG_KEY,
    "InvalidToken": _WRONG_KEY,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "SlowDown": _BUSY,
    "RequestTimeout": _BUSY,
    "QuotaExceeded": _FULL,
    "InsufficientStorage": _FULL,
    "XMinioStorageFull": _FULL,
    "AuthorizationHeaderMalformed": _WRONG_REGION,
    "IllegalLocationConstraintException": _WRONG_REGION,
    "PermanentRedirect": _WRONG_REGION,
    "InvalidBucketName": _BAD_NAME,
    "NotImplemented": _UNSUPPORTED,
    "EntityTooLarge": _TOO_LARGE,
    "KeyTooLongError": _TOO_LARGE,
}
_STATUSES: dict[int, _Fault] = {
    HTTPStatus.MOVED_PERMANENTLY: _WRONG_REGION,
    HTTPStatus.UNAUTHORIZED: _WRONG_KEY,
    HTTPStatus.FORBIDDEN: _DENIED,
    HTTPStatus.NOT_FOUND: _NOT_S3,
    HTTPStatus.METHOD_NOT_ALLOWED: _NOT_S3,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _TOO_LARGE,
    HTTPStatus.TOO_MANY_REQUESTS: _BUSY,
    HTTPStatus.NOT_IMPLEMENTED: _UNSUPPORTED,
    HTTPStatus.INSUFFICIENT_STORAGE: _FULL,
}


_NO_CREDENTIALS = _Fault(
    NotPermittedError, "bucket {bucket}: no complete credentials for {endpoint}", _KEYS
)
_NO_LOGIN = _Fault(
    NotPermittedError, "bucket {bucket}: credentials for {endpoint} cannot be had ({code})", _LOGIN
)
_BAD_PROFILE = _Fault(
    BadConfigurationError,
    "bucket {bucket}: the AWS configuration cannot be used ({code})",
    "check AWS_PROFILE, ~/.aws/config and the jobctl settings s3_region and s3_addressing_style",
)
_NO_TLS = _Fault(
    NotPermittedError,
    "bucket {bucket}: {endpoint} has a certificate that is not trusted, or does not speak TLS",
    "install the server's authority or name it in AWS_CA_BUNDLE, or use http:// on a safe network",
)
_UNREACHABLE = _Fault(UnavailableError, "bucket {bucket}: {endpoint} cannot be reached", _REACH)
_SILENT = _Fault(UnavailableError, "bucket {bucket}: {endpoint} did not answer in time", _REACH)
_BROKEN = _Fault(
    UnavailableError, "bucket {bucket}: the exchange with {endpoint} failed ({code})", _AGAIN
)
# By the name of the exception's class, so that this table needs no botocore to be loaded.
_FAILURES: dict[str, _Fault] = {
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": _NO_CREDENTIALS,
    "CredentialRetrievalError": _NO_LOGIN,
    "TokenRetrievalError": _NO_LOGIN,
    "NoAuthTokenError": _NO_LOGIN,
    "SSOError": _NO_LOGIN,
    "LoginError": _NO_LOGIN,
    "ProfileNotFound": _BAD_PROFILE,
    "ConfigNotFound": _BAD_PROFILE,
    "ConfigParseError": _BAD_PROFILE,
    "InvalidConfigError": _BAD_PROFILE,
    "InvalidS3AddressingStyleError": _BAD_PROFILE,
    "UnsupportedS3ConfigurationError": _BAD_PROFILE,
    "InvalidRegionError": _BAD_PROFILE,
    "EndpointProviderError": _BAD_PROFILE,
    "BaseEndpointResolverError": _BAD_PROFILE,
    "ParamValidationError": _BAD_NAME,
    "SSLError": _NO_TLS,
    "ConnectTimeoutError": _SILENT,
    "ReadTimeoutError": _SILENT,
    "ConnectionError": _UNREACHABLE,
    "ConnectionClosedError": _BROKEN,
    "ResponseParserError": _NOT_S3,
}


@contextmanager
def s3_errors(bucket: str, endpoint: str) -> Iterator[None]:
    """Raise what happened on *bucket* at *endpoint* as the JobctlError that fits."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise _composed(_answered(error), bucket, endpoint, error_code(error)) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise _composed(_unanswered(error), bucket, endpoint, type(error).__name__) from error


def require_s3_answer(answer: Mapping[str, object], name: str, bucket: str, endpoint: str) -> None:
    """Raise unless the successful *answer* has what every S3 server puts into it.

    A web server or a proxy's login page also says 200; botocore reads that as an empty listing
    or a finished upload.
    """
    if name not in answer:
        raise _composed(_NOT_S3, bucket, endpoint, "")


def error_code(error: "ClientError") -> str:
    """S3's error code; the bare HTTP status where the answer had no body (every HEAD)."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def http_status(error: "ClientError") -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def public_endpoint(url: str) -> str:
    """*url* as it may be shown: without user, password, path or query; never fails."""
    scheme, separator, rest = url.rpartition("://")
    host = re.split("[/?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return f"{scheme}{separator}{host}" if scheme.isalnum() else host


def _composed(fault: _Fault, bucket: str, endpoint: str, code: str) -> JobctlError:
    message = fault.fact.format(bucket=bucket, endpoint=endpoint, code=code)
    return fault.kind(message, hint=fault.hint)


def _answered(error: "ClientError") -> _Fault:
    status = http_status(error)
    fallback = _BUSY if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _REFUSED
    return _ANSWERS.get(error_code(error)) or _STATUSES.get(status, fallback)


def _unanswered(error: Exception) -> _Fault:
    """Why no answer came, by the most specific class that is known."""
    for kind in type(error).__mro__:
        if fault := _FAILURES.get(kind.__name__):
            return fault
    return _BROKEN
