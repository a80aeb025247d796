"""IP preferences: the family that a live Envoy calls, listens on and finds its application by."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from envoy.live.checks import Request, Service, failures, mesh_of
from envoy.live.network import CLIENT, PLAIN, SERVER, Network, live_mesh
from envoy.live.specs import http, node
from envoy.live.upstreams import HttpApplication
from envoy.meshes import Specs, dns, listening

pytestmark = pytest.mark.unmeasured

# The families of the addresses of a host, and the one that each preference leads to.
FOUND = {
    "": {"both": "IPv6", "IPv4": "IPv4", "IPv6": "IPv6"},
    "IPv4_PREFERRED": {"both": "IPv4", "IPv4": "IPv4", "IPv6": "IPv6"},
    "IPv6_PREFERRED": {"both": "IPv6", "IPv4": "IPv4", "IPv6": "IPv6"},
    "IPv4_ONLY": {"both": "IPv4", "IPv4": "IPv4", "IPv6": ""},
    "IPv6_ONLY": {"both": "IPv6", "IPv4": "", "IPv6": "IPv6"},
}
ADDRESSES = {"IPv4": "10.77.0.68", "IPv6": "fd77::68"}


def named(preference: str, families: str) -> str:
    return f"{preference.lower().replace('_', '-') or 'none'}-{families.lower()}"


def services() -> list[Service]:
    return [
        Service(
            f"{preference or 'No preference'}, {families}",
            {"x": http(named(preference, families))},
            [(Request(), {"status": 200, "node": found} if found else {"status": 503})],
        )
        for preference, row in FOUND.items()
        for families, found in row.items()
    ]


def nodes() -> Specs:
    found: Specs = {}
    for preference, row in FOUND.items():
        for families in row:
            discovery: Specs = dns(f"{families.lower()}.family")
            if preference:
                discovery["serviceDiscovery"]["dns"]["ipPreference"] = preference
            found[f"virtual-node/live/{named(preference, families)}"] = {
                **node("", port=8000),
                **discovery,
            }
    return found


@pytest.mark.process
@pytest.mark.sample(1)
def test_ip_preferences(network: Network, record_property: Callable[[str, object], None]) -> None:
    network.names.records |= {
        "both.family.local": [*ADDRESSES.values()],
        "ipv4.family.local": [ADDRESSES["IPv4"]],
        "ipv6.family.local": [ADDRESSES["IPv6"]],
        "server6.local": ["fd77::11"],
    }
    server = {**listening("http", 80), **dns("server6", ipPreference="IPv6_ONLY")}
    both_ends = Service(
        "Both ends with IPv6",
        {"x": http("server")},
        [(Request(), {"status": 200, "node": "::1", "<server": "envoy"})],
    )
    called = [*services(), both_ends]
    preference = {**listening("http", 80), **dns("client", ipPreference="IPv6_PREFERRED")}
    specs = mesh_of(called, {**nodes(), "virtual-node/live/server": server}, **preference)
    checks = [check for service in called for check in service.checks]
    with ExitStack() as stack:
        for family, address in ADDRESSES.items():
            listening_socket = network.tasks[PLAIN].listen(address, 8000)
            stack.callback(HttpApplication(family, listening_socket).close)
        application = HttpApplication("::1", network.tasks[SERVER].listen("::1", 80))
        stack.callback(application.close)
        mesh = stack.enter_context(live_mesh(network, specs, CLIENT, SERVER))
        assert failures(mesh, checks) == []
        assert application.attempts
    record_property("figure", f"envoy live by {network}: {len(checks)} checks of IP preferences")
