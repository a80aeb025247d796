"""Calls to a REST API of JSON: bounded in time, size and number, and never led elsewhere.

No answer is shown to anybody: what a proxy makes of a request may repeat its token.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import urllib3

from reconciler.core.errors import ForgeError
from reconciler.known_secrets import remember, shown

MAX_ATTEMPTS = 3
MAX_PAGES = 50
PAGE_SIZE = 100
MAX_BYTES = 64 << 20
MAX_DELAY_SECONDS = 10
_SERVER_ERRORS = 500
_TIMEOUT = urllib3.Timeout(connect=5, read=20)
_VERSION = re.compile(r"/v\d$")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_ADVICE: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: ": the token is invalid or has expired",
    HTTPStatus.FORBIDDEN: ": the token does not permit this request",
    HTTPStatus.NOT_FOUND: ": not found, or the token does not permit reading it",
}


@dataclass(frozen=True, slots=True)
class _Response:
    """What came back; ``status`` is 0 where nothing did, and ``message`` says why."""

    status: int = 0
    content: bytes = b""
    retry_after: str = ""
    message: str = ""

    @property
    def is_transient(self) -> bool:
        """Whether the same call may be answered otherwise in a moment."""
        return self.status in (0, HTTPStatus.TOO_MANY_REQUESTS) or self.status >= _SERVER_ERRORS

    def __str__(self) -> str:
        """Return what a person is told of it."""
        return self.message or f"HTTP {self.status}{_ADVICE.get(self.status, '')}"


class RestClient:
    """A REST API at ``url``."""

    def __init__(
        self,
        url: str,
        token: str,
        headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Reach nothing yet; ``token`` and ``headers`` go with every request.

        ForgeError if ``url`` is not one of http or https.
        """
        remember(token)
        self._url = _checked_url(url).rstrip("/")
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
        """Return the answer, None where it is empty; ForgeError where there is no good one.

        What may pass is tried again, so a call that adds something may add it twice.
        """
        return self._asked(method, self._url + path, body)

    def query(self, text: str, **variables: str) -> dict[str, Any]:
        """Return the data that a GraphQL query is answered with; ForgeError if there is none."""
        document = {"query": text, "variables": variables}
        match self._asked("POST", self._graphql, document):
            case {"data": dict(data), **rest} if not rest.get("errors"):
                return data
        raise ForgeError(f"{shown(f'POST {self._graphql}')}: the response has no data")

    def _asked(self, method: str, url: str, body: Mapping[str, object] | None) -> Any:
        response = self._attempt(method, url, body)
        for attempt in range(1, MAX_ATTEMPTS):
            if not response.is_transient:
                break
            pause = response.retry_after
            wished = float(pause) if pause.isdecimal() else attempt
            self._sleep(min(wished, MAX_DELAY_SECONDS))
            response = self._attempt(method, url, body)
        where = shown(f"{method} {url}")
        # Nothing is followed: the token would go along.
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            raise ForgeError(f"{where}: {response}")
        try:
            return json.loads(response.content) if response.content else None
        except (ValueError, RecursionError) as error:
            raise ForgeError(f"{where}: the response is not JSON, or is too large") from error

    def number(self, method: str, path: str, body: Mapping[str, str] | None = None) -> int:
        """Return the id in the answer."""
        match self.request(method, path, body):
            case {"id": int(number)}:
                return number
        raise ForgeError(f"{self._named(method, path)}: the response has no id")

    def pages(self, path: str) -> Iterator[Any]:
        """Yield the members of a list, page by page; ForgeError where it does not end."""
        for page in range(1, MAX_PAGES + 1):
            # A page may be short, of what we may not see; only an empty one is the last.
            members = self.request("GET", f"{path}?sort=asc&per_page={PAGE_SIZE}&page={page}")
            if not isinstance(members, list):
                raise ForgeError(f"{self._named('GET', path)}: the response is not a list")
            if not members:
                return
            yield from members
        raise ForgeError(
            f"{self._named('GET', path)}: the list has more than {MAX_PAGES * PAGE_SIZE:,} items"
        )

    def _named(self, method: str, path: str) -> str:
        """Return a call for a message, without the password that the runner's URL may have."""
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
            # What is cut off here is no JSON.
            content = response.read(MAX_BYTES)
        except urllib3.exceptions.HTTPError as error:
            return _Response(message=f"no response: {type(error).__name__}")
        finally:
            self._pool.clear()
        return _Response(response.status, content, response.headers.get("retry-after", ""))


def validate_token(token: str | None, name: str) -> str:
    """Return ``token`` fit for a header; ForgeError, without it, where there is none."""
    stripped = (token or "").strip()
    if not _TOKEN.fullmatch(stripped):
        raise ForgeError(f"{name} has no valid token: set it to an API token")
    return stripped


def _checked_url(url: str) -> str:
    try:
        parts = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError:
        parts = urllib3.util.Url()
    if parts.scheme not in ("http", "https") or not parts.host:
        # Its text is not repeated, because it may hold a password.
        raise ForgeError(
            "the API URL of the forge is invalid: it must begin with http:// or https://"
        )
    return url
