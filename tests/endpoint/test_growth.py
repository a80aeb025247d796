"""No request takes long, whatever its head or its body holds."""

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, cast

import pytest
from growth import KIB, SIZES, assert_linear, repeated
from web.samples import StillDaemon, calm, served

from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.slow

# A head holds no more than 64 KiB.
HEAD_SIZES = (15 * KIB, 60 * KIB)
MESHES = "/v20190125/meshes"
CREDENTIAL = "AWS4-HMAC-SHA256 Credential="
HEADS: dict[str, Callable[[int], str]] = {
    "credentials": lambda size: f"Authorization: {repeated('Credential=', size)}",
    "credentials with a key": lambda size: f"Authorization: {repeated('Credential=A/', size)}",
    "credentials with a date": lambda size: (
        f"Authorization: {repeated('Credential=A/20260101/', size)}"
    ),
    "a long key": lambda size: f"Authorization: {CREDENTIAL}{repeated('A', size)}",
    "a long region": lambda size: f"Authorization: {CREDENTIAL}A/20260101/{repeated('a', size)}",
    "a bearer": lambda size: f"Authorization: Bearer {repeated('a ', size)}",
    "a host of colons": lambda size: f"Host: {repeated(':', size)}",
    "a host of numbers": lambda size: f"Host: {repeated('1.', size)}",
    "a host of brackets": lambda size: f"Host: {repeated('[', size)}",
    "a zone": lambda size: f"Host: [fe80::1%{repeated('1', size)}]",
    "a content type": lambda size: f"Content-Type: {repeated('a;', size)}",
    "a target": lambda size: f"X-Amz-Target: {repeated('ResourceGroupsTaggingAPI_', size)}",
    "many headers": lambda size: "\r\n".join(f"X-{number}: y" for number in range(size // 12)),
    "cookies": lambda size: f"Cookie: {repeated('a=b; ', size)}",
}
TARGETS: dict[str, Callable[[int], str]] = {
    "slashes": lambda size: repeated("/", size),
    "escapes": lambda size: f"{MESHES}/{repeated('%41', size)}",
    "broken escapes": lambda size: f"{MESHES}/{repeated('%', size)}",
    "parameters": lambda size: f"{MESHES}?{repeated('a=b&', size)}",
    "a limit": lambda size: f"{MESHES}?limit={repeated('1', size)}",
    "limits": lambda size: f"{MESHES}?{repeated('limit=1&', size)}",
    "a deep token": lambda size: (
        f"{MESHES}?nextToken={base64.urlsafe_b64encode(b'[' * (size * 3 // 4)).decode()}"
    ),
}
BODIES: dict[str, Callable[[int], str]] = {
    "deep lists": lambda size: repeated("[", size),
    "deep objects": lambda size: repeated('{"a":', size),
    "a number": lambda size: f'{{"meshName":{repeated("1", size)}}}',
    "a fraction": lambda size: f'{{"meshName":1.{repeated("1", size)}}}',
    "a name": lambda size: json.dumps({"meshName": "a" * size}),
    "escapes": lambda size: f'{{"meshName":"{repeated(chr(92) + "u00e9", size)}"}}',
    "strange members": lambda size: json.dumps({f"m{it}": 1 for it in range(size // 11)}),
    "tags": lambda size: json.dumps(
        {"meshName": "a", "tags": [{"key": "k", "value": "v"}] * (size // 28)}
    ),
    "an egress filter of many": lambda size: json.dumps(
        {"meshName": "a", "spec": {f"m{it}": {} for it in range(size // 12)}}
    ),
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the addresses of an endpoint and of a daemon's HTTP."""
    folder: Path = tmp_path_factory.mktemp("web")
    tracer = threading.gettrace()
    # The branches of its threads are not measured here, for the time counts.
    threading.settrace(cast("Any", None))
    try:
        with LocalEndpoint(None) as endpoint, served(StillDaemon(calm()), folder) as url:
            yield {"endpoint": endpoint.url, "daemon": url}
    finally:
        threading.settrace(cast("Any", tracer))


def answered(url: str, request: str) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    with ExitStack() as opened:
        connection = opened.enter_context(closing(socket.create_connection((host, int(port)), 30)))
        connection.sendall(request.encode())
        answer = connection.recv(64 * KIB)
        assert answer.startswith(b"HTTP/1.1 ")
        assert not answer.startswith(b"HTTP/1.1 500")
        return answer


@pytest.mark.parametrize("server", ["endpoint", "daemon"])
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_e29_no_header_takes_long(
    server: str, head: Callable[[int], str], servers: dict[str, str]
) -> None:
    def request(size: int) -> str:
        lines = [head(size)]
        lines += [] if lines[0].startswith("Host") else ["Host: localhost"]
        path = MESHES if server == "endpoint" else "/healthz"
        return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""])

    assert_linear(lambda text: answered(servers[server], text), request, sizes=HEAD_SIZES)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_no_path_or_query_takes_long(target: Callable[[int], str], servers: dict[str, str]) -> None:
    assert_linear(
        lambda text: answered(servers["endpoint"], text),
        lambda size: f"GET {target(size)} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        sizes=HEAD_SIZES,
    )


def posted(path: str, body: str, kind: str = "application/json") -> str:
    method = "POST" if path == "/" else "PUT"
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
    )


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_body_takes_long(body: Callable[[int], str], servers: dict[str, str]) -> None:
    url = servers["endpoint"]
    assert_linear(lambda text: answered(url, text), lambda size: posted(MESHES, body(size)))


def test_a_body_in_small_pieces_takes_as_long_as_it_is_long(servers: dict[str, str]) -> None:
    def request(size: int) -> str:
        head = f"PUT {MESHES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        pieces = repeated("1\r\nx\r\n", size)
        return f"{head}Transfer-Encoding: chunked\r\n\r\n{pieces}0\r\n\r\n"

    assert_linear(lambda text: answered(servers["endpoint"], text), request, sizes=SIZES)


def test_no_form_takes_long(servers: dict[str, str]) -> None:
    kind = "application/x-www-form-urlencoded"
    assert_linear(
        lambda text: answered(servers["endpoint"], text),
        lambda size: posted("/", repeated("a=%41&", size), kind),
    )
