"""HTTP on one side, operations on the other: an ASGI application.

It decides who may speak to it, how large a request may be, and how answers and refusals look on
the wire. It opens no socket.
"""

import asyncio
import ipaddress
import json
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from reconciler.api import Description
from reconciler.endpoint import caller
from reconciler.endpoint.errors import RefusedError, StoreFailedError
from reconciler.endpoint.operations import Operations
from reconciler.endpoint.records import Records, World
from reconciler.endpoint.request import Routes, understand
from reconciler.endpoint.rules import UNMODELLED_STATUS
from reconciler.endpoint.store import Store

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = dict[bytes, bytes]

_LONGEST_BODY_BYTES = 1024 * 1024
_JSON = b"application/json"
_XML = b"text/xml"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; ``headers`` are those beyond the ones that every answer has."""

    status: int
    body: str
    content_type: bytes = _JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Wire:
    """The ASGI application that serves a store as the App Mesh API."""

    def __init__(self, description: Description, operations: Operations, store: Store) -> None:
        self._routes = Routes(description.operations.values())
        self._status = UNMODELLED_STATUS | {
            error.name: error.status for error in description.errors.values()
        }
        self._operations = operations
        self._store = store
        self._calls: Counter[str] = Counter()
        self._own_routes = {
            ("GET", "/_endpoint/calls"): self._show_calls,
            ("DELETE", "/_endpoint/calls"): self._forget_calls,
            ("DELETE", "/_endpoint/state"): self._empty_state,
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id = str(uuid4())
        try:
            answer = await self._answer(scope, receive, request_id)
        except RefusedError as refusal:
            answer = self._refused(refusal)
        except StoreFailedError as failure:
            code = "ServiceUnavailableException" if failure.busy else "InternalServerErrorException"
            answer = self._refused(RefusedError(code, str(failure)))
        body = answer.body.encode()
        headers = [
            (b"content-type", answer.content_type),
            (b"content-length", str(len(body)).encode()),
            (b"x-amzn-requestid", request_id.encode()),
            *answer.headers,
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Message, receive: Receive, request_id: str) -> Answer:
        headers: Headers = dict(scope["headers"])
        host = headers.get(b"host", b"")
        if not _is_local(host):
            # A web page can point a name of its own at this machine, but not an IP literal.
            raise RefusedError(
                "AccessDeniedException",
                f"the Host header must be an IP address or localhost, not {host.decode('latin-1')}",
            )
        body = await _read(receive)
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        if own := self._own_routes.get((method, path)):
            return await own()
        world = caller.world_of(headers.get(b"authorization", b"").decode("latin-1"))
        if (method, path) == ("POST", "/"):
            return self._identify(world, body, request_id)
        operation, names = self._routes.find(method, path)
        self._calls[operation.name] += 1
        query = scope["query_string"].decode("latin-1")
        call = understand(operation, names, world, query, body)
        if self._operations.reads(call):
            return Answer(200, self._store.read(partial(self._operations.read, call)))
        writing = self._store.write(partial(self._operations.write, call))
        return Answer(200, await asyncio.wrap_future(writing))

    def _refused(self, refusal: RefusedError) -> Answer:
        # Clients of every age find the error's name in the header alone (aws-sdk-go v1 reads
        # neither of the two names that it may have in the body).
        headers = [(b"x-amzn-errortype", refusal.code.encode())]
        status = self._status[refusal.code]
        if status == 413:  # noqa: PLR2004 - the rest of that body is not worth reading
            headers.append((b"connection", b"close"))
        return Answer(status, json.dumps({"message": str(refusal)}), headers=tuple(headers))

    def _identify(self, world: World, body: bytes, request_id: str) -> Answer:
        action = parse_qs(body.decode("latin-1")).get("Action", ["an unnamed action"])[0]
        if action != "GetCallerIdentity":
            return Answer(400, caller.unknown_action(action, request_id), _XML)
        self._calls[action] += 1
        return Answer(200, caller.caller_identity(world, request_id), _XML)

    async def _show_calls(self) -> Answer:
        return Answer(200, json.dumps({"calls": self._calls}, sort_keys=True))

    async def _forget_calls(self) -> Answer:
        self._calls.clear()
        return Answer(200, "{}")

    async def _empty_state(self) -> Answer:
        await asyncio.wrap_future(self._store.write(Records.clear))
        return Answer(200, "{}")


async def _read(receive: Receive) -> bytes:
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            # What arrived may read as a whole request all the same; it must have no effect.
            raise RefusedError("BadRequestException", "the connection ended within the request")
        body += message["body"]
        more = message["more_body"]
        if len(body) > _LONGEST_BODY_BYTES:
            raise RefusedError(
                "RequestEntityTooLargeException",
                f"the body must not exceed {_LONGEST_BODY_BYTES} bytes",
            )
    return body


@lru_cache
def _is_local(host: bytes) -> bool:
    """Say whether a Host header is an IP literal or localhost, with or without a port."""
    name = host.decode("latin-1").lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost"
    return True
