"""An SDS server on a unix socket, which has certificates of files as secrets."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from reconciler.envoy.encoding import message_class

_TYPE = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
_METHOD = "/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets"
# The numbers of the fields of Secret and TlsCertificate, of which the descriptors have none.
_NAME, _CERTIFICATE, _TRUST = 1, 2, 4
_CHAIN, _KEY = 1, 2
_TRUSTED_CA, _INLINE = 1, 2


def certificate(files: Mapping[str, str]) -> bytes:
    """Return the fields of a secret with a certificate and its key."""
    parts = ((_CHAIN, "certificateChain"), (_KEY, "privateKey"))
    return _field(
        _CERTIFICATE, b"".join(_field(number, _content(files[name])) for number, name in parts)
    )


def authority(file: str) -> bytes:
    """Return the fields of a secret with the certificate of an authority."""
    return _field(_TRUST, _field(_TRUSTED_CA, _content(file)))


def _content(file: str) -> bytes:
    return _field(_INLINE, Path(file).read_bytes())


def _field(number: int, content: bytes) -> bytes:
    """Return a field of protobuf with a length."""
    length, varint = len(content), bytearray()
    while length > 127:  # seven bits in each byte
        varint.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *varint, length]) + content


class SecretServer:
    """The server; each Envoy asks for one secret by a stream of its own."""

    def __init__(self, socket: Path, secrets: Mapping[str, bytes]) -> None:
        self.asked: set[str] = set()
        self._secrets = secrets
        self._server = grpc.server(ThreadPoolExecutor(16))
        parse = message_class("envoy.service.discovery.v3.DiscoveryRequest").FromString
        handler = grpc.stream_stream_rpc_method_handler(
            self._serve,
            request_deserializer=parse,
            response_serializer=lambda message: message.SerializeToString(),
        )
        service, method = _METHOD[1:].split("/")
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),)
        )
        self._server.add_insecure_port(f"unix:{socket}")
        self._server.start()
        # Envoys run as another user.
        socket.chmod(0o777)

    def _serve(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        del context
        for request in requests:
            (name,) = request.resource_names
            self.asked.add(name)
            if request.response_nonce or name not in self._secrets:
                continue
            response = message_class("envoy.service.discovery.v3.DiscoveryResponse")(
                version_info="1", nonce="1", type_url=_TYPE
            )
            content = _field(_NAME, name.encode()) + self._secrets[name]
            response.resources.add(type_url=_TYPE, value=content)
            yield response

    def close(self) -> None:
        """End all streams."""
        self._server.stop(None).wait()
