"""Client for JSON over REST: limits time, size and number of calls, and follows no redirect.

Responses are never printed, because an error page of a proxy may repeat the token of the request.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import urllib3

from reconciler import limits
from reconciler.core.errors import ForgeError
from reconciler.known_secrets import remember, shown
from reconciler.network_errors import connection_advice

_SERVER_ERRORS = 500
_TIMEOUT = urllib3.Timeout(
    connect=limits.FORGE_CONNECT_TIMEOUT_SECONDS, read=limits.FORGE_READ_TIMEOUT_SECONDS
)
_VERSION = re.compile(r"/v\d$")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_ADVICE: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: ": the token is invalid or has expired",
    HTTPStatus.FORBIDDEN: ": the token does not permit this request",
    HTTPStatus.NOT_FOUND: ": not found, or the token does not permit reading it",
}


@dataclass(frozen=True, slots=True)
class _Response:
    """The response to one attempt."""

    status: int = 0
    """HTTP status, or 0 if there was no response."""
    content: bytes = b""
    retry_after: str = ""
    message: str = ""
    """Reason why there was no response."""

    @property
    def is_transient(self) -> bool:
        """Whether a retry may succeed."""
        return self.status in (0, HTTPStatus.TOO_MANY_REQUESTS) or self.status >= _SERVER_ERRORS

    def __str__(self) -> str:
        """Return the text for an error message."""
        return self.message or f"HTTP {self.status}{_ADVICE.get(self.status, '')}"


class RestClient:
    """A client for the REST and GraphQL APIs of a forge."""

    def __init__(
        self,
        url: str,
        token: str,
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Send nothing yet; `token` and `headers` are sent with every request.

        Raises:
            ForgeError: `url` is not an http or https URL.
        """
        remember(token)
        self._url = _validate_url(url).rstrip("/")
        # api.github.com/graphql, and /api/graphql next to /api/v3 (GitHub) and /api/v4 (GitLab).
        self._graphql = f"{_VERSION.sub('', self._url)}/graphql"
        self._headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {token}",
            "User-Agent": "mesh-reconciler",
            **(headers or {}),
        }
        self._sleep = sleep
        self._pool = urllib3.PoolManager(retries=False, timeout=_TIMEOUT)

    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Return the parsed response, or None if it is empty.

        Transient errors are retried, so a call that creates an object may create it twice.

        Raises:
            ForgeError: there is no response, or it is not a success or not JSON.
        """
        return self._send(method, self._url + path, body)

    def query(self, text: str, **variables: str) -> dict[str, Any]:
        """Return the data of the response to a GraphQL query.

        Raises:
            ForgeError: the query failed, or the response has no data.
        """
        document = {"query": text, "variables": variables}
        match self._send("POST", self._graphql, document):
            case {"data": dict(data), **rest} if not rest.get("errors"):
                return data
        raise ForgeError(f"{shown(f'POST {self._graphql}')}: the response has no data")

    def _send(self, method: str, url: str, body: Mapping[str, object] | None) -> Any:
        response = self._attempt(method, url, body)
        for attempt in range(1, limits.FORGE_MAX_ATTEMPTS):
            if not response.is_transient:
                break
            requested = response.retry_after
            delay = float(requested) if requested.isdecimal() else attempt
            self._sleep(min(delay, limits.FORGE_MAX_DELAY_SECONDS))
            response = self._attempt(method, url, body)
        call = shown(f"{method} {url}")
        # A redirect is an error: following it would send the token to another host.
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            raise ForgeError(f"{call}: {response}")
        try:
            return json.loads(response.content) if response.content else None
        except (ValueError, RecursionError) as error:
            raise ForgeError(f"{call}: the response is not JSON, or is too large") from error

    def number(self, method: str, path: str, body: Mapping[str, str] | None = None) -> int:
        """Return the id of the object in the response.

        Raises:
            ForgeError: the call failed, or the response has no id.
        """
        match self.request(method, path, body):
            case {"id": int(number)}:
                return number
        raise ForgeError(f"{self._describe(method, path)}: the response has no id")

    def pages(self, path: str) -> Iterator[Any]:
        """Yield the items of a list, page by page.

        Raises:
            ForgeError: a page cannot be read, or the list has too many pages.
        """
        for page in range(1, limits.FORGE_MAX_PAGES + 1):
            # Forges omit items that the token cannot read, so only an empty page is the last.
            page_items = self.request(
                "GET", f"{path}?sort=asc&per_page={limits.FORGE_PAGE_SIZE}&page={page}"
            )
            if not isinstance(page_items, list):
                raise ForgeError(f"{self._describe('GET', path)}: the response is not a list")
            if not page_items:
                return
            yield from page_items
        max_items = limits.FORGE_MAX_PAGES * limits.FORGE_PAGE_SIZE
        raise ForgeError(
            f"{self._describe('GET', path)}: the list has more than {max_items:,} items"
        )

    def _describe(self, method: str, path: str) -> str:
        """Return a call for a message, without a password that the URL may contain."""
        return shown(f"{method} {self._url}{path}")

    def _attempt(self, method: str, url: str, body: Mapping[str, object] | None) -> _Response:
        try:
            response = self._pool.request(
                method,
                url,
                json=body,
                headers=self._headers,
                redirect=False,
                preload_content=False,
            )
            # A response that is cut off here is not valid JSON, so it is rejected later.
            content = response.read(limits.FORGE_MAX_RESPONSE_BYTES)
        except urllib3.exceptions.HTTPError as error:
            advice = connection_advice(error)
            message = f"no response: {type(error).__name__}{advice and f'; {advice}'}"
            return _Response(message=message)
        finally:
            self._pool.clear()
        return _Response(response.status, content, response.headers.get("retry-after", ""))


def validate_token(token: str | None, name: str) -> str:
    """Return `token` without surrounding space.

    Raises:
        ForgeError: it is missing or not allowed in a header. The message does not contain it.
    """
    stripped = (token or "").strip()
    if not _TOKEN.fullmatch(stripped):
        raise ForgeError(f"{name} has no valid token: set it to an API token")
    return stripped


def _validate_url(url: str) -> str:
    try:
        parts = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError:
        parts = urllib3.util.Url()
    if parts.scheme not in ("http", "https") or not parts.host:
        # The URL may contain a password, so the message does not repeat it.
        raise ForgeError(
            "the API URL of the forge is invalid: it must begin with http:// or https://"
        )
    return url
