"""What one client may cost the others: time, size and number are bounded."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from reconciler.endpoint import LocalEndpoint
from reconciler.serving.protocol import Limits

HEAD = b"GET /v20190125/meshes HTTP/1.1\r\nHost: localhost\r\n"
WHOLE = HEAD + b"\r\n"


@contextmanager
def connected(limits: Limits | None = None) -> Iterator[tuple[LocalEndpoint, socket.socket]]:
    endpoint = LocalEndpoint(None, limits=limits or Limits())
    with endpoint, closing(connect(endpoint)) as connection:
        yield endpoint, connection


def connect(endpoint: LocalEndpoint) -> socket.socket:
    host, port = endpoint.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def everything(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        HEAD,
        b"PUT /v20190125/meshes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{",
        b"PUT /v20190125/meshes HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        WHOLE + HEAD,
    ],
    ids=["nothing", "head", "body", "chunks", "second"],
)
def test_a_request_has_to_arrive_in_time(begun: bytes) -> None:
    with connected(Limits(request_seconds=0.1)) as (_, connection):
        connection.sendall(begun)
        received = everything(connection)
        assert received.count(b"HTTP/1.1 408 ") == 1
        assert b"x-amzn-errortype: RequestTimeoutException" in received


def test_an_idle_connection_is_closed() -> None:
    with connected(Limits(idle_seconds=0, request_seconds=60)) as (_, connection):
        connection.sendall(WHOLE)
        assert everything(connection).startswith(b"HTTP/1.1 200 ")


def test_a_head_has_its_bound() -> None:
    with connected() as (endpoint, connection):
        connection.sendall(HEAD + b"X-A: " + b"a" * 70_000 + b"\r\n\r\n")
        assert b"HTTP/1.1 431 " in everything(connection)
        with closing(connect(endpoint)) as another:
            another.sendall(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n")
            assert b"HTTP/1.1 431 " in everything(another)
        with closing(connect(endpoint)) as another:
            another.sendall(HEAD + b"X: 1\r\n" * 20_000)
            assert b"HTTP/1.1 431 " in everything(another)
        many = HEAD + b"X-A: " + b"a" * 50_000 + b"\r\nContent-Length: 2\r\n\r\n{}"
        with closing(connect(endpoint)) as another:
            another.sendall(many + many)
            another.shutdown(socket.SHUT_WR)
            assert everything(another).count(b"HTTP/1.1 ") == 2


@pytest.mark.parametrize(
    "begun",
    [
        HEAD + b"X-A: ",
        HEAD,
        WHOLE + HEAD + b"X-A: ",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;",
    ],
    ids=["value", "name", "second", "extension"],
)
def test_a_header_without_end_is_not_read_on(begun: bytes) -> None:
    with connected(Limits(request_seconds=60)) as (_, connection):
        connection.sendall(begun)

        def send_on() -> None:
            for _ in range(1_000):
                connection.sendall(b"a" * 10_000)

        with pytest.raises(ConnectionError):
            send_on()


def test_a_refused_head_has_no_body() -> None:
    with connected() as (_, connection):
        body = b"Content-Length: 2\r\n\r\n{}"
        connection.sendall(HEAD + b"X-A: " + b"a" * 65_540 + b"\r\n" + body)
        assert everything(connection).count(b"HTTP/1.1 431 ") == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        HEAD + b"Content-Length: -1\r\n\r\n",
    ],
    ids=["tls", "both lengths", "two lengths", "negative"],
)
def test_what_is_no_http_is_refused(sent: bytes) -> None:
    with connected() as (_, connection):
        connection.sendall(sent)
        received = everything(connection)
        assert received.startswith(b"HTTP/1.1 400 ")
        assert received.count(b"HTTP/1.1 ") == 1


def test_http_1_0_is_answered_once() -> None:
    with connected() as (_, connection):
        connection.sendall(WHOLE.replace(b"1.1", b"1.0"))
        assert b"connection: close" in everything(connection)


def test_the_endpoint_stops_with_a_request_half_sent() -> None:
    with connected() as (endpoint, connection):
        connection.sendall(HEAD)
        address = endpoint.url.removeprefix("http://")
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(address).connect()
