"""The protocols of the three APIs of the endpoint: the shape and the codes of their errors.

The rest of the endpoint uses the error codes of App Mesh.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.endpoint.faults.fault_effects import Response
from reconciler.endpoint.http import identity
from reconciler.serving.requests import JSON, Headers

_TOO_MANY = 429
_TOO_LARGE = 413


@dataclass(frozen=True, slots=True)
class Protocol:
    """The protocol of one API.

    Attributes:
        content_type: The content type of its responses.
        write_error: Returns the body of an error, from its code, message, status and request id.
        codes: Its names for error codes of App Mesh; it has the other codes too.
        throttled: The status of a throttled request.
        has_header: Whether the code of an error is in a header too.
    """

    content_type: bytes
    write_error: Callable[[str, str, int, str], str]
    codes: Mapping[str, str]
    throttled: int
    has_header: bool = True

    def error(self, code: str, message: str, status: int, request_id: str) -> Response:
        """Return an error response; ``code`` is that of App Mesh or of this API."""
        code = self.codes.get(code, code)
        status = self.throttled if status == _TOO_MANY else status
        # All SDKs read the error code of REST from this header. aws-sdk-go v1 reads neither of
        # the two members that may carry it in the body.
        headers = [(b"x-amzn-errortype", code.encode())] if self.has_header else []
        if status == _TOO_LARGE:
            # The rest of the body is not read.
            headers.append((b"connection", b"close"))
        body = self.write_error(code, message, status, request_id)
        return Response(status, body, self.content_type, tuple(headers))


def protocol_of(method: str, path: str, headers: Headers) -> Protocol:
    """Return the protocol of the API that a request is for."""
    if (method, path) != ("POST", "/"):
        return APP_MESH
    return TAGGING if b"x-amz-target" in headers else STS


def _rest_error(code: str, message: str, status: int, request_id: str) -> str:
    del code, status, request_id
    return json.dumps({"message": message})


def _json_error(code: str, message: str, status: int, request_id: str) -> str:
    del status, request_id
    return json.dumps({"__type": code, "Message": message})


APP_MESH = Protocol(JSON, _rest_error, {}, throttled=429)
# Codes from the service model, statuses from the common errors of AWS APIs.
TAGGING = Protocol(
    b"application/x-amz-json-1.1",
    _json_error,
    {
        "BadRequestException": "InvalidParameterException",
        "ConflictException": "InvalidParameterException",
        "ForbiddenException": "AccessDeniedException",
        "InternalServerErrorException": "InternalServiceException",
        "NotFoundException": "InvalidParameterException",
        "ServiceUnavailableException": "ServiceUnavailable",
        "TooManyRequestsException": "ThrottledException",
    },
    throttled=400,
)
STS = Protocol(
    b"text/xml",
    identity.error,
    {
        "AccessDeniedException": "AccessDenied",
        "BadRequestException": "ValidationError",
        "ConflictException": "ValidationError",
        "ForbiddenException": "AccessDenied",
        "InternalServerErrorException": "InternalFailure",
        "NotFoundException": "ValidationError",
        "ServiceUnavailableException": "ServiceUnavailable",
        "TooManyRequestsException": "Throttling",
    },
    throttled=400,
    has_header=False,
)
