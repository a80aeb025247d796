"""Starts the services, the endpoint, the daemon and the gateway's Envoy."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from demo.processes import DemoError, Processes
from demo.screen import Screen
from demo.tasks import Task
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
    processes: Processes,
    envoy: Path,
    gateway_port: int,
    ports: list[int],
    screen: Screen,
    *,
    has_tasks: bool,
) -> Stack:
    """Start all parts, and wait until a request is answered through the gateway.

    Args:
        processes: Runs the parts.
        envoy: The program.
        gateway_port: The port of the gateway.
        ports: Ports for the API, the daemon and the services.
        screen: Shows what was started.
        has_tasks: Whether each node has an Envoy and a namespace, or just the gateway an Envoy.
    """
    api_port, daemon_port, service_port = ports
    directory = processes.directory
    manifests = directory / "manifests"
    shutil.copytree(HERE / "manifests", manifests)
    tasks = [Task(processes, name, number) for number, name in enumerate(ADDRESSES, 1)]
    hosts = {it.name: it.address for it in tasks} if has_tasks else ADDRESSES
    for task in tasks:
        listen = "127.0.0.1" if has_tasks else hosts[task.name]
        service = (sys.executable, HERE / "service.py", listen, str(service_port), task.name)
        if has_tasks:
            task.start(service_port, *service)
        else:
            processes.start(f"service {task.name}", *service)
    place = "in a network namespace each" if has_tasks else "of two addresses"
    screen.row("services", f"v1 and v2 of checkout, port {service_port} {place}")

    xds = f"unix:{directory}/xds.sock"
    api = ("--data", ":memory:", "--listen", f"127.0.0.1:{api_port}", "--xds", xds)
    processes.reconciler("endpoint", "endpoint", *api)
    processes.wait_until((directory / "xds.sock").exists, "endpoint", READY_SECONDS)
    screen.row("endpoint", f"App Mesh API at 127.0.0.1:{api_port}, and a socket for Envoys")

    values: dict[str, int | str] = {"GATEWAY_PORT": gateway_port, "SERVICE_PORT": service_port}
    values |= {f"{name.upper()}_HOST": host for name, host in hosts.items()}
    variables = [f"--var={name}={value}" for name, value in values.items()]
    url = ("--endpoint-url", f"http://127.0.0.1:{api_port}", "--owner", "demo")
    listening = ("--listen", f"127.0.0.1:{daemon_port}", "--token-file", directory / "token")
    processes.reconciler("daemon", "run", manifests, *url, *listening, *variables)
    screen.row("daemon", "reconciler run watches the manifests (tools/demo/manifests)")

    processes.start("Envoy", *_envoy(directory, envoy, GATEWAY, xds))
    for task in tasks if has_tasks else ():
        command = _envoy(directory, envoy, f"virtual-node/demo/checkout-{task.name}", xds)
        processes.start(f"Envoy of {task.name}", *task.command(*command))
        node = Traffic(service_port, task.address)
        _wait_for(processes, node, f"Envoy of {task.name}")
    _wait_for(processes, Traffic(gateway_port), "Envoy")
    if has_tasks:
        screen.row("nodes", "an Envoy each: connections to a node are redirected to it")
        screen.row("gateway", f"Envoy at port {gateway_port} of the demo's own network")
    else:
        screen.row(
            "gateway", f"Envoy at http://127.0.0.1:{gateway_port}, without those of the nodes:"
        )
        screen.row("", "this form needs no interception of connections, so no root")
    return Stack(processes, gateway_port, manifests / "route.yaml")


def _wait_for(processes: Processes, traffic: Traffic, name: str) -> None:
    processes.wait_until(lambda: traffic.answer() != "", name, READY_SECONDS)


def _envoy(directory: Path, envoy: Path, key: str, xds: str) -> tuple[str | Path, ...]:
    command = (sys.executable, "-m", "reconciler", "envoy", "bootstrap", key, "--xds", xds)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoError(f"printing the bootstrap of {key}: {done.stderr.strip()}")
    bootstrap = directory / f"{key.replace('/', '-')}.yaml"
    bootstrap.write_text(done.stdout, "utf-8")
    options = ("--use-dynamic-base-id", "--concurrency", "1", "-l", "warning")
    return (envoy, "-c", bootstrap, *options)
