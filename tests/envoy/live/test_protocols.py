"""Other protocols through live Envoys: gRPC, HTTP/2, and TCP."""

import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from envoy.live.checks import Check, Request, Service, call, failures, mesh_of
from envoy.live.namespaces import CONNECT_TIMEOUT, UNUSED_ADDRESS
from envoy.live.network import CLIENT, LiveMesh, Network, live_mesh
from envoy.live.specs import node, retrying, route, timeout
from envoy.live.upstreams import Relay
from envoy.meshes import Specs

pytestmark = pytest.mark.unmeasured

GRPC_SERVICES = [
    Service(
        "A service of gRPC",
        {"x": route("grpc", "a-grpc", serviceName="echo.Echo")},
        [
            (call(), {"status": 200, "<x-node": "a", "content": "\x00\x00\x00\x00\x03a:x"}),
            (call(path="/echo.Other/Unary"), {"<grpc-status": "12"}),
            (Request("/echo.Echo/Unary", "POST", body=b"x"), {"status": 404}),
        ],
        ports={80: "grpc"},
    ),
    Service(
        "A method of gRPC",
        {"x": route("grpc", "a-grpc", serviceName="echo.Echo", methodName="Unary")},
        [
            (call(), {"<x-node": "a"}),
            (call(path="/echo.Echo/Other"), {"<grpc-status": "12"}),
        ],
        ports={80: "grpc"},
    ),
    Service(
        "Metadata of gRPC",
        {
            "x": route(
                "grpc",
                "b-grpc",
                metadata=[{"name": "x-stage", "match": {"prefix": "on"}}],
                priority=1,
            ),
            "y": route("grpc", "a-grpc", priority=2),
        },
        [(call(x_stage="one"), {"<x-node": "b"}), (call(), {"<x-node": "a"})],
        ports={80: "grpc"},
    ),
    *(
        Service(
            f"{event} is retried",
            {"x": route("grpc", "a-grpc", **retrying(event, kind="grpc"))},
            [
                (call(f"{event.upper().replace('-', '_')},OK"), {"<x-attempts": "2"}),
                (call("ABORTED,OK"), {"<grpc-status": "10"}),
            ],
            ports={80: "grpc"},
        )
        for event in (
            "cancelled",
            "deadline-exceeded",
            "internal",
            "resource-exhausted",
            "unavailable",
        )
    ),
    Service(
        "HTTP 1 becomes HTTP 2",
        {"x": route("http2", "a-http2")},
        [(call(), {"status": 200, "<x-node": "a"})],
        ports={80: "http2"},
    ),
    Service(
        "A match of http2",
        {"x": route("http2", "b-http2", prefix="/echo.Echo/")},
        [(call(), {"<x-node": "b"}), (call(path="/other"), {"<grpc-status": "12"})],
        ports={80: "http2"},
    ),
]


def tcp(name: str, port: int, spec: Specs) -> Service:
    return Service(name, {"x": spec}, [], ports={port: "tcp"})


TCP = [
    tcp("A tcp service", 9000, route("tcp", "a-tcp")),
    tcp("A server that speaks first", 9001, route("tcp", "b-first")),
    tcp("A router with another port", 9002, route("tcp", "b-tcp")),
    tcp("A target without weight", 9003, route("tcp", "a-tcp:0", "b-tcp:1")),
    tcp("An idle connection", 9004, route("tcp", "a-tcp", **timeout("idle", 300))),
]


def spoken(port: int, data: bytes = b"x") -> Callable[[LiveMesh], Mapping[str, Any]]:
    """Return a check that sends data, if there is any, and reads all of the answer."""

    def act(mesh: LiveMesh) -> Mapping[str, Any]:
        with mesh.network.tasks[CLIENT].connect(UNUSED_ADDRESS, port) as connection:
            if data:
                connection.sendall(data)
            return {"answer": connection.recv(100)}

    return act


def ends_when_idle(mesh: LiveMesh) -> Mapping[str, Any]:
    with mesh.network.tasks[CLIENT].connect(UNUSED_ADDRESS, 9004) as connection:
        return {"answer": connection.recv(100)}


TCP_CHECKS = [
    Check("A tcp service", spoken(9000), {"answer": b"a:x"}),
    Check("A server that speaks first", spoken(9001, b""), {"answer": b"b\n"}),
    Check("A router with another port", spoken(9002), {"answer": b"b:x"}),
    *(Check("A target without weight", spoken(9003), {"answer": b"b:x"}) for _ in range(4)),
    Check("An idle connection", ends_when_idle, {"answer": b""}),
]


@contextmanager
def grpc_channel(network: Network, host: str, port: int = 80) -> Iterator[grpc.Channel]:
    """Connect gRPC from the client's task to a host, by a unix socket of this process."""
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/socket"
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
            listening.listen()
            connect = partial(network.tasks[CLIENT].connect, UNUSED_ADDRESS, port)
            relay = Relay(listening, connect)
            options = [("grpc.default_authority", host)]
            with grpc.insecure_channel(f"unix:{path}", options) as channel:
                yield channel
            relay.close()


def streamed(mesh: LiveMesh) -> Mapping[str, Any]:
    """Exchange messages in both directions on one stream, each after the answer to the last."""
    with grpc_channel(mesh.network, GRPC_SERVICES[0].host) as channel:
        unary = channel.unary_unary("/echo.Echo/Unary")
        sent: SimpleQueue[bytes | None] = SimpleQueue()
        answers = channel.stream_stream("/echo.Echo/Stream")(iter(sent.get, None))
        found = [unary(b"x", timeout=CONNECT_TIMEOUT)]
        for message in (b"one", b"two"):
            sent.put(message)
            found.append(next(answers))
        sent.put(None)
        return {"answers": [*found, *answers]}


STREAMS = [Check("A stream of gRPC", streamed, {"answers": [b"a:x", b"a:one", b"a:two"]})]

NODES: Specs = {
    f"virtual-node/live/{name}-{kind}": node(name, protocol, port)
    for name in "ab"
    for kind, protocol, port in (
        ("tcp", "tcp", 9000),
        ("first", "tcp", 9001),
        ("grpc", "grpc", 50051),
        ("http2", "http2", 50051),
    )
}


@pytest.mark.process
@pytest.mark.sample(1)
def test_protocols(network: Network, record_property: Callable[[str, object], None]) -> None:
    services = [*GRPC_SERVICES, *TCP]
    checks = [check for service in services for check in service.checks] + TCP_CHECKS + STREAMS
    with live_mesh(network, mesh_of(services, NODES), CLIENT) as mesh:
        assert failures(mesh, checks) == []
    record_property(
        "figure", f"envoy live by {network}: {len(checks)} checks of gRPC, HTTP/2 and TCP"
    )
