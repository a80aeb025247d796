"""Requests and connections of all protocols: shares, retries, timeouts, pools and health."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import pytest
from amounts import FULL
from envoy.live.checks import (
    Check,
    Request,
    Service,
    failures,
    grpc_channel,
    http,
    mesh_of,
    node,
    route,
)
from envoy.live.namespaces import CONNECT_TIMEOUT, UNUSED_ADDRESS
from envoy.live.network import CLIENT, LiveMesh, Network, live_mesh
from envoy.meshes import Specs, to_node

POLICY = {"maxRetries": 3, "perRetryTimeout": {"unit": "s", "value": 60}}
# A gRPC message without compression: its length, and the text x.
FRAME = b"\x00\x00\x00\x00\x01x"
GRPC = {"content-type": "application/grpc", "te": "trailers"}


def planned(plan: str, method: str = "GET") -> Request:
    return Request(method=method, headers={"x-plan": plan})


def call(plan: str = "OK", path: str = "/echo.Echo/Unary", **metadata: str) -> Request:
    headers = {
        **GRPC,
        "x-plan": plan,
        **{name.replace("_", "-"): it for name, it in metadata.items()},
    }
    return Request(path, "POST", headers, body=FRAME)


def retrying(*events: str, kind: str = "http", **more: Any) -> Specs:
    return {"retryPolicy": {**POLICY, f"{kind}RetryEvents": [*events], **more}}


def once(*nodes: str, **more: Any) -> Specs:
    """Return a route that retries nothing."""
    return http(*nodes, **retrying("server-error", maxRetries=0), **more)


def answered(status: int, attempts: int) -> dict[str, int]:
    return {"status": status, "attempts": attempts}


def seconds(field: str, value: int, unit: str = "ms") -> Specs:
    return {"timeout": {field: {"unit": unit, "value": value}}}


RETRIES = [
    Service(
        "server-error is retried",
        {"x": http("a", **retrying("server-error"))},
        [
            (planned("500,200"), answered(200, 2)),
            (planned("511,503,200", "POST"), answered(200, 3)),
            (planned("reset,200"), answered(200, 2)),
            (planned("404,200"), answered(404, 1)),
            (planned("500"), answered(500, 4)),
        ],
    ),
    Service(
        "gateway-error is retried",
        {"x": http("a", **retrying("gateway-error"))},
        [(planned("502,504,200"), answered(200, 3)), (planned("500,200"), answered(500, 1))],
    ),
    Service(
        "client-error is retried",
        {"x": http("a", **retrying("client-error"))},
        [(planned("409,200"), answered(200, 2)), (planned("400,200"), answered(400, 1))],
    ),
    Service(
        "stream-error retries no status",
        {"x": http("a", **retrying("stream-error"))},
        [(planned("503,200"), answered(503, 1))],
    ),
    Service(
        "connection-error goes to another host",
        {"x": http("half", **retrying("connection-error", kind="tcp"))},
        [(planned("200"), answered(200, 1))] * 4 + [(planned("503,200"), answered(503, 1))],
    ),
    Service(
        "No retries and no default policy",
        {"x": once("a")},
        [(planned("503,200"), answered(503, 1))],
    ),
    Service(
        "The default policy",
        {"x": http("a")},
        [
            (planned("503,503,200"), answered(200, 3)),
            (planned("503"), answered(503, 3)),
            (planned("reset,200", "POST"), answered(200, 2)),
            (planned("500,200"), answered(500, 1)),
        ],
    ),
    Service(
        "The default policy of a service of a node",
        {},
        [(planned("503,200"), answered(200, 2))],
        provider=to_node("a"),
    ),
    Service(
        "A timeout of each attempt",
        {
            "x": http(
                "a",
                **retrying("server-error", perRetryTimeout={"unit": "s", "value": 2}),
                **seconds("perRequest", 60, "s"),
            )
        },
        [(planned("hang,200"), {"status": 200})],
    ),
]

TIMEOUTS = [
    Service(
        "The timeout of a route",
        {"x": once("a", **seconds("perRequest", 300))},
        [(planned("hang"), {"status": 504, "content": "upstream request timeout"})],
    ),
    Service(
        "The timeout of a route includes its retries",
        {"x": http("a", **retrying("server-error"), **seconds("perRequest", 2, "s"))},
        [(planned("500,hang"), {"status": 504})],
    ),
    Service(
        "The timeout of an idle stream",
        {
            "x": once(
                "a",
                timeout={
                    "perRequest": {"unit": "s", "value": 0},
                    "idle": {"unit": "ms", "value": 300},
                },
            )
        },
        [(planned("headers"), {"status": 0}), (planned("hang"), {"status": 504})],
    ),
]

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
    tcp("An idle connection", 9004, route("tcp", "a-tcp", **seconds("idle", 300))),
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

WEIGHTS = Service("Weights", {"x": http("a:1", "b:3")}, [])
SUM = Service("A sum of 30", {"x": http("a:10", "b:10", "c:10")}, [])
DUPLICATES = Service("A target twice", {"x": http("a:1", "a:1", "b:2")}, [])


def shares(service: Service, requests: int, **bounds: range) -> Check:
    """Return a check of shares; a right share is outside of its bounds once in a billion runs."""

    def act(mesh: LiveMesh) -> Mapping[str, Any]:
        answers = [Request().send(mesh.network, service.host) for _ in range(requests)]
        found = Counter(answer.get("node") for answer in answers)
        return {name: found[name] in bounds[name] for name in bounds} | {"found": found}

    return Check(service.name, act, dict.fromkeys(bounds, True))


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

DEFAULT = Service("The timeout by default", {"x": once("a")}, [])
NO_TIMEOUT = Service("No timeout", {"x": once("a", **seconds("perRequest", 0, "s"))}, [])
SLOW = [DEFAULT, NO_TIMEOUT]


def waited(service: Service, limit: float) -> Callable[[LiveMesh], Mapping[str, Any]]:
    """Return a check of a request that gets no answer from its application."""

    def act(mesh: LiveMesh) -> Mapping[str, Any]:
        started = time.monotonic()
        answer = replace(planned("hang"), timeout=limit).send(mesh.network, service.host)
        return {**answer, "early": time.monotonic() - started < DEFAULT_SECONDS - 1}

    return act


DEFAULT_SECONDS = 15
SLOW_CHECKS = [
    Check("The timeout by default", waited(DEFAULT, 60), {"status": 504, "early": False}),
    # The test ends the request, long after the timeout by default would have.
    Check("No timeout", waited(NO_TIMEOUT, 40), {"status": 0, "early": False}),
]

NODES: Specs = {
    **{
        f"virtual-node/live/{name}-{kind}": node(name, protocol, port)
        for name in "ab"
        for kind, protocol, port in (
            ("tcp", "tcp", 9000),
            ("first", "tcp", 9001),
            ("grpc", "grpc", 50051),
            ("http2", "http2", 50051),
        )
    },
    "virtual-node/live/half": {
        **node("half"),
        "serviceDiscovery": {"dns": {"hostname": "half.internal", "responseType": "ENDPOINTS"}},
    },
}


@pytest.mark.process
def test_traffic(network: Network, record_property: Callable[[str, object], None]) -> None:
    # No application listens on the second address.
    network.names.records["half.internal"] = ["10.77.0.21", "10.77.0.70"]
    services = [*RETRIES, *TIMEOUTS, *GRPC_SERVICES, *TCP, WEIGHTS, SUM, DUPLICATES]
    checks = [
        *(check for service in services for check in service.checks),
        *TCP_CHECKS,
        *STREAMS,
        shares(WEIGHTS, 150, a=range(8, 75), b=range(75, 143)),
        shares(SUM, 150, a=range(14, 95), b=range(14, 95), c=range(14, 95)),
        shares(DUPLICATES, 150, a=range(37, 114), b=range(37, 114), c=range(1)),
    ]
    if FULL:
        services += SLOW
        checks += SLOW_CHECKS
    with live_mesh(network, mesh_of(services, NODES), CLIENT) as mesh:
        assert failures(mesh, checks) == []
    record_property("figure", f"envoy live: {len(checks)} checks of traffic")
