"""Serves the streams of Envoys by gRPC, on unix sockets and TCP.

Only this module knows gRPC. The service has one method that is used, the aggregated stream in its
state of the world form.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NoReturn, cast

import grpc
from google.protobuf.message import DecodeError

from reconciler import limits
from reconciler.core.errors import ReconcilerError
from reconciler.core.escaping import escaped
from reconciler.envoy.ads_session import DiscoveryRequest, DiscoveryResponse
from reconciler.envoy.control_plane import ControlPlane, Stream
from reconciler.envoy.encoding import message_class
from reconciler.envoy.node_identity import NodeIdentity, ProxyId

_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_METHOD = f"/{_SERVICE}/StreamAggregatedResources"
_SERVER_OPTIONS = (
    # AWS's agent pings every 10 seconds; by default that ends its stream after 30.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.max_receive_message_length", limits.XDS_MAX_REQUEST_BYTES),
    ("grpc.so_reuseport", 0),
)

logger = logging.getLogger("reconciler.envoy")


class TooManyScopesError(ReconcilerError):
    """Too many accounts and regions without resources are followed."""


Planes = Callable[[ProxyId], Awaitable[ControlPlane]]


@dataclass(slots=True)
class AdsServer:
    """The gRPC server of all control planes of a process."""

    identity: NodeIdentity
    plane_of: Planes
    """Returns the control plane of the account and region of a proxy, once it has a snapshot.

    It raises TooManyScopesError if it follows no more of them.
    """
    requires_certificate: bool = True
    """Whether a proxy on TCP needs a client certificate with its name."""
    _server: grpc.aio.Server = field(init=False)

    def __post_init__(self) -> None:
        """Create the server; it must be created in the event loop that it runs in."""
        _keep_polling()
        self._server = grpc.aio.server(options=_SERVER_OPTIONS)
        self._server.add_generic_rpc_handlers((_Handler(self._stream),))

    def listen(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        """Listen on ``unix:PATH`` or ``HOST:PORT``, and return the port, which is 1 for a socket.

        Raises:
            RuntimeError: The address cannot be used.
        """
        if credentials is None:
            return int(self._server.add_insecure_port(address))
        return int(self._server.add_secure_port(address, credentials))

    async def start(self) -> None:
        """Accept connections."""
        await self._server.start()

    async def stop(self) -> None:
        """End all streams at once; the proxies keep their configuration."""
        await self._server.stop(grace=None)

    async def _stream(self, requests: AsyncIterator[bytes], context: Any) -> None:
        messages = _parsed(requests, context)
        first = await anext(messages, None)
        if first is None:
            return
        proxy = await self._identify(first, context)
        try:
            plane = await self.plane_of(proxy)
        except TooManyScopesError as error:
            await _refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        outbox = _Outbox(cast("asyncio.Task[None]", asyncio.current_task()).cancel)
        stream = plane.connect(proxy.key, outbox.put, _client(first), time.monotonic())
        reading = asyncio.create_task(_read(plane, stream, first, messages, outbox))
        logger.info("%s connected from %s", proxy.key, escaped(stream.client))
        try:
            async for response in outbox.responses():
                await context.write(_encoded(response))
            await reading
        except asyncio.CancelledError:
            if not outbox.is_full:
                raise
        finally:
            plane.disconnect(stream, time.monotonic())
            reading.cancel()
            logger.info("%s disconnected", proxy.key)
        if outbox.is_full:
            text = f"{proxy.key} reads too slowly and is disconnected"
            await _refuse(context, grpc.StatusCode.RESOURCE_EXHAUSTED, text)

    async def _identify(self, first: Any, context: Any) -> ProxyId:
        """Return the proxy of a stream, or end the stream."""
        names = context.auth_context().get("x509_subject_alternative_name", ())
        is_secure = context.auth_context().get("transport_security_type") == [b"ssl"]
        proxy = self.identity.parse(first.node.id)
        if proxy is None:
            text = (
                f"the node id {escaped(first.node.id)!r} is not the ARN of a virtual node or "
                "gateway, nor its part from mesh/ on"
            )
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, text)
        certificate = tuple(map(bytes.decode, names))
        is_checked = is_secure and self.requires_certificate
        if is_checked and not self.identity.allows(proxy, certificate):
            text = f"the client certificate does not belong to {escaped(first.node.id)!r}"
            await _refuse(context, grpc.StatusCode.PERMISSION_DENIED, text)
        return proxy


@cache
def _keep_polling() -> None:
    """Keep the thread in which gRPC polls until the process ends.

    Otherwise gRPC ends it when the last server is collected as garbage, and that has a data race.
    """
    grpc.aio.init_grpc_aio()


async def _refuse(context: Any, code: grpc.StatusCode, text: str) -> NoReturn:
    logger.warning("ended a stream: %s", text)
    await context.abort(code, text)
    raise AssertionError


class _Outbox:
    """The responses that wait for a proxy to read them."""

    def __init__(self, end: Callable[[], object]) -> None:
        self._queue: asyncio.Queue[DiscoveryResponse | None] = asyncio.Queue()
        self._bytes = 0
        self._end = end
        self.is_full = False

    def put(self, responses: Sequence[DiscoveryResponse]) -> None:
        for response in responses:
            if self.is_full:
                return
            if self._bytes > limits.XDS_MAX_UNSENT_BYTES:
                # Its handler waits for it to read, so it cannot end the stream by itself.
                self.is_full = True
                self._queue = asyncio.Queue()
                self._end()
                return
            self._bytes += _size(response)
            self._queue.put_nowait(response)

    def close(self) -> None:
        self._queue.put_nowait(None)

    async def responses(self) -> AsyncIterator[DiscoveryResponse]:
        while (response := await self._queue.get()) is not None:
            yield response
            self._bytes -= _size(response)


@dataclass(frozen=True, slots=True)
class _Handler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    stream: Callable[[AsyncIterator[bytes], Any], Awaitable[None]]

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Return the handler of a method, or None for one that is not served."""
        if call.method != _METHOD:
            return None
        return grpc.stream_stream_rpc_method_handler(self.stream)


async def _parsed(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[Any]:
    """Yield the requests of a stream; end the stream if one is not a request."""
    parse = message_class("envoy.service.discovery.v3.DiscoveryRequest").FromString
    async for content in requests:
        try:
            message = parse(content)
        except DecodeError:
            text = "a message of the stream is not a DiscoveryRequest"
            await _refuse(context, grpc.StatusCode.INVALID_ARGUMENT, text)
        yield message


async def _read(
    plane: ControlPlane,
    stream: Stream,
    first: Any,
    requests: AsyncIterator[Any],
    outbox: _Outbox,
) -> None:
    try:
        plane.receive(stream, _request(first), time.monotonic())
        async for request in requests:
            plane.receive(stream, _request(request), time.monotonic())
    finally:
        outbox.close()


def _request(message: Any) -> DiscoveryRequest:
    is_rejection = message.HasField("error_detail")
    return DiscoveryRequest(
        message.type_url,
        message.version_info,
        message.response_nonce,
        tuple(message.resource_names),
        message.error_detail.message or "no reason given" if is_rejection else None,
    )


def _encoded(response: DiscoveryResponse) -> bytes:
    message = message_class("envoy.service.discovery.v3.DiscoveryResponse")(
        version_info=response.version, type_url=response.type_url, nonce=response.nonce
    )
    for resource in response.resources:
        message.resources.add().ParseFromString(resource.body)
    encoded: bytes = message.SerializeToString()
    return encoded


def _size(response: DiscoveryResponse) -> int:
    return sum(resource.size for resource in response.resources)


def _client(first: Any) -> str:
    version = first.node.user_agent_build_version.version
    numbers = version.major_number, version.minor_number, version.patch
    return f"{first.node.user_agent_name} {'.'.join(map(str, numbers))}"
