"""Changes by the API under load: no request of a node or gateway fails, by DNS and by EDS."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path as File
from typing import Any

import pytest
from amounts import FULL, amount
from envoy.live.deliveries import Ads
from envoy.live.load import Load, Path
from envoy.live.network import CLIENT, EDGE, PLAIN, LiveMesh, Network, eventually, live_mesh
from envoy.live.specs import http, node
from envoy.live.upstreams import HttpApplication
from envoy.meshes import Specs, backend, gateway_route_spec, listening, to_router
from envoy.server_processes import WithoutOrder, serving

from reconciler.envoy.instances_file import InstancesFile

CHANGES = amount("nodes replaced under load by the API", test=3, full=60)
DELAYED = amount("nodes replaced under load by the API with slow names", test=1, full=20)
UNORDERED = amount("nodes replaced under load by the API without an order", test=1, full=20)
DNS_SECONDS = 0.4
PORT, EDGE_PORT = 8080, 8080
SERVICES = ("dns", "map")
PATHS = [
    *(Path(f"node to {kind}", f"{kind}.local") for kind in SERVICES),
    *(
        Path(f"gateway to {kind}", f"{kind}.example.com", PLAIN, "10.77.0.12", EDGE_PORT)
        for kind in SERVICES
    ),
]
pytestmark = pytest.mark.process


class WithoutOrderAds(Ads):
    """An endpoint whose state is served by a session that removes clusters at once."""

    def start(self) -> None:
        super().start()
        self._stack = ExitStack()
        self.socket = self.socket.with_name("off.sock")
        file = InstancesFile(self.data.parent.with_name("moved.yaml"))
        more = {"make_session": WithoutOrder, "instances": file}
        self._stack.enter_context(serving(self.data, str(self.socket), **more))

    def close(self) -> None:
        self._stack.close()
        super().close()


def target(kind: str, number: int) -> Specs:
    """Return the node that a service has after so many changes."""
    discovery: dict[str, Any] = {
        "dns": {"dns": {"hostname": f"moved-{number}.internal"}},
        "map": {"awsCloudMap": {"namespaceName": "load", "serviceName": f"map-{number}"}},
    }
    return {**node("any", port=PORT), "serviceDiscovery": discovery[kind]}


def first_specs() -> Specs:
    found: Specs = {
        "mesh/live": {},
        "virtual-node/live/client": backend(*(f"{kind}.local" for kind in SERVICES)),
        "virtual-gateway/live/edge": listening("http", EDGE_PORT),
    }
    for kind in SERVICES:
        match = {"hostname": {"exact": f"{kind}.example.com"}, "prefix": "/"}
        found |= {
            f"virtual-service/live/{kind}.local": to_router(kind),
            f"virtual-router/live/{kind}": listening("http", 80),
            f"route/live/{kind}/all": http(f"{kind}-0"),
            f"virtual-node/live/{kind}-0": target(kind, 0),
            f"gateway-route/live/edge/{kind}": gateway_route_spec(
                "http", f"{kind}.local", match=match
            ),
        }
    return found


class Served:
    """A mesh served by ADS, and clients that call its nodes."""

    def __init__(self, mesh: LiveMesh, load: Load) -> None:
        assert isinstance(mesh.delivery, Ads)
        self.mesh, self.load, self.ads = mesh, load, mesh.delivery
        self._number = 0

    def replace(self) -> None:
        """Lead the requests of both services to new nodes, and delete the old ones at once."""
        self._number += 1
        client: Any = self.ads.client
        for kind in SERVICES:
            name, old = f"{kind}-{self._number}", f"{kind}-{self._number - 1}"
            spec = target(kind, self._number)
            client.create_virtual_node(meshName="live", virtualNodeName=name, spec=spec)
            client.update_route(
                meshName="live", virtualRouterName=kind, routeName="all", spec=http(name)
            )
            client.delete_virtual_node(meshName="live", virtualNodeName=old)
        eventually(self.has_followed)

    def has_followed(self) -> bool:
        """Whether both Envoys have clusters of the new nodes alone."""
        wanted = {f"{kind}-{self._number}" for kind in SERVICES}
        return all(self._targets(name) == wanted for name in (CLIENT, EDGE))

    def _targets(self, name: str) -> set[str]:
        lines = self.mesh.admin(name, "/clusters?format=json")
        found = (it["name"].split("_") for it in json.loads(lines)["cluster_statuses"])
        prefix = ["cds", "egress", "live"]
        return {it[3] for it in found if it[:3] == prefix and it[3].startswith(SERVICES)}


@contextmanager
def served(network: Network, delivery: type[Ads] = Ads) -> Iterator[Served]:
    """Run a mesh with a node and a gateway under load."""
    network.delivery = delivery
    count = max(CHANGES, DELAYED, UNORDERED) + 1
    for number in range(count):
        network.names.records[f"moved-{number}.internal"] = [address(number)]
    arguments = ("--instances", str(instances(network.root, count)))
    application = HttpApplication("load", network.tasks[PLAIN].listen("0.0.0.0", PORT))  # noqa: S104
    try:
        with live_mesh(network, first_specs(), CLIENT, EDGE, arguments=arguments) as mesh:
            load = Load(network, PATHS)
            try:
                eventually(load.serves_all)
                load.clear()
                yield Served(mesh, load)
            finally:
                network.names.delay = 0.0
                load.stop()
    finally:
        application.close()


def address(number: int) -> str:
    return f"10.77.0.{30 + number % 42}"


def instances(root: File, count: int) -> File:
    file = root / "moved.yaml"
    found = [
        {"namespace": "load", "service": f"map-{number}", "instances": [{"ipv4": address(number)}]}
        for number in range(count)
    ]
    file.write_text(json.dumps(found))
    return file


Record = Callable[[str, object], None]


def expect_no_failure(load: Load, record: Record, words: str) -> None:
    """Stop the load, and check that each path was served and no request failed."""
    load.stop()
    assert load.failed == 0, load.answers
    assert load.serves_all()
    record("figure", f"envoy live by ads: {words}: failed {load.figure()}")


@pytest.mark.unmeasured
@pytest.mark.sample(1)
@pytest.mark.parametrize(("changes", "delay"), [(CHANGES, 0.0), (DELAYED, DNS_SECONDS)])
def test_nodes_replaced_by_the_api_fail_no_request(
    ads_network: Network, record_property: Record, changes: int, delay: float
) -> None:
    with served(ads_network) as site:
        ads_network.names.delay = delay
        for _ in range(changes):
            site.replace()
        words = f"{changes} replaced nodes, names after {delay} s"
        expect_no_failure(site.load, record_property, words)


@pytest.mark.skipif(not FULL, reason="a gateway alone is tested outside of make full")
def test_without_an_order_of_the_server_requests_fail(
    ads_network: Network, record_property: Record
) -> None:
    with served(ads_network, WithoutOrderAds) as site:
        ads_network.names.delay = DNS_SECONDS
        for _ in range(UNORDERED):
            site.replace()
        site.load.stop()
    assert site.load.failed
    figure = f"{UNORDERED} without an order: failed {site.load.figure()}"
    record_property("figure", f"envoy live by ads: {figure}")


@pytest.mark.skipif(not FULL, reason="a gateway alone is tested outside of make full")
def test_a_server_that_is_killed_and_started_again_sends_nothing_to_both(
    ads_network: Network, record_property: Record
) -> None:
    with served(ads_network) as site:
        site.ads.close()
        time.sleep(1)
        site.ads.start()
        eventually(lambda: len(current(site.ads)) == 2)
        before = site.load.served
        eventually(lambda: site.load.has_more(served=before))
        expect_no_failure(site.load, record_property, "a server killed and started again")
        assert [proxy["responses"] for proxy in current(site.ads)] == [0, 0]


def current(ads: Ads) -> Sequence[Any]:
    """Return the status of the proxies that have all of the last revision."""
    with urllib.request.urlopen(f"{ads.url}/_endpoint/proxies") as answer:  # noqa: S310  # loopback
        found = [proxy for scope in json.load(answer) for proxy in scope["proxies"]]
    return [proxy for proxy in found if not proxy["is_behind"]]
