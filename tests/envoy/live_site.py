"""A mesh with a gateway, a real Envoy in front of it, and processes of the control plane."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import boto3
from amounts import FULL
from envoy.envoys import Envoy
from envoy.server_processes import Process, serving

from reconciler.core.resources import Key
from reconciler.envoy.bootstrap import XDS_CLUSTER, Address, xds_bootstrap
from reconciler.envoy.serve import EnvoyServer

GATEWAY = Key("virtual-gateway", ("m", "g"))
GATEWAY_PORT = 9000
ROUTER_PORT = 8080
FIRST_PORT = 10_000
# Times are measured in make full; more requests would only compete with other tests.
PAUSE_SECONDS = 0.001 if FULL else 0.03
_HERE = Path(__file__).parent


class Site:
    """A context manager with everything; it ends all processes."""

    def __init__(self, directory: Path, envoy: Envoy) -> None:
        """Create it in an empty directory."""
        self._directory = directory
        self._envoy = envoy
        self._processes: list[Process] = []
        self._client: Any = None
        self.url = ""
        self.log = directory / "envoy.log"
        enter = f"ip link set lo up && exec {sys.executable} {_HERE / 'traffic.py'} {GATEWAY_PORT}"
        self._traffic = subprocess.Popen(
            ["unshare", "-rn", "sh", "-c", enter],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes."""
        self._traffic.communicate()
        for process in self._processes:
            process.kill()

    def socket(self, name: str) -> str:
        """Return the path of a socket."""
        return str(self._directory / f"{name}.sock")

    def endpoint(self) -> Process:
        """Start the endpoint, which serves Envoys too."""
        options = ["--listen", "127.0.0.1:0", "--data", str(self._directory / "data")]
        address = f"unix:{self.socket('one')}"
        process = Process("App Mesh API at", "endpoint", *options, "--xds", address)
        self._processes.append(process)
        self.url = process.line.split("App Mesh API at ")[1].split(",")[0]
        self._client = boto3.client(
            "appmesh",
            "us-east-1",
            endpoint_url=self.url,
            aws_access_key_id="000000000000",
            aws_secret_access_key="any",  # the endpoint takes any
        )
        return process

    def replica(self) -> Process:
        """Start a second server of Envoys on the same data."""
        options = ["--data", str(self._directory / "data")]
        address = f"unix:{self.socket('two')}"
        process = Process("Envoys are served", "envoy", "serve", *options, "--xds", address)
        self._processes.append(process)
        return process

    @contextmanager
    def serving(self, socket: str, **more: Any) -> Iterator[EnvoyServer]:
        """Serve Envoys on the same data by a server of this process, on another socket."""
        with serving(self._directory / "data", self.socket(socket), **more) as server:
            yield server

    def tell(self, name: str, *arguments: Any) -> str:
        """Send a command to the traffic, and return its answer."""
        assert self._traffic.stdin is not None
        assert self._traffic.stdout is not None
        self._traffic.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._traffic.stdin.flush()
        return self._traffic.stdout.readline().strip()

    def until(self, answer: str, seconds: float = 30) -> float:
        """Return after how many seconds a request is answered so."""
        took = json.loads(self.tell("until", answer, seconds))
        assert isinstance(took, float), took
        return took

    def first(self, answer: str, seconds: float = 30) -> float:
        """Return the monotonic time at which the load got this answer first."""
        found = json.loads(self.tell("first", answer, seconds))
        assert isinstance(found, float), found
        return found

    def has_settled(self, answer: str) -> bool:
        """Return whether all requests since the last results got this answer; none may fail."""
        time.sleep(0.03)
        found = json.loads(self.tell("results"))
        assert not [name for name in found if name.startswith("failed")], found
        return set(found) == {answer}

    def results(self) -> tuple[int, dict[str, int]]:
        """Return the number of requests since the last call, and the failed ones by reason."""
        found = json.loads(self.tell("results"))
        failed = {name: count for name, count in found.items() if name.startswith("failed")}
        return sum(found.values()), failed

    def start_envoy(self, *sockets: str) -> None:
        """Start the Envoy of the gateway, with these servers of its configuration."""
        paths = [Address(self.socket(name)) for name in sockets or ("one",)]
        bootstrap = xds_bootstrap(GATEWAY, paths[0], None, None, uses_sds=False)
        (cluster,) = bootstrap["static_resources"]["clusters"]
        assert cluster["name"] == XDS_CLUSTER
        (locality,) = cluster["load_assignment"]["endpoints"]
        locality["lb_endpoints"] = [{"endpoint": {"address": path.message}} for path in paths]
        self.run_envoy(bootstrap)

    def run_envoy(self, bootstrap: Any) -> None:
        """Start the Envoy of the gateway with a bootstrap."""
        config = self._directory / "envoy.json"
        config.write_text(json.dumps(bootstrap))
        self.tell("envoy", str(self._envoy.program), str(config), str(self.log))

    def create_mesh(self) -> None:
        """Create the mesh with everything except nodes and the gateway."""
        listener = {"portMapping": {"port": ROUTER_PORT, "protocol": "http"}}
        self._client.create_mesh(meshName="m")
        self._client.create_virtual_router(
            meshName="m", virtualRouterName="r", spec={"listeners": [listener]}
        )
        self.add_node(0)
        self._client.create_route(
            meshName="m", virtualRouterName="r", routeName="x", spec=route_spec({0: 1})
        )
        self._client.create_virtual_service(
            meshName="m",
            virtualServiceName="s.local",
            spec={"provider": {"virtualRouter": {"virtualRouterName": "r"}}},
        )

    def create_gateway(self) -> None:
        """Create the gateway and its route."""
        listener = {"portMapping": {"port": GATEWAY_PORT, "protocol": "http"}}
        self._client.create_virtual_gateway(
            meshName="m", virtualGatewayName="g", spec={"listeners": [listener]}
        )
        service = {"virtualServiceName": "s.local"}
        action = {"target": {"virtualService": service}}
        spec = {"httpRoute": {"match": {"prefix": "/"}, "action": action}}
        self._client.create_gateway_route(
            meshName="m", virtualGatewayName="g", gatewayRouteName="y", spec=spec
        )

    def serve(self, number: int) -> None:
        """Start the server of a node."""
        self.tell("serve", FIRST_PORT + number, f"n{number}")

    def add_node(self, number: int) -> None:
        """Create a node, and start its server, which answers with its name."""
        self.serve(number)
        self._client.create_virtual_node(
            meshName="m", virtualNodeName=f"n{number}", spec=node_spec(number)
        )

    def secure_node(self, number: int) -> None:
        """Give the listener of a node a certificate of ACM."""
        spec = node_spec(number)
        certificate = {
            "acm": {"certificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1"}
        }
        spec["listeners"][0]["tls"] = {"mode": "STRICT", "certificate": certificate}
        self._client.update_virtual_node(meshName="m", virtualNodeName=f"n{number}", spec=spec)

    def restore_node(self, number: int) -> None:
        """Take the certificate away."""
        spec = node_spec(number)
        self._client.update_virtual_node(meshName="m", virtualNodeName=f"n{number}", spec=spec)

    def create_many(self, count: int) -> None:
        """Create nodes that have a service of each as backends, and routes of the gateway to them.

        All of them are the server of the first node, which the gateway checks.
        """
        names = [f"p{number}" for number in range(count)]
        services = [{"virtualService": {"virtualServiceName": f"{it}.local"}} for it in names]
        check = {
            "protocol": "http", "path": "/", "healthyThreshold": 2, "unhealthyThreshold": 2,
            "intervalMillis": 5000, "timeoutMillis": 2000,
        }  # fmt: skip
        for name in names:
            spec = node_spec(0)
            spec["listeners"][0]["healthCheck"] = check
            spec["backends"] = services
            self._client.create_virtual_node(meshName="m", virtualNodeName=name, spec=spec)
            self._client.create_virtual_service(
                meshName="m",
                virtualServiceName=f"{name}.local",
                spec={"provider": {"virtualNode": {"virtualNodeName": name}}},
            )
            target = {"virtualService": {"virtualServiceName": f"{name}.local"}}
            match = {"prefix": f"/{name}"}
            self._client.create_gateway_route(
                meshName="m", virtualGatewayName="g", gatewayRouteName=name,
                spec={"httpRoute": {"match": match, "action": {"target": target}}},
            )  # fmt: skip

    def delete_node(self, number: int) -> None:
        """Delete a node; its server goes on."""
        self._client.delete_virtual_node(meshName="m", virtualNodeName=f"n{number}")

    def route_to(self, weights: dict[int, int], **more: Any) -> None:
        """Change the weights of the nodes."""
        self._client.update_route(
            meshName="m", virtualRouterName="r", routeName="x", spec=route_spec(weights, **more)
        )

    def access_log(self, path: str) -> None:
        """Let the gateway write an access log."""
        listener = {"portMapping": {"port": GATEWAY_PORT, "protocol": "http"}}
        log = {"accessLog": {"file": {"path": path}}}
        self._client.update_virtual_gateway(
            meshName="m",
            virtualGatewayName="g",
            spec={"listeners": [listener], "logging": log},
        )


def node_spec(number: int) -> dict[str, Any]:
    # Envoy need not ask a server of names for it.
    dns = {"hostname": "localhost", "ipPreference": "IPv4_ONLY"}
    return {
        "listeners": [{"portMapping": {"port": FIRST_PORT + number, "protocol": "http"}}],
        "serviceDiscovery": {"dns": dns},
    }


def route_spec(weights: dict[int, int], **more: Any) -> dict[str, Any]:
    targets = [{"virtualNode": f"n{node}", "weight": weight} for node, weight in weights.items()]
    action = {"weightedTargets": targets}
    return {"httpRoute": {"match": {"prefix": "/"}, "action": action, **more}}
