"""Changes that live Envoys notice: what the mesh lets out, and hosts that come and go."""

import json
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from http.client import HTTPConnection
from typing import Any

import pytest
from envoy.live.certificates import Keys
from envoy.live.checks import Check, Request, Service, call, failures, mesh_of
from envoy.live.namespaces import UNUSED_ADDRESS
from envoy.live.network import CLIENT, PLAIN, SERVER, LiveMesh, Network, eventually, live_mesh
from envoy.live.specs import http, node, once, retrying, route
from envoy.live.upstreams import GrpcApplication, HttpApplication, TlsApplication
from envoy.meshes import Specs, listening

pytestmark = pytest.mark.unmeasured

OUTSIDE = "10.77.0.71"
SERVICE = Service("A service", {"x": http("a")}, [(Request(), {"status": 200, "node": "a"})])


def outside(name: str, expected: dict[str, Any], **more: Any) -> Check:
    """Return a check of a request from the client to an application outside of the mesh."""
    request = Request(address=OUTSIDE, host="outside.example.com", **more)
    return Check(name, lambda mesh: request.send(mesh.network), expected)


def egress_checks(keys: Keys, *, allowed: bool) -> list[Check]:
    closed = {"status": 0}
    reached = {"status": 200, "node": "outside"}
    tls = keys.context()
    tls.check_hostname = False

    def secured(name: str, server_name: str, port: int, *, reaches: bool) -> Check:
        expected = reached if reaches else closed
        return outside(name, expected, port=port, tls=tls, server_name=server_name)

    return [
        *SERVICE.checks,
        outside("An unknown host on a port of the mesh", reached if allowed else {"status": 404}),
        outside("Another port", reached if allowed else closed, port=8080),
        secured("TLS to a name of AWS", "s3.amazonaws.com", 443, reaches=True),
        secured("TLS to the bare domain", "amazonaws.com", 443, reaches=allowed),
        secured("TLS to another name", "example.com", 443, reaches=allowed),
        secured("TLS to a name of AWS on another port", "s3.amazonaws.com", 8443, reaches=allowed),
    ]


def succeed(mesh: LiveMesh, checks: list[Check]) -> bool:
    return failures(mesh, checks) == []


@pytest.mark.process
@pytest.mark.sample(1)
def test_the_egress_filter(
    network: Network, record_property: Callable[[str, object], None]
) -> None:
    keys = Keys(network.root)
    listen = network.tasks[PLAIN].listen
    specs = mesh_of([SERVICE])
    count = 0
    with ExitStack() as stack:
        for port in (80, 8080):
            application: Any = HttpApplication("outside", listen(OUTSIDE, port))
            stack.callback(application.close)
        for port in (443, 8443):
            application = TlsApplication("outside", listen(OUTSIDE, port), keys.server)
            stack.callback(application.close)
        mesh = stack.enter_context(live_mesh(network, specs, CLIENT))
        for kind in ("DROP_ALL", "ALLOW_ALL", "DROP_ALL"):
            specs["mesh/live"] = {"egressFilter": {"type": kind}}
            mesh.export(specs)
            checks = egress_checks(keys, allowed=kind == "ALLOW_ALL")
            # The Envoy reads the files in its own time.
            eventually(partial(succeed, mesh, checks[1:3]))
            assert failures(mesh, checks) == []
            count += len(checks)
    record_property("figure", f"envoy live by {network}: {count} checks of the egress filter")


@pytest.mark.process
@pytest.mark.sample(1)
def test_a_listener_changes_in_place(
    network: Network, record_property: Callable[[str, object], None]
) -> None:
    added = Service("A port", {"x": route("tcp", "a-tcp")}, [], ports={9000: "tcp"})
    nodes = {"virtual-node/live/a-tcp": node("a", "tcp", 9000)}

    def spoken() -> bytes:
        with network.tasks[CLIENT].connect(UNUSED_ADDRESS, 9000) as connection:
            connection.sendall(b"x")
            with suppress(ConnectionResetError):
                return connection.recv(100)
        return b""

    with ExitStack() as stack:
        mesh = stack.enter_context(live_mesh(network, mesh_of([SERVICE], nodes), CLIENT))
        client = HTTPConnection(SERVICE.host)
        client.sock = stack.enter_context(network.tasks[CLIENT].connect(UNUSED_ADDRESS, 80))
        before = client.sock
        client.request("GET", "/")
        assert client.getresponse().read()
        assert spoken() == b""
        mesh.export(mesh_of([SERVICE, added], nodes))
        eventually(lambda: spoken() == b"a:x")
        client.request("GET", "/")
        assert client.getresponse().read()
        # Otherwise the client would have made another connection.
        assert client.sock is before
    record_property(
        "figure", f"envoy live by {network}: 3 checks of a listener that changes in place"
    )


def hosts_answer(mesh: LiveMesh, service: Service, *names: str) -> Callable[[], bool]:
    """Return a condition: each of some requests is answered, by exactly these hosts."""

    def holds() -> bool:
        answers = [Request().send(mesh.network, service.host) for _ in range(8)]
        found = {answer.get("node") for answer in answers}
        return found == {*names} and {answer["status"] for answer in answers} == {200}

    return holds


ONE, TWO, ABSENT = "10.77.0.64", "10.77.0.65", "10.77.0.66"
THRESHOLDS = {"healthyThreshold": 2, "unhealthyThreshold": 2}
TIMES = {"intervalMillis": 5000, "timeoutMillis": 2000}
DETECTION = {
    "maxServerErrors": 1,
    "interval": {"unit": "ms", "value": 500},
    "baseEjectionDuration": {"unit": "s", "value": 1},
    "maxEjectionPercent": 50,
}
OUTLIERS = Service("Outliers", {"x": once("outliers")}, [])
CHECKED = Service("Checked hosts", {"x": once("checked")}, [])
MAPPED = Service("Instances", {"x": once("mapped")}, [])
TCP_CHECKED = Service("Checked ports", {"x": once("tcp-checked")}, [])
GRPC_CHECKED = Service(
    "Checked gRPC",
    {"x": route("grpc", "grpc-checked", **retrying("unavailable", kind="grpc", maxRetries=0))},
    [],
    ports={80: "grpc"},
)


H2_CHECKED = Service("Hosts checked by HTTP/2", {"x": once("h2-checked")}, [])


def check(protocol: str, **more: Any) -> Specs:
    return {"healthCheck": {**THRESHOLDS, **TIMES, "protocol": protocol, **more}}


def pair(name: str, protocol: str = "http", **more: Any) -> Specs:
    """Return a node with two hosts, both of which Envoy knows."""
    discovery = {"dns": {"hostname": f"{name}.internal", "responseType": "ENDPOINTS"}}
    return {**node(name, protocol, 8000, **more), "serviceDiscovery": discovery}


def hosts() -> Specs:
    mapped = {
        "namespaceName": "live",
        "serviceName": "mapped",
        "attributes": [{"key": "stage", "value": "one"}],
    }
    return {
        "virtual-node/live/outliers": pair("outliers", outlierDetection=DETECTION),
        "virtual-node/live/checked": pair("checked"),
        "virtual-node/live/tcp-checked": pair("tcp-checked", **check("tcp")),
        "virtual-node/live/grpc-checked": pair("grpc-checked", "grpc", **check("grpc")),
        # Its Envoy understands HTTP/2, though the application does not.
        "virtual-node/live/server": node("server", port=84),
        "virtual-node/live/h2-checked": {
            **pair("h2-checked"),
            **listening("http", 84, **check("http2", path="/health")),
        },
        "virtual-node/live/mapped": {
            **listening("http", 8000),
            "serviceDiscovery": {"awsCloudMap": mapped},
        },
    }


def know(network: Network, *addresses: str) -> tuple[str, str]:
    """Write the instances, and return the arguments of the command for them."""
    file = network.root / "changing.yaml"
    found = [{"ipv4": it, "attributes": {"stage": "one"}} for it in addresses]
    found.append({"ipv4": "10.77.0.21", "attributes": {"stage": "two"}})
    file.write_text(json.dumps([{"namespace": "live", "service": "mapped", "instances": found}]))
    return "--instances", str(file)


def grpc_is_served(network: Network) -> bool:
    answers = [call().send(network, GRPC_CHECKED.host) for _ in range(8)]
    return {answer.get("<x-node") for answer in answers} == {"rpc"}


@pytest.mark.process
@pytest.mark.sample(1)
def test_hosts_that_come_and_go(
    network: Network, record_property: Callable[[str, object], None]
) -> None:
    for name in ("outliers", "checked"):
        network.names.records[f"{name}.internal"] = [ONE, TWO]
    network.names.records["tcp-checked.internal"] = [ONE, ABSENT]
    network.names.records["grpc-checked.internal"] = ["10.77.0.67", ABSENT]
    network.names.records["h2-checked.internal"] = ["10.77.0.11", ABSENT]
    services = [OUTLIERS, CHECKED, MAPPED, TCP_CHECKED, GRPC_CHECKED, H2_CHECKED]
    specs = mesh_of(services, hosts())
    arguments = know(network, ONE)
    with ExitStack() as stack:
        listen = network.tasks[PLAIN].listen
        first = HttpApplication("one", listen(ONE, 8000))
        second = HttpApplication("two", listen(TWO, 8000))
        grpc = GrpcApplication("rpc", listen("10.77.0.67", 8000))
        server = HttpApplication("server", network.tasks[SERVER].listen("127.0.0.1", 84))
        for application in (first, second, grpc, server):
            stack.callback(application.close)
        mesh = stack.enter_context(live_mesh(network, specs, CLIENT, SERVER, arguments=arguments))
        eventually(hosts_answer(mesh, OUTLIERS, "one", "two"))
        eventually(hosts_answer(mesh, CHECKED, "one", "two"))
        eventually(hosts_answer(mesh, MAPPED, "one"))
        eventually(hosts_answer(mesh, TCP_CHECKED, "one"))
        eventually(lambda: grpc_is_served(network))
        eventually(hosts_answer(mesh, H2_CHECKED, "server"))

        second.is_failing = True
        know(network, TWO)
        # Envoy checks a node without any traffic once in a minute only, so it gets its check now.
        specs["virtual-node/live/checked"] = pair("checked", **check("http", path="/health"))
        mesh.export(specs)
        # Outlier detection sees the errors of requests, and a health check those of its own.
        eventually(hosts_answer(mesh, OUTLIERS, "one"))
        eventually(hosts_answer(mesh, CHECKED, "one"))

        second.is_failing = False
        eventually(hosts_answer(mesh, OUTLIERS, "one", "two"))
        eventually(hosts_answer(mesh, CHECKED, "one", "two"))
        eventually(hosts_answer(mesh, MAPPED, "two"))

        know(network)
        mesh.export(specs)
        eventually(lambda: Request().send(network, MAPPED.host)["status"] == 503)
    record_property("figure", f"envoy live by {network}: 12 checks of hosts that come and go")
