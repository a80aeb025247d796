"""Repositories served on loopback by git itself, over HTTP with the faults of servers."""

import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from connections import served_by
from programs import require_program


@contextmanager
def git_daemon() -> Iterator[int]:
    """Serve all repositories of this machine with git daemon, by their paths; yield the port."""
    git = require_program("git", purpose="repositories as a source")
    options = ("--inetd", "--export-all", "--init-timeout=60")
    with served_by(git, "daemon", *options) as port:
        yield port


@dataclass
class GitServer:
    """A server of the repositories in a directory.

    Attributes:
        url: Its address.
        password: The password of the user ``reader``; None for no authentication.
        cut_after: How many bytes of each pack are sent before the connection is closed.
        stalled: Set for a server that accepts requests and does not answer until it is cleared.
        requests: The paths of all requests.
        on_request: Called with the path of each request before the answer.
        on_half_pack: Called when half of a pack is sent.
    """

    url: str = ""
    password: str | None = None
    cut_after: int | None = None
    stalled: threading.Event = field(default_factory=threading.Event)
    resumed: threading.Event = field(default_factory=threading.Event)
    requests: list[str] = field(default_factory=list)
    on_request: Callable[[str], object] = lambda _: None
    on_half_pack: Callable[[], object] = lambda: None

    @property
    def fetches(self) -> int:
        """How many requests asked for objects; each fetch also lists refs with one."""
        return sum(path.endswith("/git-upload-pack") for path in self.requests)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *request: Any) -> None:
        """Print all errors except those of clients that were killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*request)


@contextmanager
def git_server(directory: Path) -> Iterator[GitServer]:
    """Serve the repositories in ``directory`` with git http-backend."""
    git = require_program("git", purpose="repositories as a source")
    state = GitServer()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            path, _, query = self.path.partition("?")
            body = self._body()
            state.requests.append(path)
            state.on_request(path)
            if state.stalled.is_set():
                state.resumed.wait()
            expected = f"Basic {b64encode(f'reader:{state.password}'.encode()).decode()}"
            if state.password is not None and self.headers.get("authorization") != expected:
                self.send_response(401)
                self.send_header("www-authenticate", 'Basic realm="git"')
                self.send_header("content-length", "0")
                self.end_headers()
                return
            backend = subprocess.run(
                [git, "http-backend"], input=body, capture_output=True, check=False,
                env={
                    "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(directory),
                    "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": self.command, "PATH_INFO": path,
                    "QUERY_STRING": query, "CONTENT_TYPE": self.headers.get("content-type", ""),
                    "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
                    "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory",
                    "GIT_CONFIG_VALUE_0": "*",
                    "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
                },
            )  # fmt: skip
            head, _, content = backend.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response_only(int(fields.pop("Status", "200").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if b"PACK" not in content:
                self.wfile.write(content)
                return
            half = len(content) // 2
            self.wfile.write(content[:half][: state.cut_after])
            state.on_half_pack()
            self.wfile.write(content[half : state.cut_after])
            self.close_connection = state.cut_after is not None

        def _body(self) -> bytes:
            if self.headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("content-length", 0)))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        do_GET = do_POST = _answer  # noqa: N815  # http.server calls them so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        state.resumed.set()
        server.shutdown()
        thread.join()
        server.server_close()
