"""Benchmark of the endpoint and of moto_server, with 32 connections from another process."""

import http.client
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

MESHES = "/v20190125/meshes"
CONNECTIONS = 32
SECONDS = 3.0
MANY = 10_000
SCOPE = "Credential=123456789012/20231114/eu-west-1/appmesh/aws4_request"


def figures() -> Iterator[str]:
    """Yield a line for each figure, with the figure of moto_server and the goal."""
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        ours, ready, _ = opened.enter_context(serving(directory))
        moto = opened.enter_context(_moto())
        yield f"the endpoint answers {ready:.2f} s after its start (goal: 0.5 s)"
        rates = {}
        for title, describe in (
            ("DescribeMesh", True),
            ("CreateMesh, durable in the endpoint", False),
        ):
            for name, address in (("ours", ours), ("moto", moto)):
                _create(address, "pay")
                rates[name] = _rate(address, describe=describe)
            times = rates["ours"] / rates["moto"]
            goal = "5 times" if describe else "1,000/s, 2 times"
            yield (
                f"{CONNECTIONS} connections, {title}: {rates['ours']:,.0f}/s from the endpoint,"
                f" {rates['moto']:,.0f}/s from moto_server, {times:.1f} times (goal: {goal})"
            )
    yield from _with_many()


def _with_many() -> Iterator[str]:
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        address, _, process = opened.enter_context(serving(directory))
        spec = {"spec": {"egressFilter": {"type": "DROP_ALL"}}}
        created = 0
        pages = []
        for size in (200, MANY):
            while created < size:
                _create(address, f"m{created:05}", spec)
                created += 1
            token = _send(address, f"{MESHES}?limit=100").get("nextToken", "")
            path = f"{MESHES}?limit=100&nextToken={token}"
            pages.append(statistics.median(_timed(address, path) for _ in range(30)))
        yield (
            f"a page of 100 meshes of ListMeshes: {pages[0] * 1000:.1f} ms with 200 meshes,"
            f" {pages[1] * 1000:.1f} ms with {MANY:,} (goal: the same time)"
        )
        yield f"memory with {MANY:,} meshes: {_megabytes(process):.0f} MB (goal: under 100 MB)"


@contextmanager
def serving(directory: Path) -> Iterator[tuple[str, float, "subprocess.Popen[str]"]]:
    began = time.monotonic()
    command = [sys.executable, "-m", "reconciler", "endpoint", "--listen", "127.0.0.1:0"]
    command += ["--data", str(directory / "data")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    line = process.stdout.readline()
    address = line[line.index("http://") :].split(",")[0].removeprefix("http://")
    _send(address, MESHES)
    ready = time.monotonic() - began
    try:
        yield address, ready, process
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def _moto() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    try:
        _wait_until(lambda: _create(f"127.0.0.1:{port}", "ready"))
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_until(request: Callable[[], object]) -> None:
    for _ in range(300):
        try:
            request()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("moto_server did not start")


def _request(method: str, path: str, body: object = None) -> bytes:
    content = json.dumps(body).encode() if body is not None else b""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders=host, Signature=0",
        f"Content-Length: {len(content)}",
        "Content-Type: application/json",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + content


def _send(address: str, path: str, body: object = None) -> dict[str, str]:
    connection = http.client.HTTPConnection(address)
    headers = {"Authorization": f"AWS4-HMAC-SHA256 {SCOPE}", "Content-Type": "application/json"}
    content = json.dumps(body) if body is not None else None
    connection.request("GET" if body is None else "PUT", path, content, headers)
    response: dict[str, str] = json.loads(connection.getresponse().read())
    connection.close()
    return response


def _create(address: str, name: str, more: Mapping[str, object] | None = None) -> None:
    _send(address, MESHES, {"meshName": name, **(more or {})})


def _timed(address: str, path: str) -> float:
    began = time.perf_counter()
    _send(address, path)
    return time.perf_counter() - began


def _rate(address: str, *, describe: bool) -> float:
    """Return the responses per second that another process gets over its connections."""
    return rate([address], "describe" if describe else "create", CONNECTIONS)


def rate(addresses: list[str], operation: str, connections: int) -> float:
    """Return the responses per second that a process for each address gets together."""
    each = str(connections // len(addresses))
    driving = [
        subprocess.Popen(
            [sys.executable, __file__, address, operation, each], stdout=subprocess.PIPE, text=True
        )
        for address in addresses
    ]
    return sum(float(process.communicate()[0]) for process in driving)


def _megabytes(process: "subprocess.Popen[str]") -> float:
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _drive(address: str, operation: str, connections: str) -> float:
    """Return the responses per second, with one request at a time on each connection."""
    host, port = address.split(":")
    sent = completed = 0
    selector = selectors.DefaultSelector()

    def send(connection: socket.socket) -> None:
        nonlocal sent
        sent += 1
        if operation == "describe":
            connection.sendall(_DESCRIBE)
        else:
            name = f"b{os.getpid()}-{sent}"
            connection.sendall(_request("PUT", MESHES, {"meshName": name, "clientToken": name}))

    def connect() -> None:
        connection = socket.create_connection((host, int(port)))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, bytearray())
        send(connection)

    for _ in range(int(connections)):
        connect()
    began = time.monotonic()
    while time.monotonic() < began + SECONDS:
        for key, _ in selector.select(1):
            connection, received = key.fileobj, key.data
            assert isinstance(connection, socket.socket)
            part = connection.recv(65536)
            received += part
            if _is_complete(received):
                assert received.startswith(b"HTTP/1.1 200 "), bytes(received)
                completed += 1
                # moto_server closes the connection after each response.
                if b"connection: close" in received.lower():
                    part = b""
                else:
                    received.clear()
                    send(connection)
            if not part:
                selector.unregister(connection)
                connection.close()
                connect()
    return completed / (time.monotonic() - began)


def _is_complete(received: bytearray) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


_DESCRIBE = _request("GET", f"{MESHES}/pay")

if __name__ == "__main__":
    print(_drive(*sys.argv[1:]))  # noqa: T201 - the result for the measuring process
