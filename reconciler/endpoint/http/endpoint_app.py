"""The ASGI application of the endpoint.

It checks hosts, content types and sizes of requests, and writes responses, errors and faults as
HTTP.
"""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
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
from reconciler.endpoint.http.authentication import OWN, Authenticator, Caller, api_of
from reconciler.endpoint.http.credentials import ADMIN, READ, WRITE
from reconciler.endpoint.http.parse_request import Routes, parse_request
from reconciler.endpoint.http.protocols import APP_MESH, STS, TAGGING, Protocol, protocol_of
from reconciler.endpoint.http.store_results import WriteResults, read_result
from reconciler.endpoint.http.tagging_api import TaggingApi
from reconciler.endpoint.semantics.arns import write_arn
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.error_messages import UNMODELED_STATUS
from reconciler.endpoint.semantics.operations import Operations
from reconciler.endpoint.semantics.spec_checks import Call
from reconciler.endpoint.semantics.tagging import OPERATIONS, TARGET
from reconciler.endpoint.state.stale_reads import Lag
from reconciler.endpoint.state.store import Store
from reconciler.endpoint.state.tables import Scope
from reconciler.serving.documents import Document, Documents
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

# Probes and Prometheus send no signature.
_OPEN_PATHS = {f"/_endpoint/{name}" for name in ("health", "ready", "metrics")}
# SDKs for Java send the last two with every API of JSON, boto3 of 2021 and older sends none.
_APP_MESH_TYPES = (JSON, b"application/x-amz-json-1.0", b"application/x-amz-json-1.1", b"")
# Calls and faults are those of the endpoint that answers, also if others serve the same store.
_PER_ENDPOINT = {"per": "endpoint"}


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
        authenticator: Authenticator | None = None,
        documents: Documents | None = None,
        files: Mapping[str, Document] | None = None,
    ) -> None:
        self._routes = Routes(description.operations.values())
        self._names = list(description.operations)
        self._status = UNMODELED_STATUS | {
            error.name: error.status for error in description.errors.values()
        }
        self._operations = operations
        self._store = store
        self._writes = WriteResults()
        self._behavior = behavior or Behavior()
        self._tagging = TaggingApi(description.operations, operations, store, self._behavior)
        self._faults = faults
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._authenticator = authenticator or Authenticator()
        self._documents = {} if documents is None else documents
        self._files = {} if files is None else files
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
        headers: Headers = dict(scope["headers"])
        protocol = protocol_of(scope["method"], scope["raw_path"].decode("latin-1"), headers)
        try:
            return await self._handle(scope, receive, headers, protocol, request_id)
        except ApiError as error:
            code, message = error.code, str(error)
            status = error.status or self._status[code]
        except CutOffError as error:
            code, message, status = "BadRequestException", str(error), 400
        except TooLongError as error:
            code, message, status = "RequestEntityTooLargeException", str(error), 413
        except StoreFailedError as error:
            code = "ServiceUnavailableException" if error.busy else "InternalServerErrorException"
            response = protocol.error(code, str(error), self._status[code], request_id)
            later = ((b"retry-after", b"1"),) if error.busy else ()
            return replace(response, headers=response.headers + later)
        except OutcomeUnknownError:
            # Any response would claim an outcome; the same token settles it.
            raise HangUpError(0) from None
        return protocol.error(code, message, status, request_id)

    async def _handle(
        self,
        scope: Message,
        receive: Receive,
        headers: Headers,
        protocol: Protocol,
        request_id: str,
    ) -> Response:
        self._check_host(scope, headers)
        body = await read_body(receive)
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        # The server sends no body in a response to HEAD.
        is_read = method in ("GET", "HEAD")
        if is_read and path in self._files:
            return _response(self._files[path])
        own = self._own_routes.get(("GET" if is_read else method, path))
        if is_read and path in self._documents:
            own = partial(_document, self._documents[path])
        if own and is_read and path in _OPEN_PATHS:
            return await own(body)
        caller = self._authenticator.caller_of(OWN if own else api_of(protocol), scope, body)
        if own:
            _require_content_type(headers, body, JSON)
            caller.require(ADMIN, f"{method} {path}")
            return await own(body)
        if protocol is APP_MESH:
            request = self._parse(scope, caller, headers, body)
        else:
            request = self._other_service(caller, headers, body, request_id)
        fault = self._faults and self._faults.match(request.operation, request.name)
        if fault:
            return await perform_with_fault(fault, request.perform, protocol.content_type)
        return await request.perform(None)

    def _parse(self, scope: Message, caller: Caller, headers: Headers, body: bytes) -> Request:
        route = self._routes.find(scope["method"], scope["raw_path"].decode("latin-1"))
        operation, names = route
        self._calls[operation.name] += 1
        permission = READ if self._operations.reads(operation) else WRITE
        if permission not in caller.permissions:
            # A name that is in the body, such as that of a new mesh, is not known yet.
            known = defaultdict(lambda: "*", names)
            path = operation.kind.arn.format_map(known) if operation.kind else "*"
            caller.require(permission, operation.name, write_arn(caller.scope, path))
        _require_content_type(headers, body, *_APP_MESH_TYPES)
        query = scope["query_string"].decode("latin-1")
        call = parse_request(route, caller.scope, query, body, self._behavior)
        return Request(operation.name, call.name, partial(self._perform, call))

    async def _perform(self, call: Call, lag: Lag | None) -> Response:
        if self._operations.reads(call.operation):
            reading = self._store.read(partial(self._operations.read_at_revision, call, lag=lag))
            body, revision = await read_result(reading)
            return Response(200, body, headers=_revision_header(revision))
        scope, work = self._operations.scope(call), partial(self._operations.write, call)
        written = await self._writes.result(self._store.write(scope, work))
        if isinstance(written.outcome, ApiError):
            raise written.outcome
        return Response(200, written.outcome, headers=_revision_header(written.revision))

    def _other_service(
        self, caller: Caller, headers: Headers, body: bytes, request_id: str
    ) -> Request:
        """Return a request to the tagging API, or to GetCallerIdentity of STS."""
        target = headers.get(b"x-amz-target", b"").decode("latin-1")
        if target:
            action = target.removeprefix(TARGET)
            if action == target or action not in OPERATIONS:
                raise ApiError("UnknownOperationException", f"{target} is not supported")
            _require_content_type(headers, body, TAGGING.content_type)
            self._calls[action] += 1
            caller.require(READ if action == "GetResources" else WRITE, action)
            return Request(action, "", lambda _: self._tagging.perform(action, caller.scope, body))
        action = parse_qs(body.decode("latin-1")).get("Action", ["a missing action"])[0]
        if action == "GetCallerIdentity":
            self._calls[action] += 1
        return Request(action, "", lambda _: self._identify(action, caller.scope, request_id))

    async def _identify(self, action: str, scope: Scope, request_id: str) -> Response:
        if action != "GetCallerIdentity":
            message = f"{action[:80]} is not supported; use GetCallerIdentity"
            raise ApiError("InvalidAction", message, status=400)
        return Response(200, identity.caller_identity(scope, request_id), STS.content_type)

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
        return Response(200, json.dumps({"calls": self._calls} | _PER_ENDPOINT, sort_keys=True))

    async def _clear_calls(self, _: bytes) -> Response:
        self._calls.clear()
        return Response(200, "{}")

    async def _clear_state(self, _: bytes) -> Response:
        await self._writes.result(self._store.write(None, self._operations.empty))
        return Response(200, "{}")

    async def _get_faults(self, _: bytes) -> Response:
        content = self._faults.content if self._faults else {"faults": []}
        return Response(200, json.dumps({**content, **_PER_ENDPOINT}))

    async def _set_faults(self, body: bytes) -> Response:
        try:
            self._faults = Faults(json.loads(body), self._names)
        except (ValueError, RecursionError, InvalidFaultsError) as error:
            raise ApiError("BadRequestException", str(error)) from error
        return await self._get_faults(body)

    async def _drop_faults(self, body: bytes) -> Response:
        self._faults = None
        return await self._get_faults(body)


def _revision_header(revision: int | None) -> tuple[tuple[bytes, bytes], ...]:
    return () if revision is None else ((b"x-mesh-revision", str(revision).encode()),)


async def _document(read: Callable[[], Document], _: bytes) -> Response:
    return _response(await asyncio.to_thread(read))


def _response(found: Document) -> Response:
    return Response(found.status, found.text, found.content_type, found.headers)


async def _hang_up(scope: Message, receive: Receive, after_seconds: float | None) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(after_seconds):
            # The whole request was read, so this only returns when the client disconnects.
            await receive()
    scope["extensions"]["hang_up"]()
    await receive()


def _require_content_type(headers: Headers, body: bytes, *accepted: bytes) -> None:
    """Reject a body whose content type is not one of ``accepted``.

    A browser sends only the three types of forms, or none, to other origins without a CORS
    preflight. A request without a type is none of a browser if it has no Origin.
    """
    kind = content_type(headers)
    if body and (kind not in accepted or (not kind and b"origin" in headers)):
        raise ApiError(
            "UnsupportedMediaTypeException",
            f"the Content-Type of a body must be {accepted[0].decode()}, not"
            f" {kind.decode('latin-1') or 'empty'}",
        )
