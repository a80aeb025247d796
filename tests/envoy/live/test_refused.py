"""Refused parts of live Envoys fail closed: no port, no connection, and never plain text.

The mesh passes other traffic through (ALLOW_ALL), so nothing is closed for want of a rule.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from envoy.live.certificates import Keys, trust
from envoy.live.checks import Check, Request, Service, failures, mesh_of
from envoy.live.network import (
    CLIENT,
    PLAIN,
    SERVER,
    Network,
    eventually,
    live_mesh,
)
from envoy.live.specs import http, node
from envoy.live.upstreams import HttpApplication, Recorder
from envoy.meshes import Specs, listening

pytestmark = pytest.mark.unmeasured

ACM_PORT = 443
SERVER_ADDRESS, BARE_ADDRESS = "10.77.0.11", "10.77.0.60"
CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
AUTHORITIES = [
    f"arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/{number}" for number in "12"
]
ACM = {"mode": "STRICT", "certificate": {"acm": {"certificateArn": CERTIFICATE}}}
SERVED, UNAVAILABLE, CLOSED = {"status": 200, "node": "server"}, {"status": 503}, {"status": 0}
# Longer than a server name can be in TLS, though not than a hostname of the API.
LONG = ".".join(["x" * 60] * 5)


def authorities(*arns: str, **more: Any) -> Specs:
    return {"validation": {"trust": {"acm": {"certificateAuthorityArns": [*arns]}}}, **more}


def services(keys: Keys) -> list[Service]:
    """Return services of nodes without Envoy, whose application records all that it gets."""
    secured, own = trust(keys.trust), {"certificate": {"sds": {"secretName": "absent"}}}
    rows: list[tuple[str, str, Specs]] = [
        ("A certificate of ACM", "acm", {}),
        ("A certificate of ACM, not enforced", "acm", authorities(AUTHORITIES[0], enforce=False)),
        ("A certificate of ACM and another port", "acm", {**secured, "ports": [1]}),
        ("An authority of ACM", "bare", authorities(AUTHORITIES[0])),
        ("Two authorities of ACM", "bare", authorities(*AUTHORITIES)),
        ("An authority of ACM and an own certificate", "bare", authorities(AUTHORITIES[1], **own)),
        ("A server name that is too long", "long", secured),
    ]
    return [
        Service(
            name,
            {"x": http(target)},
            [(Request(), UNAVAILABLE)],
            policy={"tls": policy} if policy else {},
        )
        for name, target, policy in rows
    ]


def nodes() -> Specs:
    acm = listening("http", 80, tls=ACM)
    return {
        "virtual-node/live/bare": node("bare"),
        "virtual-node/live/acm": {**node("bare"), **acm},
        "virtual-node/live/long": node(LONG),
        "virtual-node/live/server": {
            "listeners": [
                *listening("http", 80)["listeners"],
                *listening("http", ACM_PORT, tls=ACM)["listeners"],
            ],
            "serviceDiscovery": {"dns": {"hostname": "server.internal"}},
        },
    }


def outside(name: str, port: int, expected: Mapping[str, Any], **more: Any) -> Check:
    """Return a check of a request without Envoy to a port of the server."""
    request = Request(address=SERVER_ADDRESS, task=PLAIN, host="server.internal", port=port, **more)
    return Check(name, lambda mesh: request.send(mesh.network), expected)


@pytest.mark.process
@pytest.mark.sample(1)
def test_refused_parts_fail_closed(
    network: Network, record_property: Callable[[str, object], None]
) -> None:
    keys = Keys(network.root)
    network.names.records |= {"bare.internal": [BARE_ADDRESS], f"{LONG}.internal": [BARE_ADDRESS]}
    called = services(keys)
    to_server = Service("The server", {"x": http(f"server@{ACM_PORT}")}, [(Request(), UNAVAILABLE)])
    specs = mesh_of([*called, to_server], nodes())
    specs["mesh/live"] = {"egressFilter": {"type": "ALLOW_ALL"}}
    tls = {"tls": keys.context(), "server_name": "server.internal"}
    checks = [
        *(check for service in (*called, to_server) for check in service.checks),
        outside("A port beside a refused one", 80, SERVED),
        outside("Plain text to a refused port", ACM_PORT, CLOSED),
        outside("TLS to a refused port", ACM_PORT, CLOSED, **tls),
    ]
    with ExitStack() as stack:
        recorder = Recorder(network.tasks[PLAIN].listen(BARE_ADDRESS, 80))
        stack.callback(recorder.close)
        listen = network.tasks[SERVER].listen
        served = HttpApplication("server", listen("127.0.0.1", 80))
        hidden = HttpApplication("server", listen("127.0.0.1", ACM_PORT))
        stack.callback(served.close)
        stack.callback(hidden.close)
        mesh = stack.enter_context(live_mesh(network, specs, CLIENT, SERVER))
        assert failures(mesh, checks) == []
        assert recorder.received == []
        assert not hidden.attempts

        # The recorder would have seen it.
        Request(address=BARE_ADDRESS, host="other.local", path="/seen").send(network)
        assert recorder.received == [b"GET /seen HTTP/1.1"]

        settings = mesh.root / "reconciler.toml"
        settings.write_text(
            f'[acm."{CERTIFICATE}"]\n'
            f'certificate_chain = "{keys.server["certificateChain"]}"\n'
            f'private_key = "{keys.server["privateKey"]}"\n'
        )
        mesh.export(specs, "--config", str(settings))
        eventually(lambda: Request().send(network, to_server.host)["status"] == 200)
        eventually(lambda: not outside("", ACM_PORT, SERVED, **tls).failure(mesh))
        assert not outside("", ACM_PORT, CLOSED).failure(mesh)
    record_property("figure", f"envoy live by {network}: {len(checks) + 5} checks of refused parts")
