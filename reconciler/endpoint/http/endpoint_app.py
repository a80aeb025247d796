"""The ASGI application of the endpoint.

It checks hosts, content types and sizes of requests, and writes responses, errors and faults as
HTTP.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import parse_qs
from uuid import uuid4

from reconciler.api import Description
from reconciler.endpoint.endpoint_errors import (
    ApiError,
    InvalidFaultsError,
    OutcomeUnknownError,
    StoreFailedError,
)
from reconciler.endpoint.faults.fault_effects import (
    HangUpError,
    Perform,
    Response,
    perform_with_fault,
)
from reconciler.endpoint.faults.fault_list import Faults
from reconciler.endpoint.http import identity
from reconciler.endpoint.http.parse_request import Routes, parse_request
from reconciler.endpoint.http.store_results import read_result, write_result
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.error_messages import UNMODELED_STATUS
from reconciler.endpoint.semantics.operations import Operations
from reconciler.endpoint.semantics.spec_checks import Call
from reconciler.endpoint.semantics.tagging import TARGET, get_resources
from reconciler.endpoint.state.stale_reads import Lag
from reconciler.endpoint.state.store import Store
from reconciler.endpoint.state.tables import Scope
from reconciler.serving.requests import (
    JSON,
    CutOffError,
    Headers,
    Message,
    Receive,
    Send,
    TooLongError,
    content_type,
    is_known_host,
    read_body,
)

_TAGGING_JSON = b"application/x-amz-json-1.1"
_XML = b"text/xml"


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its operation, the name of its resource, and a function that executes it."""

    operation: str
    name: str
    perform: Perform


class EndpointApp:
    """The ASGI application that serves a store as the App Mesh API."""

    def __init__(
        self,
        description: Description,
        operations: Operations,
        store: Store,
        *,
        behavior: Behavior | None = None,
        faults: Faults | None = None,
        hosts: Collection[str] = (),
    ) -> None:
        self._routes = Routes(description.operations.values())
        self._names = list(description.operations)
        self._status = UNMODELED_STATUS | {
            error.name: error.status for error in description.errors.values()
        }
        self._operations = operations
        self._store = store
        self._behavior = behavior or Behavior()
        self._faults = faults
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._calls: Counter[str] = Counter()
        self._own_routes: dict[tuple[str, str], Callable[[bytes], Awaitable[Response]]] = {
            ("GET", "/_endpoint/health"): self._get_health,
            ("GET", "/_endpoint/ready"): self._get_ready,
            ("GET", "/_endpoint/calls"): self._get_calls,
            ("DELETE", "/_endpoint/calls"): self._clear_calls,
            ("DELETE", "/_endpoint/state"): self._clear_state,
            ("GET", "/_endpoint/faults"): self._get_faults,
            ("PUT", "/_endpoint/faults"): self._set_faults,
            ("DELETE", "/_endpoint/faults"): self._drop_faults,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Respond to one request, or close the connection if a fault requires it."""
        request_id = str(uuid4())
        try:
            response = await self._respond(scope, receive, request_id)
        except HangUpError as end:
            await _hang_up(scope, receive, end.after_seconds)
            return
        body = response.body.encode()
        headers = [
            (b"content-type", response.content_type),
            (b"content-length", str(len(body)).encode()),
            (b"x-amzn-requestid", request_id.encode()),
            *response.headers,
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if response.cut:
            part = {"type": "http.response.body", "body": body[: len(body) // 2]}
            await send(part | {"more_body": True})
            await _hang_up(scope, receive, 0)
        else:
            await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Message, receive: Receive, request_id: str) -> Response:
        try:
            headers: Headers = dict(scope["headers"])
            self._check_host(scope, headers)
            body = await read_body(receive)
            method, path = scope["method"], scope["raw_path"].decode("latin-1")
            if own := self._own_routes.get((method, path)):
                _require_content_type(headers, body)
                return await own(body)
            aws_scope = identity.scope_of(headers.get(b"authorization", b"").decode("latin-1"))
            if (method, path) == ("POST", "/"):
                request = self._other_service(aws_scope, headers, body, request_id)
            else:
                request = self._parse(scope, aws_scope, headers, body)
            fault = self._faults and self._faults.match(request.operation, request.name)
            return await (
                perform_with_fault(fault, request.perform) if fault else request.perform(None)
            )
        except ApiError as api_error:
            return self._error_response(api_error)
        except CutOffError as error:
            return self._error_response(ApiError("BadRequestException", str(error)))
        except TooLongError as error:
            return self._error_response(ApiError("RequestEntityTooLargeException", str(error)))
        except StoreFailedError as failure:
            code = "ServiceUnavailableException" if failure.busy else "InternalServerErrorException"
            response = self._error_response(ApiError(code, str(failure)))
            later = ((b"retry-after", b"1"),) if failure.busy else ()
            return replace(response, headers=response.headers + later)
        except OutcomeUnknownError:
            # Any response would claim an outcome; the same token settles it.
            raise HangUpError(0) from None

    def _parse(self, scope: Message, aws_scope: Scope, headers: Headers, body: bytes) -> Request:
        route = self._routes.find(scope["method"], scope["raw_path"].decode("latin-1"))
        operation, _ = route
        self._calls[operation.name] += 1
        _require_content_type(headers, body)
        query = scope["query_string"].decode("latin-1")
        call = parse_request(route, aws_scope, query, body, self._behavior)
        return Request(operation.name, call.name, partial(self._perform, call))

    async def _perform(self, call: Call, lag: Lag | None) -> Response:
        if self._operations.reads(call):
            reading = self._store.read(partial(self._operations.read, call, lag=lag))
            return Response(200, await read_result(reading))
        scope, work = self._operations.scope(call), partial(self._operations.write, call)
        written = await write_result(self._store.write(scope, work))
        if isinstance(written.outcome, ApiError):
            raise written.outcome
        revision = (b"x-mesh-revision", str(written.revision).encode())
        return Response(200, written.outcome, headers=(revision,))

    def _other_service(
        self, scope: Scope, headers: Headers, body: bytes, request_id: str
    ) -> Request:
        """Return a request to GetResources (tagging API) or GetCallerIdentity (STS)."""
        target = headers.get(b"x-amz-target", b"").decode("latin-1")
        if target:
            action = target.removeprefix(TARGET)
            if action == target or action != "GetResources":
                raise ApiError("UnknownOperationException", f"{target} is not supported")
            _require_content_type(headers, body, _TAGGING_JSON)
            self._calls[action] += 1
            return Request(action, "", lambda _: self._find_tagged(scope, body))
        action = parse_qs(body.decode("latin-1")).get("Action", ["a missing action"])[0]
        if action == "GetCallerIdentity":
            self._calls[action] += 1
        return Request(action, "", lambda _: self._identify(action, scope, request_id))

    async def _identify(self, action: str, scope: Scope, request_id: str) -> Response:
        if action != "GetCallerIdentity":
            return Response(400, identity.unknown_action(action, request_id), _XML)
        return Response(200, identity.caller_identity(scope, request_id), _XML)

    async def _find_tagged(self, scope: Scope, body: bytes) -> Response:
        try:
            request = json.loads(body or b"{}")
        except (ValueError, RecursionError) as error:
            raise ApiError("InvalidParameterException", f"the body is not JSON: {error}") from error
        arn = self._operations.views.arn
        found = await read_result(
            self._store.read(lambda tables: get_resources(request, scope, tables, arn))
        )
        return Response(200, json.dumps(found), _TAGGING_JSON)

    def _error_response(self, error: ApiError) -> Response:
        # All SDKs read the error code from this header. aws-sdk-go v1 reads neither of the two
        # members that may carry it in the body.
        headers = [(b"x-amzn-errortype", error.code.encode())]
        status = error.status or self._status[error.code]
        if status == 413:  # noqa: PLR2004 - the rest of the body is not read
            headers.append((b"connection", b"close"))
        return Response(status, json.dumps({"message": str(error)}), headers=tuple(headers))

    def _check_host(self, scope: Message, headers: Headers) -> None:
        if not is_known_host(scope["headers"], self._hosts):
            host = headers.get(b"host", b"").decode("latin-1")
            raise ApiError(
                "AccessDeniedException",
                "there must be one Host header, with an IP address, localhost or a name passed with"
                f" --allow-host, not {host}",
            )

    async def _get_health(self, _: bytes) -> Response:
        return Response(200, json.dumps({"status": "alive"}))

    async def _get_ready(self, _: bytes) -> Response:
        await read_result(self._store.read(lambda tables: tables.revision(identity.DEFAULT)))
        return Response(200, json.dumps({"status": "ready"}))

    async def _get_calls(self, _: bytes) -> Response:
        return Response(200, json.dumps({"calls": self._calls}, sort_keys=True))

    async def _clear_calls(self, _: bytes) -> Response:
        self._calls.clear()
        return Response(200, "{}")

    async def _clear_state(self, _: bytes) -> Response:
        await write_result(self._store.write(None, self._operations.empty))
        return Response(200, "{}")

    async def _get_faults(self, _: bytes) -> Response:
        return Response(200, json.dumps(self._faults.content if self._faults else {"faults": []}))

    async def _set_faults(self, body: bytes) -> Response:
        try:
            self._faults = Faults(json.loads(body), self._names)
        except (ValueError, RecursionError, InvalidFaultsError) as error:
            raise ApiError("BadRequestException", str(error)) from error
        return await self._get_faults(body)

    async def _drop_faults(self, body: bytes) -> Response:
        self._faults = None
        return await self._get_faults(body)


async def _hang_up(scope: Message, receive: Receive, after_seconds: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(after_seconds):
            # The whole request was read, so this only returns when the client disconnects.
            await receive()
    scope["extensions"]["hang_up"]()
    await receive()


def _require_content_type(headers: Headers, body: bytes, wanted: bytes = JSON) -> None:
    """Reject a body without a JSON content type.

    A browser sends such requests to other origins without a CORS preflight.
    """
    kind = content_type(headers)
    if body and kind != wanted:
        raise ApiError(
            "UnsupportedMediaTypeException",
            f"the Content-Type of a body must be {wanted.decode()}, not"
            f" {kind.decode('latin-1') or 'empty'}",
        )
