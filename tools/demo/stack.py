"""Starts the services, the endpoint, the daemon and the Envoys."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
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
        has_tasks: Whether each node has a namespace and an Envoy; otherwise only the gateway has
            one.
    """
    api_port, daemon_port, service_port = ports
    directory = processes.directory
    manifests = directory / "manifests"
    shutil.copytree(HERE / "manifests", manifests)
    tasks = []
    if has_tasks:
        tasks = [Task(processes, name, number) for number, name in enumerate(ADDRESSES, 1)]
    _start_services(processes, tasks, service_port, screen)

    xds = f"unix:{directory}/xds.sock"
    api = ("--data", ":memory:", "--listen", f"127.0.0.1:{api_port}", "--xds", xds)
    processes.reconciler("endpoint", "endpoint", *api)
    processes.wait_until((directory / "xds.sock").exists, "endpoint", READY_SECONDS)
    screen.row("endpoint", f"App Mesh API at 127.0.0.1:{api_port}, and a socket for Envoys")

    hosts = ADDRESSES | {task.name: task.address for task in tasks}
    values: dict[str, int | str] = {"GATEWAY_PORT": gateway_port, "SERVICE_PORT": service_port}
    values |= {f"{name.upper()}_HOST": host for name, host in hosts.items()}
    variables = [f"--var={name}={value}" for name, value in values.items()]
    url = ("--endpoint-url", f"http://127.0.0.1:{api_port}", "--owner", "demo")
    listening = ("--listen", f"127.0.0.1:{daemon_port}", "--token-file", directory / "token")
    processes.reconciler("daemon", "run", manifests, *url, *listening, *variables)
    screen.row("daemon", "reconciler run watches the manifests (tools/demo/manifests)")

    processes.start("Envoy", *_envoy(directory, envoy, GATEWAY, xds))
    _start_node_envoys(processes, tasks, envoy, service_port)
    _wait_for(processes, Traffic(gateway_port), "Envoy")
    _show_envoys(screen, gateway_port, has_tasks=has_tasks)
    return Stack(processes, gateway_port, manifests / "route.yaml")


def _start_services(processes: Processes, tasks: Sequence[Task], port: int, screen: Screen) -> None:
    """Start each service in its task, or at its address of loopback if there are no tasks."""
    program = (sys.executable, HERE / "service.py")
    for task in tasks:
        task.start(port, *program, "127.0.0.1", str(port), task.name)
    for name, address in () if tasks else ADDRESSES.items():
        processes.start(f"service {name}", *program, address, str(port), name)
    place = "in a network namespace each" if tasks else "of two addresses"
    screen.row("services", f"v1 and v2 of checkout, port {port} {place}")


def _start_node_envoys(processes: Processes, tasks: Sequence[Task], envoy: Path, port: int) -> None:
    directory = processes.directory
    for task in tasks:
        key = f"virtual-node/demo/checkout-{task.name}"
        command = _envoy(directory, envoy, key, f"unix:{directory}/xds.sock")
        processes.start(f"Envoy of {task.name}", *task.command(*command))
        _wait_for(processes, Traffic(port, task.address), f"Envoy of {task.name}")


def _show_envoys(screen: Screen, gateway_port: int, *, has_tasks: bool) -> None:
    if has_tasks:
        screen.row("nodes", "an Envoy each: connections to a node are redirected to it")
        screen.row("gateway", f"Envoy at port {gateway_port} of the demo's own network")
        return
    screen.row("gateway", f"Envoy at http://127.0.0.1:{gateway_port}, without those of the nodes:")
    screen.row("", "this form needs no interception of connections, so no root")


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
