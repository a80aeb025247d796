"""apply --wait-proxies returns when the Envoys have acknowledged the changes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import grpc
import pytest
from conftest import Cli, Run
from daemons import eventually
from envoy.ads_client import AdsClient, client, request

from reconciler import limits
from reconciler.cli.xds_options import proxy_documents
from reconciler.endpoint import LocalEndpoint, Scope
from reconciler.envoy.bootstrap import Address
from reconciler.envoy.node_identity import NodeIdentity
from reconciler.envoy.proxy_state import CLUSTERS, LISTENERS, ROUTES
from reconciler.envoy.serve import EnvoyServer
from reconciler.serving.documents import Document, DocumentsApp, message
from reconciler.serving.http_server import listen, run_server, url_of
from reconciler.serving.protocol import Limits
from reconciler.wiring.control_plane import StoredState

NODE = "mesh/m/virtualNode/a"
SCOPE = ("123456789012", "eu-west-1")
NAMES = {CLUSTERS: (), LISTENERS: (), ROUTES: ("rds_ingress_http_80", "rds_ingress_http_81")}
Write = Callable[[str, str], Path]


def mesh(port: int) -> str:
    return f"""
apiVersion: mesh-reconciler/v1
kind: Mesh
metadata: {{name: m}}
---
apiVersion: mesh-reconciler/v1
kind: VirtualNode
metadata: {{name: a, mesh: m}}
spec:
  listeners: [{{portMapping: {{port: {port}, protocol: http}}}}]
  serviceDiscovery: {{dns: {{hostname: a.local}}}}
"""


@contextmanager
def serving(endpoint: LocalEndpoint, socket: Path) -> Iterator[EnvoyServer]:
    state = StoredState(endpoint.state, Scope(*SCOPE))
    with EnvoyServer([Address(str(socket))], lambda *_: state, NodeIdentity(*SCOPE)) as server:
        yield server


@contextmanager
def proxy(socket: Path, error: str = "") -> Iterator[None]:
    """Run a proxy that accepts all responses, or rejects all but the first with ``error``."""
    with client(f"unix:{socket}") as stream:
        for kind, names in NAMES.items():
            stream.send(request(NODE, kind, resource_names=names))
        thread = Thread(target=_answer, args=(stream, error))
        thread.start()
        try:
            yield
        finally:
            stream.close()
            thread.join()


def _answer(stream: AdsClient, error: str) -> None:
    accepted = set[str]()
    try:
        for response in stream.call:
            kind = response.type_url
            answer = request(NODE, kind, resource_names=NAMES[kind], response_nonce=response.nonce)
            if error and kind in accepted:
                answer.error_detail.message = error
            else:
                answer.version_info = response.version_info
                accepted.add(kind)
            stream.send(answer)
    except grpc.RpcError as end:
        assert end.code() is grpc.StatusCode.CANCELLED  # noqa: PT017  # the thread must end


@pytest.fixture
def socket(here: Path) -> Path:
    return here / "xds.sock"


@pytest.fixture
def server(endpoint: LocalEndpoint, socket: Path) -> Iterator[EnvoyServer]:
    with serving(endpoint, socket) as server:
        endpoint.documents |= proxy_documents(server)
        yield server


@pytest.fixture
def apply(cli: Cli, endpoint: LocalEndpoint, write: Write) -> Callable[..., Run]:
    write("reconciler.toml", f'[targets.t]\nendpoint_url = "{endpoint.url}"\nowner = "o"\n')

    def run(port: int, *more: str, seconds: str = "30") -> Run:
        write("manifests/m.yaml", mesh(port))
        arguments = ("--target", "t", "--auto-approve", "--wait-proxies", seconds, *more)
        return cli("apply", "manifests", *arguments)

    return run


def is_settled(server: EnvoyServer) -> bool:
    rows = [row for scope in server.status() for row in scope["proxies"]]
    return bool(rows) and not any(row["is_behind"] for row in rows)


@pytest.mark.unmeasured
def test_apply_returns_when_the_proxy_has_acknowledged(
    apply: Callable[..., Run], server: EnvoyServer, socket: Path
) -> None:
    done = apply(80)
    assert done.code == 0, done.err
    assert "acknowledged" not in done.out
    assert "--wait-proxies: no Envoy of the changed meshes is connected to http" in done.err
    with proxy(socket):
        eventually(lambda: is_settled(server))
        done = apply(81)
        assert done.code == 0, done.err
        assert "All connected proxies have acknowledged revision 4.\n" in done.out
        assert is_settled(server)
        # Without a change there is nothing to wait for.
        done = apply(81)
        assert done.code == 0
        assert "acknowledged" not in done.out
        done = apply(80, "--format", "json")
        assert done.code == 0
        assert "acknowledged" not in done.out


@pytest.mark.unmeasured
def test_a_proxy_that_rejects_the_change_is_named(
    apply: Callable[..., Run], server: EnvoyServer, socket: Path
) -> None:
    apply(80)
    with proxy(socket, error="no such port"):
        eventually(lambda: is_settled(server))
        done = apply(81, seconds="0.5")
    assert done.code == 4
    assert "revision 4 is applied, but was not acknowledged within 0.5 s" in done.err
    assert "virtual-node/m/a (no such port)" in done.err


@pytest.mark.unmeasured
def test_proxies_without_a_node_or_of_another_account_are_not_waited_for(
    apply: Callable[..., Run], server: EnvoyServer, socket: Path
) -> None:
    with client(f"unix:{socket}") as stream, client(f"unix:{socket}") as other:
        stream.send(request("mesh/other/virtualNode/a"))
        other.send(request("arn:aws:appmesh:eu-west-1:222222222222:mesh/m/virtualNode/a"))
        eventually(lambda: sum(len(scope["proxies"]) for scope in server.status()) == 2)
        assert apply(80, seconds="1").code == 0


def test_every_url_of_the_target_is_asked(
    apply: Callable[..., Run], endpoint: LocalEndpoint, write: Write, here: Path
) -> None:
    """The target serves no Envoys itself, and a server that is lost has acknowledged nothing."""
    with (
        serving(endpoint, here / "two.sock") as replica,
        listen("127.0.0.1", 0, insecure=False) as listening,
    ):
        urls = [url_of(listening)]
        write(
            "reconciler.toml",
            f'[targets.t]\nendpoint_url = "{endpoint.url}"\nowner = "o"\nproxies_urls = {urls}\n',
        )
        app = DocumentsApp(proxy_documents(replica))
        with run_server(app, listening, connection_limits=Limits()):
            assert apply(80).code == 0
            with proxy(here / "two.sock", error="no"):
                eventually(lambda: is_settled(replica))
                done = apply(81, seconds="0.2")
                assert done.code == 4
                assert "virtual-node/m/a" in done.err
    done = apply(80)
    assert done.code == 1
    assert f"cannot connect to the endpoint at {urls[0]}" in done.err
    assert "wrote" not in done.out


@pytest.mark.unmeasured
def test_a_server_that_is_lost_during_the_wait_has_acknowledged_nothing(
    apply: Callable[..., Run], server: EnvoyServer, endpoint: LocalEndpoint
) -> None:
    show = endpoint.documents["/_endpoint/proxies"]
    answers = iter([show()])

    def show_once() -> Document:
        return next(answers, message(503, "the server is lost"))

    endpoint.documents["/_endpoint/proxies"] = show_once
    done = apply(80, seconds="0.2")
    assert done.code == 4
    assert "failed: the server is lost" in done.err
    del server


def test_a_server_that_does_not_answer_takes_no_longer_than_the_wait(
    apply: Callable[..., Run], endpoint: LocalEndpoint, server: EnvoyServer
) -> None:
    show = endpoint.documents["/_endpoint/proxies"]
    answers, ended = iter([show()]), Event()

    def show_once() -> Document:
        first = next(answers, None)
        if first is None:
            ended.wait(60)
        return first or show()

    endpoint.documents["/_endpoint/proxies"] = show_once
    began = time.monotonic()
    try:
        done = apply(80, seconds="0.5")
    finally:
        seconds = time.monotonic() - began
        ended.set()
    assert done.code == 4
    assert "no response from the endpoint at http" in done.err
    # The timeout of other requests is 10 seconds, and the apply itself takes some time.
    assert seconds < limits.DAEMON_RESPONSE_TIMEOUT_SECONDS
    del server


def test_a_target_that_serves_no_envoys_is_wrong_usage(
    apply: Callable[..., Run], endpoint: LocalEndpoint
) -> None:
    done = apply(80)
    assert done.code == 64
    assert "--wait-proxies needs a target that serves Envoys: set proxies_urls" in done.err
    assert endpoint.state.read_all(Scope(*SCOPE)).revision == 0


def test_a_wrong_url_of_proxies_is_wrong_usage(apply: Callable[..., Run], write: Write) -> None:
    table = '[targets.t]\nendpoint_url = "http://h"\nowner = "o"\nproxies_urls = '
    for urls, text in {
        "['ftp://h']": "invalid endpoint URL in targets.t.proxies_urls",
        "'http://h'": "targets.t.proxies_urls must be a list of texts",
    }.items():
        write("reconciler.toml", table + urls)
        done = apply(80)
        assert done.code == 64
        assert text in done.err
