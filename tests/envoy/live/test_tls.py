"""TLS between live Envoys: the table of policies and modes, mutual TLS, and what is refused."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from envoy.live.certificates import Keys, trust
from envoy.live.checks import Check, Request, Service, call, failures, mesh_of
from envoy.live.namespaces import UNUSED_ADDRESS
from envoy.live.network import CLIENT, PLAIN, SERVER, LiveMesh, Network, live_mesh
from envoy.live.specs import http, route
from envoy.live.upstreams import GrpcApplication, HttpApplication, TcpApplication
from envoy.meshes import Specs, listening

pytestmark = pytest.mark.unmeasured

ADDRESS = "10.77.0.11"
SERVED, FAILED = {"status": 200, "node": "server"}, {"status": 503}
STRICT, PERMISSIVE, DISABLED, NONE, MUTUAL, MUTUAL_NAMES, GRPC, ACM, BAD_CA = (
    443, 444, 445, 80, 446, 447, 448, 449, 450,
)  # fmt: skip
ACM_ARN = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
CA_ARN = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1"
TCP_PORT = 9000


def server(keys: Keys) -> Specs:
    certificate = {"certificate": {"file": keys.server}}

    def secured(mode: str, **more: Any) -> Specs:
        return {"tls": {"mode": mode, **certificate, **more}}

    acm = {"certificate": {"acm": {"certificateArn": ACM_ARN}}}
    parts = [
        listening("http", NONE),
        listening("http", STRICT, **secured("STRICT")),
        listening("http", PERMISSIVE, **secured("PERMISSIVE")),
        listening("http", DISABLED, **secured("DISABLED")),
        listening("http", MUTUAL, **secured("STRICT", **trust(keys.trust))),
        listening("http", MUTUAL_NAMES, **secured("STRICT", **trust(keys.trust, "other.internal"))),
        listening("grpc", GRPC, **secured("STRICT", **trust(keys.trust, "client.internal"))),
        listening("http", ACM, **secured("STRICT", **acm)),
        listening("http", BAD_CA, **secured("STRICT", **trust(keys.trust))),
        listening("tcp", TCP_PORT, **secured("STRICT", **trust(keys.trust))),
    ]
    return {
        "listeners": [listener for part in parts for listener in part["listeners"]],
        "serviceDiscovery": {"dns": {"hostname": "server.internal"}},
    }


@contextmanager
def applications(network: Network) -> Iterator[None]:
    listen = network.tasks[SERVER].listen
    with ExitStack() as stack:
        ports = (NONE, STRICT, PERMISSIVE, DISABLED, MUTUAL, MUTUAL_NAMES, ACM, BAD_CA)
        served: list[Any] = [HttpApplication("server", listen("127.0.0.1", it)) for it in ports]
        served.append(GrpcApplication("server", listen("127.0.0.1", GRPC)))
        served.append(TcpApplication("server", listen("127.0.0.1", TCP_PORT)))
        for application in served:
            stack.callback(application.close)
        yield


def service(name: str, port: int, expected: Mapping[str, Any], policy: Specs) -> Service:
    """Return a service of one listener of the server, for a caller with a policy."""
    found = {"tls": policy} if policy else {}
    return Service(name, {"x": http(f"server@{port}")}, [(Request(), expected)], policy=found)


def table(keys: Keys) -> list[Service]:
    """Return the table of policies and modes of callers and listeners."""
    enforced, optional = trust(keys.trust), {**trust(keys.trust), "enforce": False}
    elsewhere = {**trust(keys.trust), "ports": [1]}
    here = {**trust(keys.trust), "ports": [STRICT, NONE]}
    wrong_name = trust(keys.trust, "wrong.internal")
    names = trust(keys.trust, "x.internal", "server.internal")
    mine = {**enforced, "certificate": {"file": keys.client}}
    untrusted = {**enforced, "certificate": {"file": keys.untrusted}}
    arn = {"validation": {"trust": {"acm": {"certificateAuthorityArns": [CA_ARN]}}}}
    rows: list[tuple[str, int, Mapping[str, Any], Specs]] = [
        ("Enforced, STRICT", STRICT, SERVED, enforced),
        ("Enforced, PERMISSIVE", PERMISSIVE, SERVED, enforced),
        ("Enforced, DISABLED", DISABLED, FAILED, enforced),
        ("Enforced, none", NONE, FAILED, enforced),
        ("Not enforced, STRICT", STRICT, SERVED, optional),
        ("Not enforced, PERMISSIVE", PERMISSIVE, SERVED, optional),
        ("Not enforced, DISABLED", DISABLED, SERVED, optional),
        ("Not enforced, none", NONE, SERVED, optional),
        ("Not enforced and untrusted, STRICT", STRICT, FAILED,
         {**trust(keys.other_trust), "enforce": False}),
        ("No policy, STRICT", STRICT, SERVED, {}),
        ("No policy, PERMISSIVE", PERMISSIVE, SERVED, {}),
        ("No policy, DISABLED", DISABLED, SERVED, {}),
        ("No policy, none", NONE, SERVED, {}),
        ("Another port, STRICT", STRICT, SERVED, {**trust(keys.other_trust), "ports": [1]}),
        ("Another port, none", NONE, SERVED, elsewhere),
        ("This port, STRICT", STRICT, SERVED, here),
        ("This port, none", NONE, FAILED, here),
        ("Untrusted authority, STRICT", STRICT, FAILED, trust(keys.other_trust)),
        ("Untrusted authority, PERMISSIVE", PERMISSIVE, FAILED, trust(keys.other_trust)),
        ("The name of the policy", STRICT, SERVED, names),
        ("Another name in the policy", STRICT, FAILED, wrong_name),
        ("A certificate of the client", MUTUAL, SERVED, mine),
        ("No certificate of the client", MUTUAL, FAILED, enforced),
        ("No policy, mutual", MUTUAL, FAILED, {}),
        ("A certificate of another authority", MUTUAL, FAILED, untrusted),
        ("A name that the server does not accept", MUTUAL_NAMES, FAILED, mine),
        ("A listener with a certificate of ACM", ACM, FAILED, enforced),
        ("A listener with a certificate of ACM, no policy", ACM, FAILED, {}),
        ("An authority of ACM, STRICT", STRICT, FAILED, arn),
        ("An authority of ACM, none", NONE, FAILED, arn),
        ("An authority of ACM, not enforced, STRICT", STRICT, FAILED, {**arn, "enforce": False}),
    ]  # fmt: skip
    secured = {"tls": mine}
    return [
        *(service(*row) for row in rows),
        Service(
            "gRPC over mutual TLS",
            {"x": route("grpc", f"server@{GRPC}")},
            [(call(), {"status": 200, "<x-node": "server"})],
            ports={80: "grpc"},
            policy=secured,
        ),
        Service(
            "tcp over mutual TLS",
            {"x": route("tcp", f"server@{TCP_PORT}")},
            [],
            ports={TCP_PORT: "tcp"},
            policy=secured,
        ),
    ]


def from_outside(keys: Keys) -> list[Check]:
    """Return checks of a client without Envoy, which shows what the listeners accept."""
    refused = {"status": 0}

    def check(name: str, port: int, expected: Mapping[str, Any], **more: Any) -> Check:
        request = Request(
            address=ADDRESS, task=PLAIN, host="server.internal", port=port,
            server_name="server.internal" if more.get("tls") else "", **more,
        )  # fmt: skip
        return Check(name, lambda mesh: request.send(mesh.network), expected)

    tls, mutual = keys.context(), keys.context(certificate=keys.client)
    return [
        check("Plain text to none", NONE, SERVED),
        check("Plain text to STRICT", STRICT, refused),
        check("Plain text to PERMISSIVE", PERMISSIVE, SERVED),
        check("Plain text to DISABLED", DISABLED, SERVED),
        check("Plain text to mutual TLS", MUTUAL, refused),
        check("Plain text to a certificate of ACM", ACM, refused),
        check("TLS to STRICT", STRICT, SERVED, tls=tls),
        check("TLS to PERMISSIVE", PERMISSIVE, SERVED, tls=tls),
        check("TLS to DISABLED", DISABLED, refused, tls=tls),
        check("TLS to mutual TLS without a certificate", MUTUAL, refused, tls=tls),
        check("TLS to mutual TLS", MUTUAL, SERVED, tls=mutual),
        check("TLS to a certificate of ACM", ACM, refused, tls=tls),
    ]


def spoken_over_tls(mesh: LiveMesh) -> Mapping[str, Any]:
    with mesh.network.tasks[CLIENT].connect(UNUSED_ADDRESS, TCP_PORT) as connection:
        connection.sendall(b"x")
        return {"answer": connection.recv(100)}


@pytest.mark.process
@pytest.mark.sample(1)
def test_tls(network: Network, record_property: Callable[[str, object], None]) -> None:
    keys = Keys(network.root)
    services = table(keys)
    checks = [
        *(check for service in services for check in service.checks),
        *from_outside(keys),
        Check("tcp over mutual TLS", spoken_over_tls, {"answer": b"server:x"}),
    ]
    specs = mesh_of(services, {"virtual-node/live/server": server(keys)})
    with applications(network), live_mesh(network, specs, CLIENT, SERVER) as mesh:
        assert failures(mesh, checks) == []
    record_property("figure", f"envoy live by {network}: {len(checks)} checks of TLS")
