"""Changes of files under load: replaced nodes fail no request, because clusters come first."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from amounts import amount
from builders import key
from envoy.live.deliveries import Files
from envoy.live.load import Load, Path
from envoy.live.namespaces import CONNECT_TIMEOUT
from envoy.live.network import CLIENT, PLAIN, LiveMesh, Network, eventually, live_mesh
from envoy.live.specs import http, node
from envoy.live.upstreams import HttpApplication
from envoy.meshes import Specs, backend, listening, to_router

pytestmark = pytest.mark.unmeasured

CHANGES = amount("nodes replaced under load", test=2, full=40)
UNORDERED = amount("nodes replaced under load without an order", test=1, full=12)
PORT = 8080
# Envoy asks for two kinds of addresses, so it needs a second to find a new node. Without the grace,
# requests would fail for as long; the default is enough for a busy machine too.
DNS_SECONDS = 0.5
GRACE_SECONDS = 3.0
SERVICES = ("dns", "map")
PATHS = [Path(f"node to {kind}", f"{kind}.local") for kind in SERVICES]


def specs_of(number: int) -> Specs:
    """Return the mesh in which the node of each service has been replaced so often."""
    found: Specs = {
        "mesh/live": {},
        "virtual-node/live/client": backend(*(f"{kind}.local" for kind in SERVICES)),
    }
    discovery: dict[str, Any] = {
        "dns": {"dns": {"hostname": f"load-{number}.internal"}},
        "map": {"awsCloudMap": {"namespaceName": "load", "serviceName": f"map-{number}"}},
    }
    for kind in SERVICES:
        name = f"{kind}-{number}"
        found |= {
            f"virtual-service/live/{kind}.local": to_router(kind),
            f"virtual-router/live/{kind}": listening("http", 80),
            f"route/live/{kind}/all": http(name),
            f"virtual-node/live/{name}": {
                **node(name, port=PORT), "serviceDiscovery": discovery[kind],
            },
        }  # fmt: skip
    return found


@contextmanager
def under_load(network: Network) -> Iterator[tuple[LiveMesh, Load]]:
    """Run a mesh whose nodes are all one application, with clients that call it."""
    instances = network.root / "instances.yaml"
    found = [
        {"namespace": "load", "service": f"map-{number}", "instances": [{"ipv4": address(number)}]}
        for number in range(CHANGES + 1)
    ]
    instances.write_text(json.dumps(found))
    for number in range(CHANGES + UNORDERED + 1):
        network.names.records[f"load-{number}.internal"] = [address(number)]
    application = HttpApplication("load", network.tasks[PLAIN].listen("0.0.0.0", PORT))  # noqa: S104
    arguments = ("--instances", str(instances))
    try:
        with live_mesh(network, specs_of(0), CLIENT, arguments=arguments) as mesh:
            load = Load(network, PATHS)
            eventually(lambda: load.served > 0)
            load.clear()
            try:
                yield mesh, load
            finally:
                load.stop()
    finally:
        application.close()


def address(number: int) -> str:
    return f"10.77.0.{30 + number % 42}"


def is_published(mesh: LiveMesh, number: int) -> bool:
    """Whether the client has clusters of these nodes, and no longer of those before."""
    directory = mesh.delivery.bootstrap(key(f"virtual-node/live/{CLIENT}")).parent
    content = json.loads((directory / "cds.json").read_text())
    names = [resource["name"].split("_") for resource in content["resources"]]
    found = {parts[3] for parts in names if parts[1] == "egress" and len(parts) > 4}
    return found == {f"{kind}-{number}" for kind in SERVICES}


@pytest.mark.process
def test_replaced_nodes_fail_no_request(
    files_network: Network, record_property: Callable[[str, object], None]
) -> None:
    with under_load(files_network) as (mesh, load), watching(mesh):
        files_network.names.delay = DNS_SECONDS
        try:
            for number in range(1, CHANGES + 1):
                mesh.write(specs_of(number))
                eventually(partial(is_published, mesh, number))
        finally:
            files_network.names.delay = 0.0
        load.stop()
    assert load.failed == 0, load.answers
    figure = f"0 of {load.served} requests failed"
    record_property("figure", f"envoy live: {CHANGES} times two replaced nodes, {figure}")


@pytest.mark.process
def test_without_an_order_requests_fail(
    files_network: Network, record_property: Callable[[str, object], None]
) -> None:
    with under_load(files_network) as (mesh, load):
        for number in range(1, UNORDERED + 1):
            failed = load.failed
            # The routes name a new node, which no Envoy finds before the name server answers.
            files_network.names.answering.clear()
            try:
                mesh.export(specs_of(number))
                eventually(partial(load.has_more, failed=failed))
            finally:
                files_network.names.answering.set()
            eventually(partial(load.has_more, served=load.served))
        load.stop()
    figure = f"{load.failed} of {load.total} requests failed"
    record_property("figure", f"envoy live: {UNORDERED} times without an order, {figure}")


@contextmanager
def watching(mesh: LiveMesh) -> Iterator[None]:
    """Run the command that keeps the files up to date."""
    assert isinstance(mesh.delivery, Files)
    command = [*mesh.delivery.command, "--watch", "--grace", str(GRACE_SECONDS)]
    process = subprocess.Popen(
        [sys.executable, "-m", "reconciler", *command], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        # From this line on it sees each change.
        assert any("0 of them changed" in line for line in process.stdout)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=CONNECT_TIMEOUT)
