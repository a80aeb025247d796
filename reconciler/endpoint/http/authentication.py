"""Finds the account and the permissions of a request, and gives errors the names of AWS.

The codes and statuses are those of public reports: they depend on the protocol of the API.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.http import identity, protocols
from reconciler.endpoint.http.credentials import PERMISSIONS, AccessKey
from reconciler.endpoint.http.protocols import Protocol
from reconciler.endpoint.http.signature import (
    Problem,
    SignatureError,
    SignedRequest,
    read_claims,
    verify,
)
from reconciler.endpoint.semantics.error_messages import not_authorized
from reconciler.endpoint.state.tables import Scope
from reconciler.serving.reloaded_file import ReloadedFiles
from reconciler.serving.requests import Message

_JSON_CODES = {
    Problem.MISSING: "MissingAuthenticationTokenException",
    Problem.INCOMPLETE: "IncompleteSignatureException",
    Problem.UNKNOWN_KEY: "UnrecognizedClientException",
    Problem.INVALID: "InvalidSignatureException",
    Problem.DENIED: "AccessDeniedException",
}
_QUERY_CODES = {
    Problem.MISSING: "MissingAuthenticationToken",
    Problem.INCOMPLETE: "IncompleteSignature",
    Problem.UNKNOWN_KEY: "InvalidClientTokenId",
    Problem.INVALID: "SignatureDoesNotMatch",
    Problem.DENIED: "AccessDenied",
}


@dataclass(frozen=True, slots=True)
class Api:
    """One API of the endpoint, as signatures and errors name it."""

    service: str
    """The service in credential scopes."""
    prefix: str
    """The service in names of actions."""
    status: int
    codes: Mapping[Problem, str]


APP_MESH = Api("appmesh", "appmesh", 403, _JSON_CODES)
TAGGING = Api("tagging", "tag", 400, _JSON_CODES)
STS = Api("sts", "sts", 403, _QUERY_CODES)
# The endpoint's own routes. The signing service is that of App Mesh.
OWN = Api("appmesh", "endpoint", 403, _JSON_CODES)
_EVERYTHING = frozenset(PERMISSIONS)


class AccessError(ApiError):
    """The request has no valid signature, or the access key must not send it."""

    def __init__(self, api: Api, problem: Problem, message: str) -> None:
        super().__init__(api.codes[problem], message, status=api.status)


@dataclass(frozen=True, slots=True)
class Caller:
    """The account, the region and the permissions of a request."""

    api: Api
    scope: Scope
    permissions: frozenset[str]

    def require(self, permission: str, action: str, arn: str = "*") -> None:
        """Raise AccessError unless the caller has ``permission``."""
        if permission not in self.permissions:
            action = f"{self.api.prefix}:{action}"
            message = not_authorized(self.scope.account, action, arn)
            raise AccessError(self.api, Problem.DENIED, message)


class Authenticator:
    """Finds the caller of each request.

    Without access keys, every caller may do everything and no signature is verified.
    """

    def __init__(
        self,
        keys: ReloadedFiles[Mapping[str, AccessKey]] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Use the access keys by id in ``keys``; ``clock`` returns seconds since 1970."""
        self._keys = keys
        self._clock = clock

    def caller_of(self, api: Api, scope: Message, body: bytes) -> Caller:
        """Return the caller of a request to ``api``.

        Raises:
            AccessError: The signature is missing or invalid, or its key is unknown.
        """
        if self._keys is None:
            given = b",".join(value for name, value in scope["headers"] if name == b"authorization")
            return Caller(api, identity.scope_of(given.decode("latin-1")), _EVERYTHING)
        request = SignedRequest(
            scope["method"],
            scope["raw_path"],
            scope["query_string"],
            _joined(scope["headers"]),
            body,
            encrypted=scope["scheme"] == "https",
        )
        try:
            return self._verify(api, request, self._keys.current())
        except SignatureError as error:
            raise AccessError(api, error.problem, str(error)) from error

    def _verify(self, api: Api, request: SignedRequest, keys: Mapping[str, AccessKey]) -> Caller:
        claims = read_claims(request)
        key = keys.get(claims.key_id)
        if key is None or not hmac.compare_digest(
            key.session_token.encode(), claims.token.encode()
        ):
            raise SignatureError(
                Problem.UNKNOWN_KEY, "The security token included in the request is invalid."
            )
        now = datetime.fromtimestamp(self._clock(), UTC)
        verify(claims, request, key.secret, api.service, now)
        return Caller(api, Scope(key.account, claims.region), key.permissions)


def api_of(protocol: Protocol) -> Api:
    """Return the API that has a protocol."""
    if protocol is protocols.TAGGING:
        return TAGGING
    return STS if protocol is protocols.STS else APP_MESH


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by name, the values of a repeated one joined by commas."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.decode("latin-1"), []).append(value.strip().decode("latin-1"))
    return {name: ",".join(items) for name, items in values.items()}
