"""Applications of tasks: HTTP, gRPC and TCP servers that do as a request asks them.

The request header x-plan has one step for each attempt of a request, and the last step is repeated:
a status, ``hang`` (no answer), ``headers`` (an answer without an end) or ``reset``.
"""

import json
import select
import socket
import socketserver
import ssl
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread
from typing import Any

import grpc

# No answer that a test waits for takes so long; it only bounds the threads.
HANG_SECONDS = 300


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The head and the body of an answer are one packet.
    wbufsize = -1
    server: "HttpApplication"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        case = self.headers.get("x-case", "")
        attempt = self.server.attempts[case]
        self.server.attempts[case] += 1
        plan = self.headers.get("x-plan", "200").split(",")
        step = plan[min(attempt, len(plan) - 1)]
        if self.server.is_failing:
            step = "503"
        if step in ("hang", "reset"):
            self._end(waits=step == "hang")
            return
        content = json.dumps(
            {
                "node": self.server.name,
                "method": self.command,
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "attempts": attempt + 1,
                "body": body.decode("latin-1"),
            }
        ).encode()
        self.send_response(200 if step == "headers" else int(step))
        self.send_header("Content-Length", str(len(content) + (step == "headers")))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()
        if step == "headers":
            self._end(waits=True)

    def _end(self, *, waits: bool) -> None:
        """End the connection: when the client does, or at once by a reset."""
        if waits:
            select.select([self.connection], [], [], HANG_SECONDS)
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(
        self, name: str, listening: socket.socket, handler: type[socketserver.BaseRequestHandler]
    ) -> None:
        super().__init__(listening.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket, self.name = listening, name
        Thread(target=self.serve_forever, args=(0.2,), daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that end their connections."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class HttpApplication(_Server):
    """An HTTP/1.1 server.

    Attributes:
        attempts: The number of requests for each value of x-case.
        is_failing: Whether every answer is 503.
    """

    def __init__(self, name: str, listening: socket.socket) -> None:
        self.attempts: Counter[str] = Counter()
        self.is_failing = False
        super().__init__(name, listening, _Handler)


class TlsApplication(HttpApplication):
    """An HTTP server behind TLS with a certificate in files."""

    def __init__(self, name: str, listening: socket.socket, certificate: Mapping[str, str]) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate["certificateChain"], certificate["privateKey"])
        super().__init__(name, listening)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection after its handshake, in the thread of the connection."""
        with self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)


class _Speaker(socketserver.BaseRequestHandler):
    server: "TcpApplication"

    def handle(self) -> None:
        if self.server.speaks_first:
            self.request.sendall(f"{self.server.name}\n".encode())
        while data := self.request.recv(4096):
            self.request.sendall(self.server.name.encode() + b":" + data)


class TcpApplication(_Server):
    """A server that repeats each piece of data after its name; it may send its name first."""

    def __init__(self, name: str, listening: socket.socket, *, speaks_first: bool = False) -> None:
        self.speaks_first = speaks_first
        super().__init__(name, listening, _Speaker)


class Recorder(_Server):
    """A server that closes each connection after its first data.

    Attributes:
        received: The first line of each connection.
    """

    def __init__(self, listening: socket.socket) -> None:
        self.received: list[bytes] = []
        super().__init__("recorder", listening, _Recording)


class _Recording(socketserver.BaseRequestHandler):
    server: Recorder

    def handle(self) -> None:
        self.server.received.append(self.request.recv(4096).partition(b"\r\n")[0])


class Relay(_Server):
    """Forwards each connection to one that ``connect`` makes."""

    def __init__(self, listening: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self.connect = connect
        super().__init__("relay", listening, _Pump)


class _Pump(socketserver.BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        near: socket.socket = self.request
        with suppress(OSError), self.server.connect() as far:
            other = {near: far, far: near}
            while True:
                for ready in select.select([near, far], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    other[ready].sendall(data)


class GrpcApplication:
    """A gRPC server on a socket of a task: it repeats messages, or ends with the status of x-plan.

    A method whose name begins with Stream is bidirectional.
    """

    def __init__(self, name: str, listening: socket.socket) -> None:
        self.name = name
        self.attempts: Counter[str] = Counter()
        self._directory = tempfile.TemporaryDirectory()
        path = str(Path(self._directory.name, "socket"))
        self._server = grpc.server(ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers((_Methods(self),))
        self._server.add_insecure_port(f"unix:{path}")
        self._server.start()
        self._relay = Relay(listening, lambda: unix_connection(path))

    def require_success(self, context: Any) -> None:
        """End a call with the status of its plan."""
        metadata = dict(context.invocation_metadata())
        case = str(metadata.get("x-case", ""))
        attempt = self.attempts[case]
        self.attempts[case] += 1
        plan = str(metadata.get("x-plan", "OK")).split(",")
        step = plan[min(attempt, len(plan) - 1)]
        if step != "OK":
            # Envoy retries by a status in the head of an answer, so no head is sent before.
            context.abort(grpc.StatusCode[step], f"{attempt + 1}")
        context.send_initial_metadata((("x-node", self.name), ("x-attempts", str(attempt + 1))))

    def close(self) -> None:
        self._relay.close()
        self._server.stop(None)
        self._directory.cleanup()


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    def __init__(self, application: GrpcApplication) -> None:
        self._application = application

    def service(self, details: Any) -> Any:
        if details.method.rpartition("/")[2].startswith("Stream"):
            return grpc.stream_stream_rpc_method_handler(self._stream)
        if details.method == "/grpc.health.v1.Health/Check":
            # HealthCheckResponse with the status SERVING.
            return grpc.unary_unary_rpc_method_handler(lambda _, __: b"\x08\x01")
        return grpc.unary_unary_rpc_method_handler(self._unary)

    def _unary(self, message: bytes, context: Any) -> bytes:
        self._application.require_success(context)
        return self._application.name.encode() + b":" + message

    def _stream(self, messages: Iterator[bytes], context: Any) -> Iterator[bytes]:
        self._application.require_success(context)
        for message in messages:
            yield self._application.name.encode() + b":" + message


def unix_connection(path: str) -> socket.socket:
    """Return a connection to a unix socket."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    return connection
