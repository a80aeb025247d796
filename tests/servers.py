"""A server that says exactly what a test tells it to, byte for byte."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3


@dataclass
class Answer:
    """What is sent back; ``body`` as bytes, or as JSON to be."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Scripted:
    """A running server: where it is, and what it was asked, as "METHOD path" with the body."""

    url: str
    asked: list[tuple[str, bytes]]

    def count(self, beginning: str) -> int:
        return sum(request.startswith(beginning) for request, _ in self.asked)


Script = Callable[[str, bytes], Answer]


@contextmanager
def scripted(script: Script, headers: dict[str, str] | None = None) -> Iterator[Scripted]:
    """Serve ``script``, which is called with "METHOD path" and the body of each request.

    ``headers`` is filled with the request's authorization and content type, where it is given.
    """
    asked: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = f"{self.command} {self.path}"
            asked.append((request, body))
            if headers is not None:
                for name in ("authorization", "content-type"):
                    headers[name] = self.headers.get(name, "")
            answer = script(request, body)
            # Without a date or a server of its own.
            self.send_response_only(answer.status)
            for name, value in {
                "content-type": "application/json",
                "content-length": str(len(answer.content)),
                **answer.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_PUT = do_DELETE = do_POST = do_PATCH = _answer  # noqa: N815  # http.server calls them so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Scripted(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _as_it_is(_: str, content: bytes) -> bytes:
    return content


def _passed_on(_: str, __: bytes) -> Answer | None:
    return None


@contextmanager
def recording(
    url: str,
    alter: Callable[[str, bytes], bytes] = _as_it_is,
    *,
    unsaid: str = "?",
    instead: Callable[[str, bytes], Answer | None] = _passed_on,
) -> Iterator[Scripted]:
    """Serve what the server at ``url`` answers, and keep what it was asked.

    ``alter`` is called with "METHOD path" and the content of each answer, and may change it.
    ``unsaid`` is a query that is not passed on. ``instead`` is called with "METHOD path" and the
    body of each request, and may answer it.
    """

    def forward(request: str, body: bytes) -> Answer:
        if (given := instead(request, body)) is not None:
            return given
        method, path = request.split(" ", 1)
        pool = urllib3.PoolManager()
        answer = pool.request(
            method, url + path.removesuffix(unsaid), body=body or None, headers=kept
        )
        names = ("content-type", "x-amzn-errortype", "date")
        headers = {name: value for name in names if (value := answer.headers.get(name))}
        return Answer(answer.status, alter(request, answer.data), headers)

    kept: dict[str, str] = {}
    with scripted(forward, headers=kept) as server:
        yield server
