"""Benchmark with 50 meshes of 40 resources each, compared with Terraform."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from terraform import MISSING, Terraform, mirror

from bench.costs import line, measure, median_of
from bench.endpoint import serving

MESHES = 50
NODES, ROUTERS, ROUTES, SERVICES, GATEWAY_ROUTES = 15, 5, 2, 5, 3
RUNS = 3
WORKERS = 10
OURS = [sys.executable, "-m", "reconciler"]
LISTENER = {"portMapping": {"port": 80, "protocol": "http"}}
# Reads the target repeatedly with a cache, like the daemon.
WARM = """
import sys, time
from datetime import UTC, datetime
from reconciler.core.resources import TargetId
from reconciler.core.planning.guards import GuardSettings
from reconciler.engine import propose
from reconciler.manifest.loading import load_manifests
from reconciler.source.snapshot import read
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.api_client import ApiClient
from reconciler.targets.cache import ReadCache
from reconciler.targets.session import Connection, open_session
url, directory, account = sys.argv[1:]
connection = Connection(url, "eu-west-1", credentials=(account, "any"))
client = ApiClient(open_session(connection), connection, workers=10, reopen=None)
target = AppMesh(TargetId("bench", url, account, "eu-west-1"), client, cache=ReadCache())
desired = load_manifests(read([directory], stdin=sys.stdin.buffer).files).desired
for _ in range(3):
    client.counts.clear()
    began = time.process_time()
    plan = propose(target, desired, owner="bench", guards=GuardSettings(), now=datetime.now(UTC))
    took = time.process_time() - began
print(took, sum(client.counts.values()), len(plan.unchanged), len(plan.changes))
"""


def figures() -> Iterator[str]:
    """Yield a line for each figure, with the figure of Terraform in the same run and the goal."""
    count = MESHES * len(_graph("m"))
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        address, _, _ = opened.enter_context(serving(directory))
        url = f"http://{address}"
        (directory / "manifests").mkdir()
        for number in range(MESHES):
            documents = [json.dumps(document) for document in _graph(f"m{number:02}")]
            (directory / f"manifests/m{number:02}.yaml").write_text("\n---\n".join(documents))
        # The index of the endpoint never lags.
        target = ["manifests", "--endpoint-url", url, "--owner", "bench", "--tag-index-lag", "0"]
        first = median_of([*OURS, "plan", *target], directory, [7] * RUNS)
        created = median_of([*OURS, "apply", *target, "--auto-approve"], directory, range(RUNS))
        again = median_of([*OURS, "plan", *target], directory, [0] * RUNS)
        warm = measure([sys.executable, "-c", WARM, url, "manifests", f"1{0:011}"], str(directory))
        took, calls, same, changes = warm.printed.split()
        yield line(f"first plan of {count:,} resources", first)
        yield line(f"apply of {count:,} to an empty account", created)
        yield line(f"plan of {count:,} in sync", again)
        yield (
            f"no-change plan with warm listing    {float(took):7.2f} s CPU  {calls} calls, "
            f"{same} unchanged, {changes} changes   goal 2 s CPU"
        )
        plugins = mirror()
        if plugins is None:
            yield f"terraform: {MISSING}"
            return
        home = directory / "terraform"
        home.mkdir()
        terraform = Terraform(home, plugins)
        terraform.configure(url, _as_terraform(), account="200000000000")
        terraform("init")
        command = ["terraform", "apply", "-auto-approve", "-no-color", f"-parallelism={WORKERS}"]
        applied = measure(command, str(home), terraform.environment)
        yield line(f"terraform apply of {count:,}", applied)
        yield f"  {applied.wall / created.wall:.1f} times our wall time (goal: 5)"


def _graph(mesh: str) -> list[dict[str, Any]]:
    """Return the manifests of one mesh and its children."""

    def manifest(kind: str, name: str, spec: Any, **parents: str) -> dict[str, Any]:
        metadata = {"name": name, **parents}
        return {
            "apiVersion": "mesh-reconciler/v1",
            "kind": kind,
            "metadata": metadata,
            "spec": spec,
        }

    found = [manifest("Mesh", mesh, {"egressFilter": {"type": "DROP_ALL"}})]
    for number in range(NODES):
        spec = {
            "listeners": [LISTENER],
            "serviceDiscovery": {"dns": {"hostname": f"n{number}.local"}},
        }
        found.append(manifest("VirtualNode", f"n{number}", spec, mesh=mesh))
    for number in range(ROUTERS):
        router = f"r{number}"
        found.append(manifest("VirtualRouter", router, {"listeners": [LISTENER]}, mesh=mesh))
        for turn in range(ROUTES):
            targets = [
                {"virtualNode": f"n{number}", "weight": 90},
                {"virtualNode": f"n{number + ROUTERS}", "weight": 10},
            ]
            route = {"match": {"prefix": f"/{turn}"}, "action": {"weightedTargets": targets}}
            found.append(
                manifest("Route", f"x{turn}", {"httpRoute": route}, mesh=mesh, virtualRouter=router)
            )
    for number in range(SERVICES):
        provider = {"virtualRouter": {"virtualRouterName": f"r{number}"}}
        found.append(
            manifest("VirtualService", f"s{number}.local", {"provider": provider}, mesh=mesh)
        )
    found.append(manifest("VirtualGateway", "g", {"listeners": [LISTENER]}, mesh=mesh))
    for number in range(GATEWAY_ROUTES):
        target = {"virtualService": {"virtualServiceName": f"s{number}.local"}}
        route = {"match": {"prefix": f"/{number}/"}, "action": {"target": target}}
        found.append(
            manifest(
                "GatewayRoute", f"y{number}", {"httpRoute": route}, mesh=mesh, virtualGateway="g"
            )
        )
    return found


def _as_terraform() -> dict[str, Any]:
    """Return the same graph as Terraform resources, each kind with a count."""
    listener = {"port_mapping": {"port": 80, "protocol": "http"}}
    meshes = "${aws_appmesh_mesh.x[floor(count.index / %d)].name}"

    def many(per_mesh: int, **arguments: Any) -> dict[str, Any]:
        return {"x": {"count": MESHES * per_mesh, "mesh_name": meshes % per_mesh, **arguments}}

    def name_of(kind: str, per_mesh: int, referrers: int, offset: str) -> str:
        index = f"floor(count.index / {referrers}) * {per_mesh} + {offset}"
        return f"${{aws_appmesh_{kind}.x[{index}].name}}"

    routes = ROUTERS * ROUTES
    router_of_route = f"floor(count.index % {routes} / {ROUTES})"
    node = name_of("virtual_node", NODES, routes, router_of_route)
    other = name_of("virtual_node", NODES, routes, f"{router_of_route} + {ROUTERS}")
    return {
        "aws_appmesh_mesh": {
            "x": {
                "count": MESHES,
                "name": "m${count.index}",
                "spec": {"egress_filter": {"type": "DROP_ALL"}},
            }
        },
        "aws_appmesh_virtual_node": many(
            NODES,
            name=f"n${{count.index % {NODES}}}",
            spec={
                "listener": listener,
                "service_discovery": {"dns": {"hostname": f"n${{count.index % {NODES}}}.local"}},
            },
        ),
        "aws_appmesh_virtual_router": many(
            ROUTERS, name=f"r${{count.index % {ROUTERS}}}", spec={"listener": listener}
        ),
        "aws_appmesh_route": many(
            routes,
            name=f"x${{count.index % {ROUTES}}}",
            virtual_router_name=name_of("virtual_router", ROUTERS, routes, router_of_route),
            spec={
                "http_route": {
                    "match": {"prefix": f"/${{count.index % {ROUTES}}}"},
                    "action": {
                        "weighted_target": [
                            {"virtual_node": node, "weight": 90},
                            {"virtual_node": other, "weight": 10},
                        ]
                    },
                }
            },
        ),
        "aws_appmesh_virtual_service": many(
            SERVICES,
            name=f"s${{count.index % {SERVICES}}}.local",
            spec={
                "provider": {
                    "virtual_router": {
                        "virtual_router_name": name_of(
                            "virtual_router", ROUTERS, SERVICES, f"count.index % {SERVICES}"
                        )
                    }
                }
            },
        ),
        "aws_appmesh_virtual_gateway": many(1, name="g", spec={"listener": listener}),
        "aws_appmesh_gateway_route": many(
            GATEWAY_ROUTES,
            name=f"y${{count.index % {GATEWAY_ROUTES}}}",
            virtual_gateway_name=name_of("virtual_gateway", 1, GATEWAY_ROUTES, "0"),
            spec={
                "http_route": {
                    "match": {"prefix": f"/${{count.index % {GATEWAY_ROUTES}}}/"},
                    "action": {
                        "target": {
                            "virtual_service": {
                                "virtual_service_name": name_of(
                                    "virtual_service",
                                    SERVICES,
                                    GATEWAY_ROUTES,
                                    f"count.index % {GATEWAY_ROUTES}",
                                )
                            }
                        }
                    },
                }
            },
        ),
    }
