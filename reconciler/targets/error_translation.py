"""Translates errors of botocore and of the API into the errors of the reconciler."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from reconciler.core.errors import (
    ConflictError,
    NotFoundError,
    RejectedError,
    TargetError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)
from reconciler.known_secrets import shown
from reconciler.network_errors import connection_advice

# One row for each error in the API description; a test fails if a row is missing.
ERRORS: dict[str, tuple[type[TargetError], str]] = {
    "BadRequestException": (RejectedError, "correct the manifest"),
    "ConflictException": (ConflictError, "check which resource has this name"),
    "ForbiddenException": (RejectedError, "the credentials do not permit this operation"),
    "InternalServerErrorException": (UnavailableError, "the next run tries again"),
    "LimitExceededException": (RejectedError, "a quota is used up: raise it or delete resources"),
    "NotFoundException": (NotFoundError, "the next run tries again"),
    "ResourceInUseException": (ConflictError, "first remove the resources that use it"),
    "ServiceUnavailableException": (UnavailableError, "the next run tries again"),
    "TooManyRequestsException": (ThrottledError, "lower --parallelism, or wait"),
    "TooManyTagsException": (
        RejectedError,
        "a resource can have 50 tags, and the reconciler needs two of them",
    ),
}
# Errors of IAM are not in the API model; these were seen in public issue reports.
UNMODELED: dict[str, tuple[type[TargetError], str]] = {
    "AccessDeniedException": (RejectedError, "allow the action to these credentials"),
    "ExpiredTokenException": (RejectedError, "renew the credentials"),
    "IncompleteSignatureException": (RejectedError, "check the credentials"),
    "InvalidSignatureException": (RejectedError, "check the secret key and this machine's clock"),
    "ThrottlingException": (ThrottledError, "lower --parallelism, or wait"),
    "UnrecognizedClientException": (RejectedError, "check the access key"),
}
# Errors that a service may store with a client token and replay: they depend on its state. Other
# errors are returned before the token is read, or are not about the request.
REPLAYED_ERRORS = frozenset(
    {
        "BadRequestException",
        "ConflictException",
        "LimitExceededException",
        "NotFoundException",
    }
)
# botocore retries LimitExceededException of every service as throttling. In App Mesh it is a quota,
# so a retry is useless. Under this name botocore does not retry it.
_QUOTA = "QuotaExceeded"
CREDENTIALS_ADVICE = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (any values for an endpoint without "
    "--credentials), or pass --profile"
)
_CREDENTIALS_ERRORS = (NoCredentialsError, PartialCredentialsError)
_CONFIGURATION_ERRORS = (NoRegionError, ProfileNotFound, ParamValidationError)
# Errors of botocore's parsers on bytes that are not text or XML and on JSON of an unexpected type.
_UNPARSED = (ResponseParserError, ValueError, TypeError, AttributeError, LookupError)
_MAX_CODE = 80
_SERVER_FAULT = 500
_TOO_MANY = 429


@contextmanager
def translate_errors(label: str) -> Iterator[None]:
    """Raise a `TargetError` in place of each SDK error; `label` begins its message.

    The text of a response is shortened and shown without secrets.
    """
    try:
        yield
    except ClientError as error:
        # An HTML page in place of an STS response has no "Error".
        details = error.response.get("Error", {})
        code = str(details.get("Code", "an error")).replace(_QUOTA, "LimitExceededException")
        message = details.get("Message")
        metadata = error.response["ResponseMetadata"]
        status = metadata["HTTPStatusCode"]
        kind, advice = {**ERRORS, **UNMODELED}.get(code) or _by_status(status)
        name = (
            f"HTTP {status}" if code == str(status) else f"{shown(code, _MAX_CODE)} (HTTP {status})"
        )
        attempts = metadata.get("RetryAttempts", 0) + 1
        name += f" after {attempts} attempts" if attempts > 1 else ""
        reason = f"{name}: {shown(message)}" if message else f"{name} without a message"
        translated = kind(f"{label}: {reason}; {advice}")
        if code in REPLAYED_ERRORS:
            translated.request_id = request_id(metadata)
        raise translated from error
    except _CREDENTIALS_ERRORS as error:
        raise RejectedError(f"{label}: {text_of(error)}; {CREDENTIALS_ADVICE}") from error
    except _CONFIGURATION_ERRORS as error:
        raise RejectedError(f"{label}: {text_of(error)}") from error
    except EndpointConnectionError as error:
        advice = connection_advice(error) or "check the URL, and that a server listens there"
        raise UnreachableError(f"{label}: {text_of(error)}; {advice}") from error
    except BotoCoreError as error:
        advice = connection_advice(error) or "the next run tries again"
        raise UnavailableError(f"{label}: {text_of(error)}; {advice}") from error
    except _UNPARSED as error:
        # The texts of these errors contain the response, for example the credentials of a role.
        raise UnavailableError(
            f"{label}: the response is not from this API; check the endpoint URL"
        ) from error


def text_of(error: BotoCoreError) -> str:
    """Return the text of `error` for a message, without secrets."""
    if type(error) is HTTPClientError:
        # An error that botocore did not expect. If the URL of a proxy cannot be parsed, the text
        # contains parts of that URL.
        return f"the HTTP client failed: {type(error.kwargs.get('error')).__name__}"
    return shown(error)


def rename_quota_error(response: tuple[Any, dict[str, Any]] | None, **_: Any) -> None:
    """Rename a quota error in botocore's parsed response, before botocore decides on a retry."""
    error = response[1].get("Error", {}) if response else {}
    if error.get("Code") == "LimitExceededException":
        error["Code"] = _QUOTA


def request_id(metadata: Mapping[str, Any]) -> str:
    """Return a unique id of a response: the id of the request and the time of the service.

    `metadata` is from a response that botocore parsed. Returns "" if it has neither.
    """
    date = metadata.get("HTTPHeaders", {}).get("date", "")
    return f"{metadata.get('RequestId', '')} {date}".strip()


def classify_response(response: tuple[Any, dict[str, Any]] | None) -> str:
    """Return ok, refused, throttled, failed or none for the parsed response of one attempt."""
    if response is None:
        return "none"
    status = response[1]["ResponseMetadata"]["HTTPStatusCode"]
    if status == _TOO_MANY:
        return "throttled"
    if status >= _SERVER_FAULT:
        return "failed"
    return "refused" if "Error" in response[1] else "ok"


def _by_status(status: int) -> tuple[type[TargetError], str]:
    if status >= _SERVER_FAULT:
        return UnavailableError, "the next run tries again"
    if status == _TOO_MANY:
        return ThrottledError, "lower --parallelism, or wait"
    return RejectedError, f"HTTP {status} is not a response of App Mesh: check the endpoint URL"
