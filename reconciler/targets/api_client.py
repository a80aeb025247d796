"""Sends, checks and counts calls of App Mesh and of the tagging API.

Works on operations, not on resources. A response is checked only against the API description.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any

from botocore import xform_name

from reconciler import limits
from reconciler.api import Operation, type_checker, violations
from reconciler.core.errors import TargetError, UnavailableError, UnreachableError
from reconciler.known_secrets import shown
from reconciler.targets.error_translation import (
    classify_response,
    rename_quota_error,
    request_id,
    translate_errors,
)
from reconciler.targets.model import SERVICE, TAGGING
from reconciler.targets.session import Connection, Session, open_client

_BODY = "reconciler:body"

Reopen = Callable[[str | None], Connection]
TagPage = tuple[dict[str, dict[str, str]], str]


class ApiClient:
    """Client for one account and region.

    Attributes:
        counts: Number of requests sent, by operation.
        responses: Number of responses, by the words of `classify_response`.
        on_response: Called after each response.
        written_revision: The highest revision that a write returned; only our endpoint has them.
        listed_revision: The revision that the last first page of ListMeshes returned, or None.
    """

    def __init__(
        self, session: Session, connection: Connection, *, workers: int, reopen: Reopen | None
    ) -> None:
        """Create the SDK clients; nothing is called yet.

        `reopen` is called with a URL at which no server listens any more. It returns another
        connection to the same account and region, or raises if there is none.
        """
        self.counts: Counter[str] = Counter()
        self.responses: Counter[str] = Counter()
        self.on_response: Callable[[], object] = lambda: None
        self.written_revision: int | None = None
        self.listed_revision: int | None = None
        self._reading_revision = Lock()
        self._dates: set[str] = set()
        self._session = session
        self._workers = workers
        self._reopen = reopen
        self._opening = Lock()
        self._client_without_retries: Any = None
        self._connect(connection)

    @property
    def url(self) -> str:
        """The URL to which calls are sent now."""
        return str(self._client.meta.endpoint_url)

    @property
    def region(self) -> str:
        """The region for which calls are signed."""
        return str(self._client.meta.region_name)

    def send(self, operation: Operation, label: str, **arguments: Any) -> dict[str, Any]:
        """Return the body of the response, which has all fields that the description requires.

        `label` begins the message of an error.
        """
        return self.exchange(operation, label, **arguments)[0]

    def exchange(
        self, operation: Operation, label: str, **arguments: Any
    ) -> tuple[dict[str, Any], str]:
        """Return the body of the response as `send` does, and the unique id of the response."""
        while True:
            connection = self._connection
            try:
                response = self._send(operation, label, arguments)
            except UnreachableError:
                # No server received the request, so it can safely be sent to another URL.
                if not self._reconnect(connection):
                    raise
            except TargetError as error:
                if "clientToken" not in arguments:
                    error.request_id = ""
                raise
            else:
                _check_response(operation, response[_BODY], label)
                headers = response["ResponseMetadata"]["HTTPHeaders"]
                if operation.name != "ListMeshes":
                    self._read_revision(headers)
                elif "nextToken" not in arguments:
                    self.listed_revision = _revision(headers)
                return dict(response[_BODY]), request_id(response["ResponseMetadata"])

    def pages(self, operation: Operation, label: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield every page of a list.

        Raises:
            TargetError: a page failed, a token was repeated, or there are too many pages.
        """
        token: dict[str, str] = {}
        for _ in range(limits.API_MAX_PAGES):
            page = self.send(operation, label, **arguments, **token)
            yield page
            next_token = page.get("nextToken")
            if not next_token:
                return
            if token.get("nextToken") == next_token:
                raise UnavailableError(f"{label}: two pages have the same nextToken")
            token = {"nextToken": next_token}
        raise UnavailableError(f"{label}: more than {limits.API_MAX_PAGES:,} pages")

    def tagged(self, tag: str, token: str) -> TagPage | None:
        """Return one page of the resources with the tag `tag`: tags by ARN, and the next token.

        Pass an empty token for the first page; an empty token is returned with the last page.
        Returns None if the target has no tagging API or does not permit its use.
        """
        try:
            with translate_errors("GetResources"):
                page = self._tagging.get_resources(
                    TagFilters=[{"Key": tag}],
                    ResourceTypeFilters=[SERVICE],
                    ResourcesPerPage=limits.TAG_PAGE_SIZE,
                    PaginationToken=token,
                )[_BODY]
            rows = {
                row["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in row["Tags"]}
                for row in page["ResourceTagMappingList"]
            }
        except (TargetError, LookupError, TypeError, AttributeError):
            return None
        return rows, page.get("PaginationToken", "")

    @property
    def server_time(self) -> float | None:
        """The earliest time in a response since `forget_time`, by the clock of the target.

        In whole seconds since 1970; None before a response that has a date.
        """
        # A copy, because other threads may add dates.
        times = (_time_of(date) for date in tuple(self._dates))
        return min((time for time in times if time is not None), default=None)

    def forget_time(self) -> None:
        """Take the time of the target from the next responses."""
        self._dates.clear()

    def _connect(self, connection: Connection) -> None:
        self._connection = connection
        self._client = self._open()
        self._tagging = open_client(self._session, TAGGING, connection, workers=1)
        self._tagging.meta.events.register("before-send", self._count)
        self._tagging.meta.events.register("after-call", _keep_body)
        self._tagging.meta.events.register(
            "needs-retry", lambda response, **_: self._read_clock(response)
        )
        self._client_without_retries = None

    def _open(self, **options: int) -> Any:
        client = open_client(
            self._session, SERVICE, self._connection, workers=self._workers, **options
        )
        client.meta.events.register("before-send.app-mesh", self._count)
        client.meta.events.register("after-call.app-mesh", _keep_body)
        client.meta.events.register_first("needs-retry.app-mesh", rename_quota_error)
        client.meta.events.register("needs-retry.app-mesh", self._count_response)
        return client

    def _send(self, operation: Operation, label: str, arguments: dict[str, Any]) -> Any:
        client = self._client_of_deletes() if operation.action == "delete" else self._client
        with translate_errors(label):
            return getattr(client, xform_name(operation.name))(**arguments)

    def _client_of_deletes(self) -> Any:
        """Return a client without retries, which is created at the first delete.

        A delete has no token and no precondition, so a retry may delete a re-created resource.
        """
        with self._opening:
            if self._client_without_retries is None:
                self._client_without_retries = self._open(attempts=1)
            return self._client_without_retries

    def _reconnect(self, lost: Connection) -> bool:
        """Connect again unless that was already done; return whether `lost` was replaced."""
        with self._opening:
            if self._connection is lost and self._reopen is not None:
                self._connect(self._reopen(lost.url))
            return self._connection is not lost

    def _count(self, event_name: str, **_: Any) -> None:
        self.counts[event_name.rsplit(".", 1)[-1]] += 1

    def _count_response(self, response: tuple[Any, dict[str, Any]] | None, **_: Any) -> None:
        self._read_clock(response)
        self.responses[classify_response(response)] += 1
        self.on_response()

    def _read_revision(self, headers: Mapping[str, str]) -> None:
        revision = _revision(headers)
        if revision is not None:
            with self._reading_revision:
                self.written_revision = max(self.written_revision or 0, revision)

    def _read_clock(self, response: tuple[Any, dict[str, Any]] | None) -> None:
        if response is not None:
            with suppress(LookupError):
                self._dates.add(response[1]["ResponseMetadata"]["HTTPHeaders"]["date"])


def _time_of(date: str) -> float | None:
    """Return the time in the header Date, or None if it is not valid."""
    with suppress(ValueError, OverflowError):
        parsed = parsedate_to_datetime(date)
        # Without a zone it would count as a time of this machine.
        if parsed.tzinfo is not None:
            return parsed.timestamp()
    return None


def _revision(headers: Mapping[str, str]) -> int | None:
    revision = headers.get("x-mesh-revision", "")
    return int(revision) if revision.isdecimal() else None


def items(operation: Operation, page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the items in a page of a list."""
    (name,) = (name for name in operation.response.members if name != "nextToken")
    return list(page[name])


def _keep_body(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    """Add the unmodified response body to `parsed`, or None if it is not JSON."""
    if http_response.status_code < 300:  # noqa: PLR2004  # first HTTP status that is not a success
        try:
            parsed[_BODY] = json.loads(http_response.content)
        except ValueError:
            parsed[_BODY] = None


def _check_response(operation: Operation, body: Any, label: str) -> None:
    shape = operation.response
    response = {operation.payload: body} if operation.payload else body
    if type_checker(shape)(response):
        return
    for violation in violations(shape, response):
        if violation.constraint in ("required", "type"):
            raise UnavailableError(
                f"{label}: the response does not match the App Mesh API: {shown(violation)}; "
                "check the endpoint URL"
            )
