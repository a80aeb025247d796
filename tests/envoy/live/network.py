"""The network that all live tests share: tasks, name server, applications and Envoys."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from builders import key as key_of
from envoy.live.deliveries import ADMIN_PORT, Delivery, Files
from envoy.live.dns import NameServer
from envoy.live.namespaces import (
    CONNECT_TIMEOUT,
    ENVOY_USER,
    NAMESERVER,
    Bridge,
    Namespace,
    redirect,
)
from envoy.live.upstreams import GrpcApplication, HttpApplication, TcpApplication
from envoy.meshes import Specs
from manifest_text import manifest_text

MESH = "live"
# A busy machine is slow to start an Envoy and to read a file; no test fails by this bound.
PATIENT_SECONDS = 120.0
CLIENT, SERVER, EDGE, PLAIN = "client", "server", "edge", "plain"
# The listeners of the server that are redirected to its Envoy.
SERVER_PORTS = (80, 81, 82, 83, 84, 443, 444, 445, 446, 447, 448, 449, 450, 9000, 9001)
NODES = {"a": 21, "b": 22, "c": 23}
_HOSTS = {CLIENT: [10], SERVER: [11], EDGE: [12], PLAIN: [13, *NODES.values(), *range(30, 72)]}


class Network:
    """Four tasks: a client and a server behind the redirect, a gateway, and one without Envoy.

    The last task has the nodes a, b and c, each with an address of its own.

    Attributes:
        delivery: How Envoys get their configuration.
    """

    delivery: type[Delivery] = Files

    def __init__(self, program: Path) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="mesh-live-")
        self.root = Path(self._directory.name)
        # Envoys run as another user.
        self.root.chmod(0o755)
        (self.root / "resolv.conf").write_text(f"nameserver {NAMESERVER}\n")
        (self.root / "envoy").touch()
        self.run = self.root / "run"
        self.run.mkdir()
        self.logs = self.root / "logs"
        self.logs.mkdir()
        self.logs.chmod(0o777)
        self._bridge = Bridge(self.root, program)
        self.tasks = {name: Namespace(self.root, program) for name in _HOSTS}
        for name, task in self.tasks.items():
            self._bridge.attach(task, _HOSTS[name])
        redirect(self.tasks[CLIENT], ())
        redirect(self.tasks[SERVER], SERVER_PORTS)
        records = {name: _HOSTS[name][0] for name in (SERVER, EDGE, PLAIN)} | NODES
        self.names = NameServer(
            self._bridge.datagrams(NAMESERVER, 53),
            {f"{name}.internal": [f"10.77.0.{host}"] for name, host in records.items()},
        )
        self.http: dict[str, HttpApplication] = {}
        self.grpc: dict[str, GrpcApplication] = {}
        self._applications: list[Any] = []
        for name, host in NODES.items():
            self._serve(PLAIN, name, f"10.77.0.{host}")

    def __str__(self) -> str:
        """Return the name of the delivery."""
        return self.delivery.__name__.lower()

    def _serve(self, task: str, name: str, address: str) -> None:
        listen = self.tasks[task].listen
        self.http[name] = HttpApplication(name, listen(address, 80))
        self.grpc[name] = GrpcApplication(name, listen(address, 50051))
        tcp = TcpApplication(name, listen(address, 9000))
        first = TcpApplication(name, listen(address, 9001), speaks_first=True)
        self._applications += [self.http[name], self.grpc[name], tcp, first]

    def serve(self, application: Any) -> None:
        """Close an application with the network."""
        self._applications.append(application)

    def close(self) -> None:
        for application in self._applications:
            application.close()
        self.names.close()
        for namespace in (*self.tasks.values(), self._bridge):
            namespace.close()
        self._directory.cleanup()


class LiveMesh:
    """A mesh whose manifests are delivered to Envoys by files or by a server."""

    def __init__(
        self, network: Network, specs: Specs, *envoys: str, arguments: Sequence[str] = ()
    ) -> None:
        self.network = network
        self.root = Path(tempfile.mkdtemp(dir=network.root))
        self.root.chmod(0o755)
        self._manifests = self.root / "manifests.yaml"
        self.delivery = network.delivery(self.root, self._manifests, arguments)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.export(specs)
        for name in envoys:
            self._start(name)
        for name in envoys:
            eventually(partial(self._is_ready, name))
        # An Envoy is ready without the listeners that it rejected.
        assert self.rejected() == [], [self.log(name) for name in envoys]

    def export(self, specs: Specs, *arguments: str) -> None:
        """Replace the manifests, and deliver them.

        Args:
            specs: The resources.
            arguments: More arguments of the command that delivers them, from now on.
        """
        self.write(specs)
        self.delivery.deliver(*arguments)

    def write(self, specs: Specs) -> None:
        """Replace the manifests at once, as an editor or git does."""
        part = self._manifests.with_suffix(".part")
        part.write_text(manifest_text(specs))
        part.replace(self._manifests)

    def _start(self, name: str) -> None:
        proxy = f"virtual-{'gateway' if name == EDGE else 'node'}/{MESH}/{name}"
        task = self.network.tasks[name]
        command = task.command(
            "setpriv", "--reuid", str(ENVOY_USER), "--regid", str(ENVOY_USER), "--clear-groups",
            self.network.root / "envoy", "-c", self.delivery.bootstrap(key_of(proxy)),
            "--concurrency", "1", "--disable-hot-restart", "-l", "warning",
            "--file-flush-interval-msec", "200",
        )  # fmt: skip
        with (self.root / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def _is_ready(self, name: str) -> bool:
        assert self._processes[name].poll() is None, self.log(name)
        with suppress(OSError):
            return self.admin(name, "/ready") == "LIVE\n"
        return False

    def log(self, name: str) -> str:
        """Return the log of an Envoy."""
        return (self.root / f"{name}.log").read_text()

    def admin(self, name: str, path: str, method: str = "GET") -> str:
        """Return an answer of an Envoy's administration interface."""
        connection = self.network.tasks[name].connect("127.0.0.1", ADMIN_PORT)
        with connection:
            http = HTTPConnection("admin", timeout=CONNECT_TIMEOUT)
            http.sock = connection
            http.request(method, path)
            return http.getresponse().read().decode()

    def rejected(self) -> list[str]:
        """Return the counters of configuration that an Envoy rejected."""
        found = []
        for name in self._processes:
            stats = self.admin(name, "/stats?usedonly&filter=update_rejected|create_failure")
            found += [f"{name} {line}" for line in stats.splitlines() if not line.endswith(" 0")]
        return found

    def close(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(PATIENT_SECONDS)
        self.delivery.close()


@contextmanager
def live_mesh(
    network: Network, specs: Specs, *envoys: str, arguments: Sequence[str] = ()
) -> Iterator[LiveMesh]:
    """Run the Envoys of a mesh; no configuration may be rejected.

    Args:
        network: The network, with a task of the same name for each Envoy.
        specs: The resources.
        envoys: The names of the nodes and gateways.
        arguments: More arguments of the command that delivers them.
    """
    mesh = LiveMesh(network, specs, *envoys, arguments=arguments)
    try:
        yield mesh
        assert mesh.rejected() == []
    finally:
        mesh.close()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds, for as long as a busy machine may take."""
    deadline = time.monotonic() + PATIENT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.1)
