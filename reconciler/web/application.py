"""The checks, errors and headers that all ASGI applications of the daemon share."""

import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass

from reconciler import pages
from reconciler.serving.requests import (
    JSON,
    CutOffError,
    Headers,
    Message,
    Receive,
    Send,
    TooLongError,
    is_known_host,
)
from reconciler.web.webhooks.registry import WEBHOOKS
from reconciler.web.webhooks.signature import is_authentic

_CLOSE = (b"connection", b"close")
TEXT = b"text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    body: bytes
    content_type: bytes = TEXT
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()


class HttpError(Exception):
    """The request is rejected; the text is sent to the client."""

    def __init__(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Access:
    """The requests that are accepted.

    Attributes:
        token: Authorizes cycle requests; None rejects all of them.
        webhook_secret: Authorizes webhooks; None disables their paths.
        hosts: Names allowed in the Host header, besides localhost and IP addresses.
    """

    token: str | None = None
    webhook_secret: bytes | None = None
    hosts: Collection[str] = ()


class WebApplication:
    """ASGI application that responds to requests for a known host."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._hosts = {"localhost", *(host.lower() for host in access.hosts)}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        try:
            self._require_known_host(scope)
            response = await self.respond(scope, receive)
        except HttpError as error:
            response = _error_response(error.status, error, error.headers)
        except TooLongError as error:
            response = _error_response(413, error, (_CLOSE,))
        except CutOffError:
            return
        headers = [
            (b"content-type", response.content_type),
            (b"content-length", str(len(response.body)).encode()),
            *pages.HEADERS,
            *response.headers,
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def respond(self, scope: Message, receive: Receive) -> Response:
        """Return the response to a request for a known host.

        Raises:
            HttpError: The request is rejected.
            TooLongError: Its body is too long.
            CutOffError: The client has gone.
        """
        raise NotImplementedError

    async def is_webhook(self, scope: Message, receive: Receive) -> bool:
        """Return whether the request is an authentic webhook; False if its path is not of one.

        Raises:
            HttpError: The path is of a webhook, but the request is not authentic.
        """
        secret = self._access.webhook_secret
        read_proof = WEBHOOKS.get(path_of(scope))
        if secret is None or read_proof is None:
            return False
        headers: Headers = dict(scope["headers"])
        require_method(scope, "POST")
        require_same_origin(headers)
        if not await is_authentic(read_proof(headers, secret), receive):
            # The rest of the body is not read.
            raise HttpError(401, "the signature or token is missing or wrong", _CLOSE)
        return True

    def require_command(self, scope: Message) -> None:
        """Reject a request that is not a POST with the token.

        Raises:
            HttpError: The request is rejected.
        """
        headers: Headers = dict(scope["headers"])
        require_method(scope, "POST")
        require_same_origin(headers)
        if self._access.token is None:
            raise HttpError(403, "this daemon has no token file, so it accepts no cycle requests")
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        known = hmac.compare_digest(given.strip(), self._access.token.encode())
        if scheme.lower() != b"bearer" or not known:
            raise HttpError(401, "the token is missing or wrong", (b"www-authenticate", b"Bearer"))

    def _require_known_host(self, scope: Message) -> None:
        if not is_known_host(scope["headers"], self._hosts):
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            raise HttpError(
                403,
                "invalid Host header: use an IP address, localhost or a name of --allow-host,"
                f" not {host}",
            )


def path_of(scope: Message) -> str:
    """Return the path of a request as it was sent."""
    raw_path: bytes = scope["raw_path"]
    return raw_path.decode("latin-1")


def require_method(scope: Message, *allowed: str) -> None:
    """Reject a request with another method.

    Raises:
        HttpError: The method is not allowed.
    """
    if scope["method"] not in allowed:
        listed = ", ".join(allowed)
        raise HttpError(405, f"method not allowed: use {listed}", (b"allow", listed.encode()))


def require_same_origin(headers: Headers) -> None:
    """Reject requests of other web pages.

    Raises:
        HttpError: The request is of one.
    """
    # Browsers send these headers; other clients do not.
    site, host = headers.get(b"sec-fetch-site", b"none"), headers[b"host"]
    origin = headers.get(b"origin", b"://" + host).partition(b"://")[2]
    if site not in (b"none", b"same-origin") or origin.lower() != host.lower():
        raise HttpError(403, "requests from pages of another origin are not allowed")


def _error_response(
    status: int, error: Exception, headers: tuple[tuple[bytes, bytes], ...]
) -> Response:
    body = json.dumps({"message": str(error)}).encode() + b"\n"
    return Response(body, JSON, status, headers)
