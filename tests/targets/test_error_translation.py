"""Every foreign error becomes one of ours, with what to do about it."""

import socket
import ssl

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    SSLError,
)

from reconciler.api import load
from reconciler.core.errors import (
    ConflictError,
    NotFoundError,
    RejectedError,
    TargetError,
    ThrottledError,
    UnavailableError,
)
from reconciler.targets.error_translation import ERRORS, UNMODELED, translate_errors


def answered(code: str, status: int, message: str = "as they say") -> TargetError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    with pytest.raises(TargetError) as caught, translate_errors("CreateMesh of mesh/a"):
        raise ClientError(answer, "CreateMesh")
    return caught.value


def test_every_declared_error_has_a_row_and_every_row_an_error() -> None:
    assert set(ERRORS) == set(load().errors)


@pytest.mark.parametrize("code", [*ERRORS, *UNMODELED])
def test_an_error_says_what_was_asked_what_came_and_what_to_do(code: str) -> None:
    error = answered(code, 400)
    kind, advice = (ERRORS | UNMODELED)[code]
    assert type(error) is kind
    assert str(error) == f"CreateMesh of mesh/a: {code} (HTTP 400): as they say; {advice}"


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("500", 500, UnavailableError),
        ("502", 502, UnavailableError),
        ("429", 429, ThrottledError),
        ("404", 404, RejectedError),
        ("301", 301, RejectedError),
        ("NovelException", 400, RejectedError),
    ],
)
def test_a34_a35_what_is_not_app_meshs_is_judged_by_its_status(
    code: str, status: int, kind: type[TargetError]
) -> None:
    error = answered(code, status)
    assert type(error) is kind
    assert not isinstance(error, NotFoundError | ConflictError)


def test_an_error_without_a_message_is_still_a_sentence() -> None:
    assert "without a message" in str(answered("BadRequestException", 400, ""))


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="http://x"),
        ReadTimeoutError(endpoint_url="http://x"),
        EndpointConnectionError(endpoint_url="http://x"),
    ],
)
def test_no_answer_is_neither_done_nor_refused(error: Exception) -> None:
    with pytest.raises(UnavailableError), translate_errors("asking"):
        raise error


def test_the_parts_of_a_url_in_an_error_of_the_http_client_are_not_shown() -> None:
    error = HTTPClientError(error=ValueError("Failed to parse: 'me:pass'"))
    with (
        pytest.raises(UnavailableError, match=r"^asking: the HTTP client failed: ValueError; "),
        translate_errors("asking"),
    ):
        raise error


def test_e01_a_long_answer_is_shown_in_part_and_its_code_too() -> None:
    result = str(answered("N" * 1000, 400, "refused " * 10_000))
    assert len(result) < 1300
    assert "N" * 80 + "… (HTTP 400): refused refused" in result


def test_missing_credentials_are_a_refusal() -> None:
    with pytest.raises(RejectedError, match="credentials"), translate_errors("asking"):
        raise NoCredentialsError


def test_a_configuration_that_the_sdk_rejects_is_a_refusal() -> None:
    with pytest.raises(RejectedError, match="config profile"), translate_errors("asking"):
        raise ProfileNotFound(profile="x")


def test_what_is_no_error_of_theirs_goes_on_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), translate_errors("asking"):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("error", "cause", "advice"),
    [
        (EndpointConnectionError, socket.gaierror(), "check the spelling of the host name"),
        (EndpointConnectionError, ConnectionRefusedError(), "a server listens there"),
        (SSLError, ssl.SSLError(), "use http:// in the URL"),
        (SSLError, ssl.SSLCertVerificationError(), "check the certificate"),
    ],
)
def test_a_failed_connection_shows_the_remedy_of_its_cause(
    error: type[BotoCoreError], cause: OSError, advice: str
) -> None:
    with pytest.raises(UnavailableError, match=advice), translate_errors("asking"):
        raise error(endpoint_url="https://x", error=cause) from cause
