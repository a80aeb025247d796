"""Calls of App Mesh and of the tagging API: sent, checked, counted, and taken elsewhere if need be.

It knows operations and no resources, and judges no answer but by what the description requires.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from typing import Any

import boto3
from botocore import xform_name

from reconciler.api import Operation, violations
from reconciler.core.errors import TargetError, UnavailableError, UnreachableError
from reconciler.known_secrets import shown
from reconciler.targets.error_translation import (
    classify_response,
    rename_quota_error,
    request_id,
    translate_errors,
)
from reconciler.targets.model import SERVICE
from reconciler.targets.session import Connection, open_client

MAX_PAGES = 1_000
TAGGING = "resourcegroupstaggingapi"
TAG_PAGE_SIZE = 100
_BODY = "reconciler:body"

Reopen = Callable[[str | None], Connection]
TagPage = tuple[dict[str, dict[str, str]], str]


class ApiClient:
    """The way to one account and region.

    ``made`` counts every request that went out by operation, ``answers`` what came back: ok,
    refused, throttled, failed or none. ``heard`` is called with each of them.
    """

    def __init__(
        self, session: boto3.Session, connection: Connection, *, workers: int, reopen: Reopen | None
    ) -> None:
        """Make the clients; nothing is called yet.

        ``reopen`` gives another connection to the same world where nobody listens any more at the
        URL that it is given; it raises where there is none.
        """
        self.counts: Counter[str] = Counter()
        self.responses: Counter[str] = Counter()
        self.on_response: Callable[[], object] = lambda: None
        self._session = session
        self._workers = workers
        self._reopen = reopen
        self._reopening = Lock()
        self._connect(connection)

    @property
    def url(self) -> str:
        """Where calls go, by now."""
        return str(self._client.meta.endpoint_url)

    @property
    def region(self) -> str:
        """The region that calls are signed for."""
        return str(self._client.meta.region_name)

    def send(self, operation: Operation, asking: str, **arguments: Any) -> dict[str, Any]:
        """Return the body of the answer, which has all that the description requires of it."""
        return self.exchange(operation, asking, **arguments)[0]

    def exchange(
        self, operation: Operation, asking: str, **arguments: Any
    ) -> tuple[dict[str, Any], str]:
        """Return what ``send`` returns, and the id of the answer, which no other answer has."""
        while True:
            connection = self._connection
            try:
                response = self._send(operation, asking, arguments)
            except UnreachableError:
                # Nobody listened, so nothing was done, and it may be sent elsewhere.
                if not self._reconnect(connection):
                    raise
            except TargetError as error:
                if "clientToken" not in arguments:
                    error.request_id = ""
                raise
            else:
                _check_answer(operation, response[_BODY], asking)
                return dict(response[_BODY]), request_id(response["ResponseMetadata"])

    def pages(
        self, operation: Operation, asking: str, **arguments: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield every page of a list; a page that fails, or that leads nowhere, fails the list."""
        token: dict[str, str] = {}
        for _ in range(MAX_PAGES):
            page = self.send(operation, asking, **arguments, **token)
            yield page
            following = page.get("nextToken")
            if not following:
                return
            if token.get("nextToken") == following:
                raise UnavailableError(f"{asking}: two pages have the same nextToken")
            token = {"nextToken": following}
        raise UnavailableError(f"{asking}: more than {MAX_PAGES:,} pages")

    def tagged(self, tag: str, token: str) -> TagPage | None:
        """Return one page of all that carries ``tag``: tags by ARN, and the next page's token.

        The token of the first page, and of none, is empty. None where the target has no tagging
        API, or does not let us use it.
        """
        try:
            with translate_errors("GetResources"):
                page = self._tagging.get_resources(
                    TagFilters=[{"Key": tag}],
                    ResourceTypeFilters=[SERVICE],
                    ResourcesPerPage=TAG_PAGE_SIZE,
                    PaginationToken=token,
                )
            rows = {
                row["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in row["Tags"]}
                for row in page["ResourceTagMappingList"]
            }
        except (TargetError, LookupError, TypeError, AttributeError):
            return None
        return rows, page.get("PaginationToken", "")

    def _connect(self, connection: Connection) -> None:
        self._connection = connection
        self._client = self._open()
        self._tagging = open_client(self._session, TAGGING, connection, workers=1)
        self._tagging.meta.events.register("before-send", self._count)
        # A delete has neither token nor precondition: sent twice, it may hit a successor.
        self._client_without_retries = self._open(attempts=1)

    def _open(self, **options: int) -> Any:
        client = open_client(
            self._session, SERVICE, self._connection, workers=self._workers, **options
        )
        client.meta.events.register("before-send.app-mesh", self._count)
        client.meta.events.register("after-call.app-mesh", _keep_body)
        client.meta.events.register_first("needs-retry.app-mesh", rename_quota_error)
        client.meta.events.register("needs-retry.app-mesh", self._count_answer)
        return client

    def _send(self, operation: Operation, asking: str, arguments: dict[str, Any]) -> Any:
        client = self._client_without_retries if operation.action == "delete" else self._client
        with translate_errors(asking):
            return getattr(client, xform_name(operation.name))(**arguments)

    def _reconnect(self, lost: Connection) -> bool:
        """Whether there is another way to the same world than ``lost``, taken by now."""
        with self._reopening:
            if self._connection is lost and self._reopen is not None:
                self._connect(self._reopen(lost.url))
            return self._connection is not lost

    def _count(self, event_name: str, **_: Any) -> None:
        self.counts[event_name.rsplit(".", 1)[-1]] += 1

    def _count_answer(self, response: tuple[Any, dict[str, Any]] | None, **_: Any) -> None:
        self.responses[classify_response(response)] += 1
        self.on_response()


def items(operation: Operation, page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what a page of a list holds."""
    (name,) = (name for name in operation.response.members if name != "nextToken")
    return list(page[name])


def _keep_body(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    """Keep the answer as it came; None stands for what is not JSON."""
    if http_response.status_code < 300:  # noqa: PLR2004  # the end of success in HTTP
        try:
            parsed[_BODY] = json.loads(http_response.content)
        except ValueError:
            parsed[_BODY] = None


def _check_answer(operation: Operation, body: Any, asking: str) -> None:
    shape = operation.response
    response = {operation.payload: body} if operation.payload else body
    for violation in violations(shape, response):
        if violation.constraint in ("required", "type"):
            raise UnavailableError(
                f"{asking}: the response does not match the App Mesh API: {shown(violation)}"
            )
