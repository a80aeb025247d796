"""A gRPC client that does what Envoy does, and what Envoy does not."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from reconciler.envoy.encoding import message_class
from reconciler.envoy.proxy_state import CLUSTERS

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
NODE = "mesh/m/virtualNode/a"
# A second is enough on a free machine.
PATIENT_SECONDS = 300


def request(node: str = NODE, type_url: str = CLUSTERS, **more: Any) -> Any:
    """Return a request."""
    made = message_class("envoy.service.discovery.v3.DiscoveryRequest")(type_url=type_url, **more)
    made.node.id = node
    return made


class AdsClient:
    """One stream."""

    def __init__(self, channel: grpc.Channel) -> None:
        """Open the stream."""
        self._requests: queue.Queue[bytes | None] = queue.Queue()
        parse = message_class("envoy.service.discovery.v3.DiscoveryResponse").FromString
        stream = channel.stream_stream(METHOD, response_deserializer=parse)
        self.call = stream(iter(self._requests.get, None), timeout=PATIENT_SECONDS)

    def send(self, message: Any) -> None:
        """Send a request, or bytes as they are."""
        content = message if isinstance(message, bytes) else message.SerializeToString()
        self._requests.put(content)

    def receive(self) -> Any:
        """Return the next response."""
        return next(self.call)

    def ack(self, response: Any) -> None:
        """Accept a response."""
        self.send(
            request(
                type_url=response.type_url,
                version_info=response.version_info,
                response_nonce=response.nonce,
            )
        )

    def clusters(self, node: str = NODE) -> list[Any]:
        """Ask for the clusters, accept them and return them."""
        self.send(request(node))
        response = self.receive()
        self.ack(response)
        return list(response.resources)

    def end(self) -> tuple[grpc.StatusCode, str]:
        """Read until the server ends the stream, and return its reason."""
        try:
            for _ in self.call:
                pass
        except grpc.RpcError as error:
            return error.code(), error.details()
        return self.call.code(), self.call.details()

    def close(self) -> None:
        """End the stream."""
        self._requests.put(None)
        self.call.cancel()


@contextmanager
def client(
    address: str, credentials: grpc.ChannelCredentials | None = None, **options: Any
) -> Iterator[AdsClient]:
    """Open a stream over a connection of its own."""
    settings = [("grpc.use_local_subchannel_pool", 1), *options.items()]
    if credentials is None:
        channel = grpc.insecure_channel(address, settings)
    else:
        channel = grpc.secure_channel(address, credentials, settings)
    with channel:
        stream = AdsClient(channel)
        try:
            yield stream
        finally:
            stream.close()
