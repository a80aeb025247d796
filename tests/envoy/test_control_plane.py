"""The control plane: it serves a mesh as a whole, and breaks no traffic."""

from typing import Any

import pytest
from builders import key
from envoy.live_states import Broken
from envoy.meshes import Specs, backend, shop, to_node

from reconciler.core.resources import Key
from reconciler.envoy.ads_session import DiscoveryRequest, DiscoveryResponse
from reconciler.envoy.control_plane import HISTORY_SECONDS, ControlPlane, Stream
from reconciler.envoy.proxy_state import CLUSTERS, LISTENERS, ROUTES
from reconciler.envoy.proxy_status import is_behind, plane_status
from reconciler.envoy.snapshot import Snapshot
from reconciler.envoy.translate import TranslateOptions

A, B, C = (key(f"virtual-node/m/{name}") for name in "abc")
NEW = key("virtual-node/m/new")
TABLES = ("rds_egress_http_80", "rds_ingress_http_80")
GATEWAY = key("virtual-gateway/m/g")


def with_acm(node: str) -> Specs:
    """Return the mesh with a listener of a node that has a certificate of ACM."""
    spec = shop()[f"virtual-node/m/{node}"]
    tls = {"mode": "STRICT", "certificate": {"acm": {"certificateArn": "arn"}}}
    listener = {**spec["listeners"][0], "tls": tls}
    return {**shop(), f"virtual-node/m/{node}": {**spec, "listeners": [listener]}}


def without(specs: Specs, *names: str) -> Specs:
    return {name: spec for name, spec in specs.items() if name not in names}


class Proxy:
    """A proxy that accepts everything, or nothing."""

    def __init__(self, plane: ControlPlane, key: Key = A, version: str = "") -> None:
        self.plane = plane
        self.inbox: list[DiscoveryResponse] = []
        self.stream: Stream = plane.connect(key, self.inbox.extend, "envoy 1.40.0", 0)
        self._subscriptions = {CLUSTERS: (), LISTENERS: (), ROUTES: TABLES}
        for kind, names in self._subscriptions.items():
            offered = version if kind == CLUSTERS else ""
            plane.receive(self.stream, DiscoveryRequest(kind, offered, names=names), 0)

    def accept(self, error: str | None = None) -> list[DiscoveryResponse]:
        """Answer all responses and those that follow; return them."""
        taken = []
        while self.inbox:
            response = self.inbox.pop(0)
            taken.append(response)
            kind, version = response.type_url, "" if error else response.version
            names = self._subscriptions[kind]
            answer = DiscoveryRequest(kind, version, response.nonce, names, error)
            self.plane.receive(self.stream, answer, 1)
        return taken


class World:
    """A control plane and the number of its revision."""

    def __init__(self, options: TranslateOptions | None = None) -> None:
        self.plane = ControlPlane(options or TranslateOptions())
        self.revision = 0

    def change(self, specs: Specs, now: float = 0) -> None:
        """Publish a snapshot."""
        self.plane.publish(self.prepared(specs), now)

    def prepared(self, specs: Specs) -> Any:
        """Return the update to a snapshot."""
        self.revision += 1
        rows = [(key(name), spec) for name, spec in specs.items()]
        snapshot = Snapshot.from_rows(rows, previous=self.plane.snapshot)
        return self.plane.prepare(snapshot, self.revision)


@pytest.fixture
def world() -> World:
    return World(TranslateOptions(Broken()))


def changed() -> Specs:
    """Return the mesh after a change that concerns all nodes."""
    return shop(mesh__m={"egressFilter": {"type": "ALLOW_ALL"}})


def moved() -> Specs:
    """Return the mesh after a change that leads a from b to c."""
    return {**shop(), "virtual-service/m/s.local": to_node("c")}


def test_an_error_in_the_translation_holds_the_whole_mesh(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.change(shop())
    a, c = Proxy(world.plane), Proxy(world.plane, C)
    a.accept()
    c.accept()
    assert not is_behind(a.stream, world.plane)
    world.change({**changed(), str(C): with_acm("c")[str(C)]})
    assert not a.inbox
    assert not c.inbox
    assert world.plane.failures == {("m", ""): "ZeroDivisionError: arn"}
    assert "mesh m stays at its last revision, because of a bug" in caplog.text
    assert is_behind(a.stream, world.plane)
    (held,) = plane_status(world.plane, 0)["held_meshes"]
    assert held == {"mesh": "m", "owner": None, "reason": "ZeroDivisionError: arn"}
    world.change(changed())
    assert a.accept()
    assert not world.plane.failures


def test_a_proxy_that_connects_between_translation_and_push_holds_its_mesh_too(
    world: World,
) -> None:
    world.change(shop())
    b = Proxy(world.plane, B)
    b.accept()
    update = world.prepared({**changed(), str(C): with_acm("c")[str(C)]})
    assert not update.failures
    c = Proxy(world.plane, C)
    c.accept()
    world.plane.publish(update, 1)
    assert not b.inbox
    assert not c.inbox
    assert world.plane.failures


def test_a_proxy_that_connects_between_translation_and_push_gets_the_push(world: World) -> None:
    world.change(shop())
    update = world.prepared(changed())
    a = Proxy(world.plane)
    a.accept()
    world.plane.publish(update, 1)
    assert a.accept()
    assert a.stream.revision == 2


def test_a_proxy_that_cannot_be_translated_when_it_connects_is_sent_nothing(world: World) -> None:
    world.change(with_acm("b"))
    b = Proxy(world.plane, B)
    assert not b.inbox
    assert world.plane.failures
    assert is_behind(b.stream, world.plane)


def test_a_mesh_that_is_deleted_is_not_held(world: World) -> None:
    world.change(with_acm("b"))
    Proxy(world.plane, B)
    world.change({})
    assert not world.plane.failures


def test_an_unknown_node_is_served_the_moment_it_is_created(world: World) -> None:
    world.change(shop())
    proxy = Proxy(world.plane, NEW)
    assert not proxy.inbox
    assert not world.plane.exists(NEW)
    assert world.plane.losses(NEW) == ()
    assert world.plane.losses(key("virtual-node/absent/a")) == ()
    world.change(shop(virtual_node__m__new=shop()["virtual-node/m/a"]))
    assert [response.type_url for response in proxy.accept()][:1] == [CLUSTERS]


def test_a_deleted_node_keeps_its_last_state(world: World) -> None:
    world.change(shop())
    proxy = Proxy(world.plane)
    proxy.accept()
    world.change(without(shop(), "virtual-node/m/a"))
    assert not proxy.inbox
    world.change({})
    assert not proxy.inbox
    (row,) = plane_status(world.plane, 0)["proxies"]
    assert row["exists"] is False


def test_no_client_leaves_anything_behind_of_a_node_that_does_not_exist(world: World) -> None:
    world.change(shop())
    for place in range(3):
        proxy = Proxy(world.plane, key(f"virtual-node/m/none{place}"))
        world.plane.disconnect(proxy.stream, 1)
    assert not world.plane.streams


def test_nothing_is_left_of_deleted_nodes_and_meshes(world: World) -> None:
    world.change(shop())
    proxy = Proxy(world.plane)
    proxy.accept()
    world.change(moved(), 1)
    world.plane.disconnect(proxy.stream, 1)
    world.change({}, 2)
    assert not world.plane.streams
    assert world.plane.losses(A) == ()


def test_a_second_stream_of_a_proxy_is_sent_nothing_that_it_has(world: World) -> None:
    world.change(shop())
    first = Proxy(world.plane)
    (clusters, *_) = first.accept()
    second = Proxy(world.plane, version=clusters.version)
    assert CLUSTERS not in {response.type_url for response in second.inbox}
    world.plane.disconnect(first.stream, 1)
    assert [*world.plane.connected()] == [second.stream]


@pytest.mark.parametrize("since", [0, HISTORY_SECONDS + 2])
def test_a_proxy_of_another_server_goes_on_in_order(world: World, since: float) -> None:
    """A server that never had the proxy knows its clusters, and ends them after its routes."""
    other = World()
    other.change(shop())
    (clusters, *_) = Proxy(other.plane).accept()
    world.change(shop())
    world.change(moved(), 1)
    world.change({**moved(), "mesh/m": changed()["mesh/m"]}, 1 + since)
    proxy = Proxy(world.plane, version=clusters.version)
    names = [
        set(names_of(response)) for response in proxy.accept() if response.type_url == CLUSTERS
    ]
    kept = {"cds_egress_m_b_http_80"} & names[0]
    assert bool(kept) == (since == 0)
    assert "cds_egress_m_b_http_80" not in names[-1]


def names_of(response: DiscoveryResponse) -> list[str]:
    return [resource.name for resource in response.resources]


def test_an_earlier_state_that_cannot_be_translated_is_none(world: World) -> None:
    world.change(without(shop(), "virtual-node/m/b"))
    world.change(with_acm("b"))
    world.change(shop())
    proxy = Proxy(world.plane, B, version="unknown")
    assert proxy.accept()


def test_a_node_has_no_state_before_it_was_created(world: World) -> None:
    world.change(without(shop(), "virtual-node/m/b"))
    world.change(shop())
    assert Proxy(world.plane, B, version="unknown").accept()


def test_proxies_share_the_resources_that_are_equal(world: World) -> None:
    world.change(shop())
    first, second = Proxy(world.plane), Proxy(world.plane, GATEWAY)
    bodies = [
        {item.name: item.encoded for response in proxy.inbox for item in response.resources}
        for proxy in (first, second)
    ]
    shared = bodies[0].keys() & bodies[1].keys()
    assert shared
    assert all(bodies[0][name] is bodies[1][name] for name in shared)


def test_the_status_shows_rejections_losses_and_nodes_without_proxy(world: World) -> None:
    world.change(shop(virtual_node__m__a={**shop()["virtual-node/m/a"], **backend("none.local")}))
    a = Proxy(world.plane)
    a.accept("clusters are bad")
    status = plane_status(world.plane, 3)
    (row,) = status["proxies"]
    assert row["node"] == "mesh/m/virtualNode/a"
    assert row["types"]["clusters"]["error"] == "clusters are bad"
    assert row["types"]["clusters"]["rejected"]
    assert row["types"]["clusters"]["acked"] != row["types"]["clusters"]["rejected"]
    assert row["is_behind"]
    assert row["behind_seconds"] == 3
    assert "endpoints" not in row["types"]
    assert status["without_proxy"] == [str(GATEWAY), str(B), "virtual-node/m/c"]


def test_a_plane_without_a_snapshot_has_a_status() -> None:
    plane = ControlPlane()
    assert plane_status(plane, 0)["without_proxy"] == []
    assert not plane.has_resources
