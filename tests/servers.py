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

    ``headers`` is filled with the last request's authorization and content type, where it is given.
    """

    def answer(request: str, body: bytes, given: dict[str, str]) -> Answer:
        if headers is not None:
            headers.update(given)
        return script(request, body)

    with _serving(answer) as server:
        yield server


@contextmanager
def _serving(script: Callable[[str, bytes, dict[str, str]], Answer]) -> Iterator[Scripted]:
    """Serve ``script``, which also gets the authorization and the content type of the request."""
    asked: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = f"{self.command} {self.path}"
            asked.append((request, body))
            given = {name: self.headers.get(name, "") for name in ("authorization", "content-type")}
            answer = script(request, body, given)
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

    def forward(request: str, body: bytes, headers: dict[str, str]) -> Answer:
        if (given := instead(request, body)) is not None:
            return given
        method, path = request.split(" ", 1)
        asked = url + path.removesuffix(unsaid)
        with urllib3.PoolManager() as pool:
            answer = pool.request(method, asked, body=body or None, headers=headers)
        names = ("content-type", "x-amzn-errortype", "date")
        kept = {name: value for name in names if (value := answer.headers.get(name))}
        return Answer(answer.status, alter(request, answer.data), kept)

    with _serving(forward) as server:
        yield server
