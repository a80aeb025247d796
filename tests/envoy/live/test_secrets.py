"""Certificates and authorities that live Envoys get from an SDS server."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from envoy.live.certificates import Keys
from envoy.live.checks import Check, Request, Service, failures, mesh_of
from envoy.live.network import CLIENT, PLAIN, SERVER, Network, live_mesh
from envoy.live.secrets import SecretServer, authority, certificate
from envoy.live.specs import http
from envoy.live.upstreams import HttpApplication
from envoy.meshes import Specs, listening

ADDRESS, PORT = "10.77.0.11", 443
SERVED, FAILED, CLOSED = {"status": 200, "node": "server"}, {"status": 503}, {"status": 0}


def trusted(name: str) -> Specs:
    return {"validation": {"trust": {"sds": {"secretName": name}}}}


def presented(name: str) -> Specs:
    return {"certificate": {"sds": {"secretName": name}}}


def service(name: str, expected: Mapping[str, Any], policy: Specs) -> Service:
    return Service(
        name, {"x": http(f"server@{PORT}")}, [(Request(), expected)], policy={"tls": policy}
    )


def outside(name: str, expected: Mapping[str, Any], **more: Any) -> Check:
    """Return a check of a request of a client without Envoy."""
    server_name = "server.internal" if "tls" in more else ""
    request = Request(
        address=ADDRESS, task=PLAIN, host="server.internal", port=PORT, server_name=server_name,
        **more,
    )  # fmt: skip
    return Check(name, lambda mesh: request.send(mesh.network), expected)


@pytest.mark.unmeasured
@pytest.mark.process
def test_certificates_of_an_sds_server(
    files_network: Network, record_property: Callable[[str, object], None]
) -> None:
    network = files_network
    keys = Keys(network.root)
    named = {
        "server": certificate(keys.server),
        "client": certificate(keys.client),
        "untrusted": certificate(keys.untrusted),
        "authority": authority(keys.trust),
        "other": authority(keys.other_trust),
    }
    services = [
        service("Secrets", SERVED, {**trusted("authority"), **presented("client")}),
        service("No certificate", FAILED, trusted("authority")),
        service("An untrusted server", FAILED, {**trusted("other"), **presented("client")}),
        service("An untrusted client", FAILED, {**trusted("authority"), **presented("untrusted")}),
    ]
    mutual = {"mode": "STRICT", **presented("server"), **trusted("authority")}
    server = {
        **listening("http", PORT, tls=mutual),
        "serviceDiscovery": {"dns": {"hostname": "server.internal"}},
    }
    checks = [
        *(check for it in services for check in it.checks),
        outside("Plain text", CLOSED),
        outside("TLS without a certificate", CLOSED, tls=keys.context()),
        outside("Mutual TLS", SERVED, tls=keys.context(certificate=keys.client)),
    ]
    specs = mesh_of(services, {"virtual-node/live/server": server})
    with ExitStack() as stack:
        secrets = SecretServer(network.run / "sds.sock", named)
        stack.callback(secrets.close)
        application = HttpApplication("server", network.tasks[SERVER].listen("127.0.0.1", PORT))
        stack.callback(application.close)
        mesh = stack.enter_context(live_mesh(network, specs, CLIENT, SERVER))
        assert failures(mesh, checks) == []
        assert secrets.asked == {*named}
    record_property("figure", f"envoy live by {network}: {len(checks)} checks of secrets by SDS")
