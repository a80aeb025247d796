"""A proxy that holds one request back, by its number, until told what becomes of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

MAX_WAIT_SECONDS = 120
# What a connection says of itself and not of the request.
OWN_HEADERS = ("host", "connection", "content-length", "transfer-encoding")


@dataclass
class Gate:
    """Where requests pass; ``hold`` is the number of the one that is kept, counted from 0.

    With ``forwards_first`` it reaches the endpoint at once and only its answer is kept.
    """

    url: str
    upstream: str
    hold: int
    forwards_first: bool
    held: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)
    kept: tuple[str, str, bytes, dict[str, str]] | None = None
    counting: threading.Lock = field(default_factory=threading.Lock)

    def pass_through(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]] | None:
        """Return the endpoint's answer, None where the one that asked is no more."""
        with self.counting:
            number = len(self.asked)
            self.asked.append(f"{method} {path}")
        if number != self.hold:
            return self._forward(method, path, body, headers)
        if self.forwards_first:
            self._forward(method, path, body, headers)
        else:
            self.kept = method, path, body, headers
        self.held.set()
        self.released.wait(MAX_WAIT_SECONDS)
        return None

    def deliver_late(self) -> None:
        """Let the request that was kept reach the endpoint after all."""
        if self.kept is not None:
            self._forward(*self.kept)

    def _forward(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        connection = HTTPConnection(urlsplit(self.upstream).netloc, timeout=MAX_WAIT_SECONDS)
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()


@contextmanager
def gate(upstream: str, hold: int, *, forwards_first: bool) -> Iterator[Gate]:
    """Serve what is at ``upstream``, and hold one request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            unwanted = ("host", "connection", "content-length")
            headers = {
                name: text for name, text in self.headers.items() if name.lower() not in unwanted
            }
            answer = passing.pass_through(self.command, self.path, body, headers)
            if answer is None:
                self.close_connection = True
                return
            status, content, result = answer
            self.send_response_only(status)
            for name, text in result.items():
                if name.lower() not in OWN_HEADERS:
                    self.send_header(name, text)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = do_POST = _answer  # noqa: N815  # http.server calls them so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: the one that asked was killed."""

    server = Server(("127.0.0.1", 0), Handler)
    passing = Gate(f"http://127.0.0.1:{server.server_port}", upstream, hold, forwards_first)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield passing
    finally:
        passing.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
