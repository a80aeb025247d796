"""Tables of live checks: routes of a service, requests to it, and their expected answers."""

import itertools
import json
import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from envoy.live.namespaces import CONNECT_TIMEOUT, UNUSED_ADDRESS
from envoy.live.network import CLIENT, LiveMesh, Network
from envoy.live.specs import node
from envoy.meshes import Specs, backend, listening, to_router

# The most requests that wait at once.
_WORKERS = 16
_numbers = itertools.count()
# A gRPC message without compression: its length, and the text x.
FRAME = b"\x00\x00\x00\x00\x01x"
GRPC = {"content-type": "application/grpc", "te": "trailers"}


@dataclass(frozen=True)
class Request:
    """An HTTP/1.1 request from a task; the redirect takes it to the task's Envoy, if it has one."""

    path: str = "/"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    port: int = 80
    address: str = UNUSED_ADDRESS
    task: str = CLIENT
    body: bytes = b""
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    timeout: float = CONNECT_TIMEOUT

    def send(self, network: Network, host: str = "") -> dict[str, Any]:
        """Return the answer: status, headers after a <, and the members from an application.

        A connection that fails or ends gives the status 0.
        """
        case = {"x-case": str(next(_numbers))}
        try:
            with self._connect(network) as connection:
                connection.settimeout(self.timeout)
                http = HTTPConnection(self.host or host, self.port)
                http.sock = connection
                headers = {"Host": self.host or host, **case, **self.headers}
                http.request(self.method, self.path, self.body or None, headers)
                answer = http.getresponse()
                head = {f"<{name.lower()}": value for name, value in answer.getheaders()}
                return {"status": answer.status, **head, **_members(answer.read())}
        except (OSError, HTTPException) as error:
            return {"status": 0, "error": f"{type(error).__name__} {error}"}

    def _connect(self, network: Network) -> socket.socket:
        connection = network.tasks[self.task].connect(self.address, self.port)
        if self.tls is None:
            return connection
        return self.tls.wrap_socket(connection, server_hostname=self.server_name or None)


def _members(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {"content": content.decode("latin-1")}
    return found if isinstance(found, dict) else {"content": found}


def planned(plan: str, method: str = "GET") -> Request:
    """Return a request whose attempts are answered by a plan."""
    return Request(method=method, headers={"x-plan": plan})


def call(plan: str = "OK", path: str = "/echo.Echo/Unary", **metadata: str) -> Request:
    """Return a unary call of gRPC as HTTP/1.1, which an Envoy turns into HTTP/2."""
    headers = {
        **GRPC,
        "x-plan": plan,
        **{name.replace("_", "-"): it for name, it in metadata.items()},
    }
    return Request(path, "POST", headers, body=FRAME)


Expected = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """One check: ``act`` returns an answer, and the members in ``expected`` are compared."""

    name: str
    act: Callable[[LiveMesh], Mapping[str, Any]]
    expected: Expected

    def failure(self, mesh: LiveMesh) -> str:
        """Return how the answer differs; empty if it does not."""
        answer = self.act(mesh)
        found = {name: answer.get(name) for name in self.expected}
        if found == self.expected:
            return ""
        return f"{self.name}: expected {dict(self.expected)}, not {found} of {dict(answer)}"


def failures(mesh: LiveMesh, checks: Sequence[Check]) -> list[str]:
    """Return the failures of checks, which run beside each other."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        return [text for text in pool.map(lambda check: check.failure(mesh), checks) if text]


@dataclass(frozen=True)
class Service:
    """A virtual service with routes of its own, and requests to it with their answers.

    Attributes:
        routes: The specs of its routes by name.
        requests: Each request with the members of its answer.
        specs: More resources that the service needs.
        ports: The protocol of each listener of its router.
        provider: The provider in place of the router.
        policy: The client policy of the caller, if it has one for this backend.
    """

    name: str
    routes: Mapping[str, Specs]
    requests: Sequence[tuple[Request, Expected]]
    ports: Mapping[int, str] = field(default_factory=lambda: {80: "http"})
    provider: Specs = field(default_factory=dict)
    policy: Specs = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name as a part of a host name."""
        return re.sub("[^a-z0-9]+", "-", self.name.lower())

    @property
    def host(self) -> str:
        """The host of its requests."""
        return f"{self.label}.local"

    @property
    def specs(self) -> Specs:
        """The service, its router and its routes."""
        provider = self.provider or to_router(self.label)
        found: Specs = {f"virtual-service/live/{self.host}": provider}
        if not self.provider:
            listeners = [listening(kind, port)["listeners"][0] for port, kind in self.ports.items()]
            found[f"virtual-router/live/{self.label}"] = {"listeners": listeners}
        for name, spec in self.routes.items():
            found[f"route/live/{self.label}/{name}"] = spec
        return found

    @property
    def checks(self) -> list[Check]:
        """A check of each request."""
        found = []
        for number, (request, expected) in enumerate(self.requests, 1):
            name = f"{self.name} ({number})" if len(self.requests) > 1 else self.name

            def act(mesh: LiveMesh, request: Request = request) -> Mapping[str, Any]:
                return request.send(mesh.network, self.host)

            found.append(Check(name, act, expected))
        return found


def mesh_of(services: Sequence[Service], more: Specs | None = None, **client: Any) -> Specs:
    """Return a mesh with a client that has all ``services`` as backends, and the nodes a, b, c.

    Args:
        services: The services.
        more: Other resources.
        client: More fields of the client.
    """
    more = {**(more or {})}
    for service in services:
        more |= service.specs
    backends = [
        backend(it.host, **({"clientPolicy": it.policy} if it.policy else {}))["backends"][0]
        for it in services
    ]
    nodes = {f"virtual-node/live/{name}": node(name) for name in "abc"}
    caller = {"virtual-node/live/client": {"backends": backends, **client}}
    return {"mesh/live": {}, **nodes, **caller, **more}
