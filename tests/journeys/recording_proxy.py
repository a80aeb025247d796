"""A proxy in front of an endpoint that records writes, so that each writer is known by its port."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_ACCOUNT = re.compile(r"Credential=(\d{12})/")


@dataclass(frozen=True)
class Call:
    """A call that writes; times are those of one monotonic clock."""

    writer: str
    account: str
    path: str
    body: str
    status: int
    sent_at: float
    answered_at: float


@contextmanager
def recording_proxy(url: str, writer: str, record: Callable[[Call], None]) -> Iterator[str]:
    """Pass requests to ``url``, record the writes of ``writer``, and yield the URL to use."""
    address = urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.onward = HTTPConnection(address.hostname or "", address.port, timeout=60)

        def finish(self) -> None:
            self.onward.close()
            super().finish()

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            sent_at = time.monotonic()
            headers = dict(self.headers.items())
            self.onward.request(self.command, self.path, body or None, headers)
            response = self.onward.getresponse()
            content = response.read()
            found = _ACCOUNT.search(self.headers.get("authorization", ""))
            if found and (self.command in ("PUT", "DELETE")) and "/meshes" in self.path:
                times = sent_at, time.monotonic()
                record(Call(writer, found[1], self.path, body.decode(), response.status, *times))
            self.send_response_only(response.status)
            for name, value in response.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = pass_on  # noqa: N815  # names of the base class

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing: a daemon that is killed leaves its connections."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
