"""Starts the services, the endpoint, the daemon and the gateway's Envoy."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from demo.processes import DemoError, Processes
from demo.screen import Screen
from demo.traffic import Traffic

HERE = Path(__file__).parent
GATEWAY = "virtual-gateway/demo/entry"
ADDRESSES = {"v1": "127.0.0.1", "v2": "127.0.0.2"}
READY_SECONDS = 30.0


@dataclass(frozen=True)
class Stack:
    """The running parts."""

    processes: Processes
    gateway_port: int
    route: Path
    """The file with the weights."""

    def set_weights(self, v1: int, v2: int) -> None:
        """Replace the file with the weights, as editors do."""
        weights = iter((v1, v2))
        text = re.sub(
            r"(?<=weight: )\d+", lambda _: str(next(weights)), self.route.read_text("utf-8")
        )
        # Outside the watched directory, because the daemon would read it.
        new = self.processes.directory / "route.new"
        new.write_text(text, "utf-8")
        new.replace(self.route)


def start_all(
    processes: Processes, envoy: Path, gateway_port: int, ports: list[int], screen: Screen
) -> Stack:
    """Start all parts, and wait until a request is answered through the gateway."""
    api_port, daemon_port, service_port = ports
    directory = processes.directory
    manifests = directory / "manifests"
    shutil.copytree(HERE / "manifests", manifests)
    for version, address in ADDRESSES.items():
        service = (HERE / "service.py", address, str(service_port), version)
        processes.start(f"service {version}", sys.executable, *service)
    screen.row("services", f"v1 and v2 of checkout, port {service_port} of two addresses")

    xds = f"unix:{directory}/xds.sock"
    api = ("--data", ":memory:", "--listen", f"127.0.0.1:{api_port}", "--xds", xds)
    processes.reconciler("endpoint", "endpoint", *api)
    bootstrap = directory / "bootstrap.yaml"
    bootstrap.write_text(_bootstrap(xds), "utf-8")
    processes.wait_until((directory / "xds.sock").exists, "endpoint", READY_SECONDS)
    screen.row("endpoint", f"App Mesh API at 127.0.0.1:{api_port}, and a socket for Envoys")

    ports_in_manifests = {"GATEWAY_PORT": gateway_port, "SERVICE_PORT": service_port}
    variables = [f"--var={name}={port}" for name, port in ports_in_manifests.items()]
    url = ("--endpoint-url", f"http://127.0.0.1:{api_port}", "--owner", "demo")
    listen = ("--listen", f"127.0.0.1:{daemon_port}", "--token-file", directory / "token")
    processes.reconciler("daemon", "run", manifests, *url, *listen, *variables)
    screen.row("daemon", "reconciler run watches the manifests (tools/demo/manifests)")

    options = ("--use-dynamic-base-id", "--concurrency", "1", "-l", "warning")
    processes.start("Envoy", envoy, "-c", bootstrap, *options)
    traffic = Traffic(gateway_port)
    processes.wait_until(lambda: traffic.answer() != "", "Envoy", READY_SECONDS)
    screen.row("gateway", f"Envoy at http://127.0.0.1:{gateway_port}, without those of the nodes:")
    screen.row("", "this form needs no interception of connections, so no root")
    return Stack(processes, gateway_port, manifests / "route.yaml")


def _bootstrap(xds: str) -> str:
    command = (sys.executable, "-m", "reconciler", "envoy", "bootstrap", GATEWAY, "--xds", xds)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoError(f"printing the bootstrap of the gateway: {done.stderr.strip()}")
    return done.stdout
