"""Clients that take connections and give them no work: a probe gets through all the same."""

import asyncio
import http.client
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from daemons import eventually
from web.samples import StillDaemon, calm, served

from reconciler.endpoint import LocalEndpoint
from reconciler.serving.http_server import listen, run_server, url_of
from reconciler.serving.protocol import Limits

MOST = 64
ROUNDS = 15
LARGE = b"x" * (32 << 20)
HEAD = b"GET /v20190125/meshes HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"POST /reconcile HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
OPENINGS = {"silent": b"", "heads": HEAD, "bodies": BODY, "idle": HEAD + b"\r\n"}


@pytest.fixture(params=["endpoint", "daemon"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Return the URL of a server of 64 connections, and the path of its probe."""
    if request.param == "endpoint":
        with LocalEndpoint(None, limits=Limits(max_connections=MOST)) as endpoint:
            yield endpoint.url, "/_endpoint/calls"
    else:
        with served(StillDaemon(calm()), tmp_path) as url:
            yield url, "/healthz"


def address(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


class Crowd:
    """As many connections as the server takes and more, each opened anew when it is closed."""

    def __init__(self, url: str, opening: bytes) -> None:
        self.url, self.opening = url, opening
        self.connections = [self._opened() for _ in range(MOST + 8)]

    def _opened(self) -> socket.socket:
        connection = socket.create_connection(address(self.url), timeout=10)
        connection.sendall(self.opening)
        if self.opening == OPENINGS["idle"]:
            # It is idle once it is answered; until then it has work.
            with suppress(OSError, http.client.HTTPException):
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                answer.read()
        connection.settimeout(0)
        return connection

    def press(self) -> None:
        """Send a byte more on each connection, and open again those that are closed."""
        for number, connection in enumerate(self.connections):
            try:
                if self.opening in (HEAD, BODY):
                    connection.send(b"a")
                closed = connection.recv(65_536) == b""
            except BlockingIOError:
                closed = False
            except OSError:
                closed = True
            if closed:
                connection.close()
                self.connections[number] = self._opened()

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


@pytest.mark.unmeasured
@pytest.mark.sample(3)
@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_a_probe_is_answered_however_many_clients_keep_silent(
    place: tuple[str, str], opening: bytes
) -> None:
    url, path = place
    seconds = []
    with closing(Crowd(url, opening)) as crowd:
        for _ in range(ROUNDS):
            crowd.press()
            began = time.monotonic()
            with closing(http.client.HTTPConnection(*address(url), timeout=10)) as probe:
                probe.request("GET", path)
                with probe.getresponse() as answer:
                    assert answer.status == 200
            seconds.append(time.monotonic() - began)
    # Each one may have to wait for this machine.
    assert statistics.median(seconds) < 1


class Application:
    """Answers at once, or once it is released, or with more than a socket holds."""

    def __init__(self) -> None:
        self.waits = 0
        self.released = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["path"] == "/wait":
            self.waits += 1
            await self.released.wait()
        body = LARGE if scope["path"] == "/large" else b"ok"
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})
        if scope["path"] == "/release":
            self.released.set()


@contextmanager
def applied(most: int) -> Iterator[tuple[Application, Callable[[], socket.socket]]]:
    """Serve an application to ``most`` connections, and yield what opens one more."""
    application = Application()
    with ExitStack() as opened:
        listener = opened.enter_context(listen("127.0.0.1", 0, insecure=False))
        there = address(url_of(listener))
        opened.enter_context(
            run_server(application, listener, connection_limits=Limits(max_connections=most))
        )
        yield (
            application,
            lambda: opened.enter_context(socket.create_connection(there, timeout=10)),
        )


def ask(connection: socket.socket, path: bytes = b"/") -> None:
    connection.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path)


def is_answered(connection: socket.socket) -> bool:
    """Whether a small answer comes, and no refusal."""
    received = b""
    while not received.endswith(b"ok") and (part := connection.recv(65_536)):
        received += part
    return received.startswith(b"HTTP/1.1 200 ")


def test_who_reads_no_answers_makes_room() -> None:
    with applied(2) as (_, connect):
        for _ in range(2):
            deaf = connect()
            ask(deaf, b"/large")
            assert deaf.recv(12) == b"HTTP/1.1 200"
            # It is answered only when the first answer was read.
            ask(deaf, b"/large")
        for _ in range(3):
            probe = connect()
            ask(probe)
            assert is_answered(probe)


def test_what_is_being_answered_makes_no_room() -> None:
    with applied(2) as (application, connect):
        waiting, other = connect(), connect()
        ask(waiting, b"/wait")
        eventually(lambda: application.waits == 1)
        ask(other, b"/wait")
        eventually(lambda: application.waits == 2)
        refused = connect()
        assert refused.recv(12) == b"HTTP/1.1 503"
        other.close()
        eventually(lambda: _released(connect()))
        assert is_answered(waiting)


def _released(connection: socket.socket) -> bool:
    ask(connection, b"/release")
    return is_answered(connection)


def test_of_those_that_wait_the_one_that_waits_longest_makes_room() -> None:
    with applied(2) as (_, connect):
        first, second = connect(), connect()
        for connection in (first, second, first):
            ask(connection)
            assert is_answered(connection)
        third = connect()
        ask(third)
        assert is_answered(third)
        ask(first)
        assert is_answered(first)
        assert not is_answered(second)
