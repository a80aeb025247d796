"""The server of Envoys, through gRPC clients: what it refuses, and that no client hurts another."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import grpc
import pytest
from amounts import amount
from daemons import eventually
from envoy.ads_client import NODE, client, request
from envoy.live_states import ChangingState, served
from envoy.meshes import backend, dns, listening, shop

from reconciler import limits
from reconciler.envoy.proxy_state import CLUSTERS
from reconciler.envoy.serve import EnvoyServer

CONNECTIONS = amount("connections of clients to the server of Envoys", test=100, full=1000)


@pytest.fixture
def state() -> ChangingState:
    return ChangingState(shop())


@pytest.fixture
def server(state: ChangingState, tmp_path: Path) -> Iterator[EnvoyServer]:
    with served(state, tmp_path) as server:
        yield server


@pytest.fixture
def address(server: EnvoyServer) -> str:
    return f"unix:{server.addresses[0].path}"


def connected(server: EnvoyServer) -> int:
    return sum(len(scope["proxies"]) for scope in server.status())


def test_a_proxy_gets_its_clusters_and_each_change(address: str, state: ChangingState) -> None:
    with client(address) as proxy:
        assert proxy.clusters()
        node = shop()["virtual-node/m/b"]
        router = shop()["route/m/r/x"]
        router["httpRoute"]["action"]["weightedTargets"][0]["virtualNode"] = "new"
        state.change(shop(virtual_node__m__new=node, route__m__r__x=router))
        assert b"cds_egress_m_new_http_80" in proxy.receive().SerializeToString()


def test_an_unknown_node_is_served_when_it_is_created(address: str, state: ChangingState) -> None:
    with client(address) as proxy:
        proxy.send(request("mesh/m/virtualNode/new"))
        state.change(shop(virtual_node__m__new=shop()["virtual-node/m/a"]))
        assert proxy.receive().type_url == CLUSTERS


@pytest.mark.parametrize("node_id", ["", "front", "mesh/m/virtualRouter/r", "a\nb"])
def test_a_wrong_node_id_is_refused(address: str, server: EnvoyServer, node_id: str) -> None:
    with client(address) as proxy:
        proxy.send(request(node_id))
        code, text = proxy.end()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "is not the ARN of a virtual node or gateway" in text
    assert "\n" not in text
    assert connected(server) == 0


@pytest.mark.parametrize("is_first", [True, False])
def test_garbage_ends_its_stream_alone(
    address: str, server: EnvoyServer, caplog: pytest.LogCaptureFixture, *, is_first: bool
) -> None:
    with client(address) as other, client(address) as proxy:
        assert other.clusters()
        if not is_first:
            proxy.clusters()
        proxy.send(b"\xff\xff\xff")
        code, _ = proxy.end()
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        eventually(lambda: connected(server) == 1)
        assert not [record for record in caplog.records if record.exc_info]


def test_a_client_that_says_nothing_is_no_proxy(address: str, server: EnvoyServer) -> None:
    with client(address) as proxy:
        proxy.close()
        proxy.end()
    assert connected(server) == 0


def test_bytes_that_are_no_http_hurt_no_other_client(address: str) -> None:
    with client(address) as other, socket.socket(socket.AF_UNIX) as rude:
        rude.connect(address.removeprefix("unix:"))
        rude.sendall(b"GET / HTTP/1.1\r\n\r\n" + b"\xff" * 10_000)
        assert other.clusters()


@pytest.mark.unmeasured
def test_many_clients_come_and_break_off(
    address: str, server: EnvoyServer, record_property: Callable[[str, object], None]
) -> None:
    with client(address) as other, ExitStack() as streams:
        for _ in range(CONNECTIONS):
            streams.enter_context(client(address)).send(request())
        eventually(lambda: connected(server) == CONNECTIONS)
        began = time.monotonic()
        assert other.clusters()
        seconds = time.monotonic() - began
        record_property(
            "figure", f"envoy: served after {seconds:.2f} s beside {CONNECTIONS} connections"
        )
        streams.close()
        eventually(lambda: connected(server) == 1)


def large_mesh(number: int) -> dict[str, object]:
    """Return a mesh with a proxy that gets a cluster of about a megabyte."""
    trust = {"file": {"certificateChain": f"/{number}/" + "x" * 1_000_000}}
    policy = {"tls": {"validation": {"trust": trust}}}
    return shop(virtual_node__m__a=backend("t.local", clientPolicy=policy))


def test_a_client_that_never_reads_is_disconnected(
    address: str, state: ChangingState, server: EnvoyServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with client(address) as other, client(address) as rude:
        assert other.clusters("mesh/m/virtualNode/b")
        rude.send(request())
        eventually(lambda: connected(server) == 2)
        numbers = count()

        def is_disconnected() -> bool:
            state.change(large_mesh(next(numbers)))
            return connected(server) == 1

        eventually(is_disconnected)
        assert "reads too slowly and is disconnected" in caplog.text
        code, _ = rude.end()
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        state.change(shop(virtual_node__m__b={**listening("http", 81), **dns("b")}))
        assert other.receive().type_url == CLUSTERS


def test_accounts_without_resources_are_bounded(address: str, server: EnvoyServer) -> None:
    def node_of(account: int) -> str:
        return f"arn:aws:appmesh:eu-west-1:{account:012}:{NODE}"

    with ExitStack() as streams:
        for account in range(limits.XDS_MAX_EMPTY_SCOPES):
            streams.enter_context(client(address)).send(request(node_of(account)))
        most = limits.XDS_MAX_EMPTY_SCOPES
        eventually(lambda: connected(server) == most)
        with client(address) as one_more:
            one_more.send(request(node_of(999)))
            code, text = one_more.end()
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "account 000000000999" in text
        with client(address) as own:
            assert own.clusters()
        streams.close()
        eventually(lambda: connected(server) == 0)
    with client(address) as later:
        later.send(request(node_of(999)))
        eventually(lambda: connected(server) == 1)
    assert len(server.status()) == 2


def test_an_account_with_resources_is_served_though_many_have_none(tmp_path: Path) -> None:
    states = {number: ChangingState({}) for number in range(100)}
    states[50] = ChangingState(shop())

    def state_of(account: str, _region: str) -> ChangingState:
        return states[int(account) % 100]

    def node_of(number: int) -> str:
        return f"arn:aws:appmesh:eu-west-1:{number:012}:{NODE}"

    address = f"unix:{tmp_path}/xds.sock"
    with served(ChangingState({}), tmp_path, state_of=state_of) as server, ExitStack() as streams:
        most = limits.XDS_MAX_EMPTY_SCOPES
        for number in range(most):
            streams.enter_context(client(address)).send(request(node_of(number)))
        eventually(lambda: connected(server) == most)
        with client(address) as proxy:
            assert proxy.clusters(node_of(50))
        states[51].fail("it cannot be read")
        with client(address) as proxy:
            proxy.send(request(node_of(51)))
            assert proxy.end()[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
