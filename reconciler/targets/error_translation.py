"""The border where the errors of botocore and of the API become ours."""

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

# One row for every error that the description declares; a test fails when it grows one more.
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
# IAM's refusals are in no model of the API (seen in public issues, appmesh-api section 3).
UNMODELED: dict[str, tuple[type[TargetError], str]] = {
    "AccessDeniedException": (RejectedError, "allow the action to these credentials"),
    "ExpiredTokenException": (RejectedError, "renew the credentials"),
    "IncompleteSignatureException": (RejectedError, "check the credentials"),
    "InvalidSignatureException": (RejectedError, "check the secret key and this machine's clock"),
    "ThrottlingException": (ThrottledError, "lower --parallelism, or wait"),
    "UnrecognizedClientException": (RejectedError, "check the access key"),
}
# What a service may remember together with a client token: refusals that depend on its state.
# Others are given before the token is looked up, or say nothing of the request.
REPLAYED_ERRORS = frozenset(
    {
        "BadRequestException",
        "ConflictException",
        "LimitExceededException",
        "NotFoundException",
    }
)
# botocore takes LimitExceededException of any service for a throttle and would ask again; here it
# is a quota, which asking again does not raise. Under this name it is left alone.
_QUOTA = "QuotaExceeded"
_CONFIGURATION_ERRORS = (
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ParamValidationError,
)
# How botocore's parsers end on what is not text, not XML, or JSON of another type than they expect.
_UNPARSED = (ResponseParserError, ValueError, TypeError, AttributeError, LookupError)
_MAX_CODE = 80
_SERVER_FAULT = 500
_TOO_MANY = 429


@contextmanager
def translate_errors(asking: str) -> Iterator[None]:
    """Let only ``TargetError`` out, each saying what we were ``asking`` for.

    What an answer says is shown without secrets, as far as a message takes it.
    """
    try:
        yield
    except ClientError as error:
        # A page in place of an STS answer has no error in it.
        said = error.response.get("Error", {})
        code = str(said.get("Code", "an error")).replace(_QUOTA, "LimitExceededException")
        message = shown(said.get("Message") or "without a message")
        metadata = error.response["ResponseMetadata"]
        status = metadata["HTTPStatusCode"]
        kind, advice = {**ERRORS, **UNMODELED}.get(code) or _by_status(status)
        name = (
            f"HTTP {status}" if code == str(status) else f"{shown(code, _MAX_CODE)} (HTTP {status})"
        )
        attempts = metadata.get("RetryAttempts", 0) + 1
        name += f" after {attempts} attempts" if attempts > 1 else ""
        ours = kind(f"{asking}: {name}: {message}; {advice}")
        if code in REPLAYED_ERRORS:
            ours.request_id = request_id(metadata)
        raise ours from error
    except _CONFIGURATION_ERRORS as error:
        raise RejectedError(f"{asking}: {text_of(error)}") from error
    except EndpointConnectionError as error:
        raise UnreachableError(
            f"{asking}: {text_of(error)}; check the URL, and that a server listens there"
        ) from error
    except BotoCoreError as error:
        raise UnavailableError(f"{asking}: {text_of(error)}; the next run tries again") from error
    except _UNPARSED as error:
        # Their texts hold the answer, such as the credentials of a role.
        raise UnavailableError(
            f"{asking}: the response is not from this API; the next run tries again"
        ) from error


def text_of(error: BotoCoreError) -> str:
    """Return what a message may show of ``error``."""
    if type(error) is HTTPClientError:
        # What botocore did not expect. The text of a proxy's URL that cannot be parsed is parts
        # of that URL.
        return f"the HTTP client failed: {type(error.kwargs.get('error')).__name__}"
    return shown(error)


def rename_quota_error(response: tuple[Any, dict[str, Any]] | None, **_: Any) -> None:
    """Rename a used-up quota in botocore's parsed answer, before it decides whether to retry."""
    error = response[1].get("Error", {}) if response else {}
    if error.get("Code") == "LimitExceededException":
        error["Code"] = _QUOTA


def request_id(metadata: Mapping[str, Any]) -> str:
    """Return what no other answer has: the id of the request, and the time by the service's clock.

    ``metadata`` is that of an answer as botocore parsed it; empty if it has neither.
    """
    date = metadata.get("HTTPHeaders", {}).get("date", "")
    return f"{metadata.get('RequestId', '')} {date}".strip()


def classify_response(response: tuple[Any, dict[str, Any]] | None) -> str:
    """Return the word for what came back from one attempt, as botocore parsed it."""
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
