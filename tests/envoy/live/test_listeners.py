"""Both ends behind the redirect: the listeners of a node, its health and pools, logs and egress."""

import json
import select
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from envoy.live.checks import Check, Request, Service, call, failures, mesh_of, planned
from envoy.live.namespaces import CONNECT_TIMEOUT, UNUSED_ADDRESS
from envoy.live.network import CLIENT, PLAIN, SERVER, LiveMesh, Network, eventually, live_mesh
from envoy.live.specs import http, once, route, timeout
from envoy.live.upstreams import GrpcApplication, HttpApplication, TcpApplication
from envoy.meshes import Specs, listening

SERVED = {"status": 200, "node": "server"}
ADDRESS = "10.77.0.11"


def log_file(path: str, **form: object) -> Specs:
    return {"logging": {"accessLog": {"file": {"path": path, "format": form}}}}


def server(logs: str) -> Specs:
    """Return the node whose ports the redirect leads to its Envoy."""
    shortest = {"http": timeout("perRequest", 300)["timeout"]}
    idle = {"http": {"perRequest": {"unit": "s", "value": 0}, "idle": {"unit": "ms", "value": 300}}}
    parts = [
        listening("http", 80),
        listening("http", 81, timeout=shortest),
        listening(
            "http", 82, connectionPool={"http": {"maxConnections": 1, "maxPendingRequests": 1}}
        ),
        listening("http", 83, timeout=idle),
        listening("http2", 443),
        listening("grpc", 444),
        listening("tcp", 9000, connectionPool={"tcp": {"maxConnections": 1}}),
        listening("tcp", 9001, timeout={"tcp": timeout("idle", 300)["timeout"]}),
    ]
    text = "%REQ(:PATH)% %RESPONSE_CODE% %UPSTREAM_CLUSTER%\n"
    return {
        "listeners": [listener for part in parts for listener in part["listeners"]],
        "serviceDiscovery": {"dns": {"hostname": "server.internal"}},
        **log_file(f"{logs}/server.log", text=text),
    }


@contextmanager
def applications(network: Network) -> Iterator[None]:
    """Run the applications of the server."""
    listen = network.tasks[SERVER].listen
    with ExitStack() as stack:
        for port in (80, 81, 82, 83):
            application: Any = HttpApplication("server", listen("127.0.0.1", port))
            stack.callback(application.close)
        for port in (443, 444):
            application = GrpcApplication("server", listen("127.0.0.1", port))
            stack.callback(application.close)
        for port in (9000, 9001):
            application = TcpApplication(
                "server", listen("127.0.0.1", port), speaks_first=port == 9001
            )
            stack.callback(application.close)
        yield


FULL_POOL = Service("A full pool", {"x": once("server@82", **timeout("perRequest", 0, "s"))}, [])
SERVICES = [
    Service(
        "Both ends",
        {"x": http("server@80")},
        [(Request("/both?ends"), {**SERVED, "path": "/both?ends", "<server": "envoy"})],
    ),
    Service(
        "The timeout of a listener ends a longer route",
        {"x": once("server@81", **timeout("perRequest", 0, "s"))},
        [(planned("hang"), {"status": 504}), (planned("200"), SERVED)],
    ),
    Service(
        "An idle stream of a listener",
        {"x": once("server@83", **timeout("perRequest", 0, "s"))},
        [(planned("headers"), {"status": 0}), (planned("hang"), {"status": 504})],
    ),
    FULL_POOL,
    Service(
        "http2 on both ends",
        {"x": route("http2", "server@443")},
        [(call(), {"status": 200, "<x-node": "server"})],
        ports={80: "http2"},
    ),
    Service(
        "gRPC on both ends",
        {"x": route("grpc", "server@444")},
        [(call(), {"status": 200, "<x-node": "server"})],
        ports={80: "grpc"},
    ),
    Service("tcp on both ends", {"x": route("tcp", "server@9000")}, [], ports={9000: "tcp"}),
    Service("The server first", {"x": route("tcp", "server@9001")}, [], ports={9001: "tcp"}),
]


def direct(port: int) -> Callable[[LiveMesh], Mapping[str, Any]]:
    """Return a check of a request from a task without Envoy to a port of the server."""
    request = Request("/direct", address=ADDRESS, port=port, task=PLAIN, host="any.local")
    return lambda mesh: request.send(mesh.network)


def full_pool(mesh: LiveMesh) -> Mapping[str, Any]:
    """Send four requests during another one: one waits, and the others get 503."""
    with ExitStack() as stack:

        def send(plan: str) -> socket.socket:
            connect = mesh.network.tasks[CLIENT].connect(UNUSED_ADDRESS, 80)
            connection = stack.enter_context(connect)
            head = f"GET / HTTP/1.1\r\nHost: {FULL_POOL.host}\r\nx-plan: {plan}\r\n\r\n"
            connection.sendall(head.encode())
            return connection

        # While the connection to the application is made, a request counts as waiting.
        found = [send("headers").recv(12)]
        waiting = [send("hang") for _ in range(4)]
        while len(waiting) > 1 and (ready := select.select(waiting, [], [], CONNECT_TIMEOUT)[0]):
            waiting = [connection for connection in waiting if connection not in ready]
            found += [connection.recv(12) for connection in ready]
        return {"answers": found}


def full_tcp_pool(mesh: LiveMesh) -> Mapping[str, Any]:
    """Open a second connection while the first one is open."""
    connect = mesh.network.tasks[CLIENT].connect
    with connect(UNUSED_ADDRESS, 9000) as first:
        first.sendall(b"x")
        found = [first.recv(100)]
        with connect(UNUSED_ADDRESS, 9000) as second:
            try:
                found.append(second.recv(100))
            except ConnectionResetError:
                found.append(b"")
        first.sendall(b"y")
        return {"answers": [*found, first.recv(100)]}


def server_first(mesh: LiveMesh) -> Mapping[str, Any]:
    with mesh.network.tasks[CLIENT].connect(UNUSED_ADDRESS, 9001) as connection:
        return {"answers": [connection.recv(100), connection.recv(100)]}


CHECKS = [
    Check("A full pool", full_pool, {"answers": [b"HTTP/1.1 200", *[b"HTTP/1.1 503"] * 3]}),
    Check("A full tcp pool", full_tcp_pool, {"answers": [b"server:x", b"", b"server:y"]}),
    Check("An idle connection of a listener", server_first, {"answers": [b"server\n", b""]}),
    Check("Incoming connections meet Envoy", direct(80), {**SERVED, "<server": "envoy"}),
    Check("A redirected port without a listener is closed", direct(84), {"status": 0}),
]


@pytest.mark.unmeasured
@pytest.mark.process
@pytest.mark.sample(1)
def test_listeners(network: Network, record_property: Callable[[str, object], None]) -> None:
    logs = str(network.logs)
    form = [{"key": "path", "value": "%REQ(:PATH)%"}, {"key": "code", "value": "%RESPONSE_CODE%"}]
    specs = mesh_of(
        SERVICES,
        {"virtual-node/live/server": server(logs)},
        **log_file(f"{logs}/client.log", json=form),
    )
    checks = [*(check for service in SERVICES for check in service.checks), *CHECKS]
    with applications(network), live_mesh(network, specs, CLIENT, SERVER) as mesh:
        assert failures(mesh, checks) == []
        eventually(lambda: "/both" in (network.logs / "client.log").read_text())
        lines = (network.logs / "client.log").read_text().splitlines()
        assert {"path": "/both?ends", "code": 200} in map(json.loads, lines)
        line = "/both?ends 200 cds_ingress_live_server_http_80\n"
        eventually(lambda: line in (network.logs / "server.log").read_text())
    record_property("figure", f"envoy live by {network}: {len(checks) + 2} checks of listeners")
