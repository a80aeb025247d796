"""The next snapshot of a mesh is translated as if there had been none before it."""

from typing import Any

import pytest
from amounts import amount
from builders import key
from envoy.meshes import INSTANCES, Specs, backend, gateway_route_spec, listening, shop, to_node
from envoy.random_meshes import random_snapshots
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.resources import Key
from reconciler.envoy.context import MeshContext
from reconciler.envoy.losses import Loss
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.snapshot import (
    CloudMapQuery,
    Instance,
    Instances,
    Mesh,
    PolledInstances,
    Snapshot,
)
from reconciler.envoy.translate import Translator, translate_proxy

CHANGES = amount("changes of random meshes, translated one after the other", test=15, full=500)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
WEB = CloudMapQuery("shop", "web")


def cloud_shop(**changes: Any) -> Specs:
    """Return the mesh with a node of Cloud Map, which a calls too."""
    discovery = {"awsCloudMap": {"namespaceName": "shop", "serviceName": "web"}}
    node = {**listening("http", 80), "serviceDiscovery": discovery}
    specs = shop(virtual_node__m__d=node, virtual_service__m__d_local=to_node("d"))
    specs["virtual-node/m/a"] |= backend("s.local", "d-local")
    return {**specs, **changes}


def snapshot(
    specs: Specs, instances: Instances = INSTANCES, before: Snapshot | None = None
) -> Snapshot:
    return Snapshot.from_rows([(key(it), spec) for it, spec in specs.items()], instances, before)


def mesh(of: Snapshot) -> Mesh:
    return of.meshes["m", ""]


def translated(context: MeshContext, of: Snapshot) -> dict[Key, ProxyConfig]:
    return {it: translate_proxy(context, it) for it in of.proxies}


POLLED = PolledInstances({("shop", "web"): (Instance("10.0.0.1"),)}, [WEB])
NODE = cloud_shop()["virtual-node/m/b"]
TARGETS = {"weightedTargets": [{"virtualNode": "b", "weight": 7}]}


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("specs", "instances"),
    [
        (cloud_shop(**{"mesh/m": {"egressFilter": {"type": "ALLOW_ALL"}}}), POLLED),
        (cloud_shop(**{"virtual-node/m/b": {**NODE, **listening("http", 81)}}), POLLED),
        (cloud_shop(**{"virtual-router/m/r": listening("http", 81)}), POLLED),
        (cloud_shop(**{"virtual-service/m/s.local": to_node("b")}), POLLED),
        (cloud_shop(**{"virtual-service/m/S.local": to_node("b")}), POLLED),
        (cloud_shop(**{"virtual-gateway/m/g": listening("http", 81)}), POLLED),
        (cloud_shop(**{"route/m/r/z": {"httpRoute": {"match": {}, "action": TARGETS}}}), POLLED),
        (cloud_shop(**{"gateway-route/m/g/x": gateway_route_spec("http", "t.local")}), POLLED),
        (cloud_shop(), PolledInstances({("shop", "web"): (Instance("10.0.0.2"),)}, [WEB])),
        (cloud_shop(), PolledInstances({}, [])),
        ({it: spec for it, spec in cloud_shop().items() if it != "virtual-node/m/c"}, POLLED),
    ],
    ids=[
        "mesh", "node", "router", "service", "host", "gateway", "route", "gateway route",
        "instances", "unknown instances", "deleted node",
    ],
)  # fmt: skip
def test_each_change_is_translated_as_without_kept_results(
    specs: Specs, instances: Instances
) -> None:
    first = snapshot(cloud_shop(), POLLED)
    context = MeshContext(mesh(first), {})
    before = translated(context, first)
    second = snapshot(specs, instances, first)
    after = translated(context.for_mesh(mesh(second)), second)
    assert after == Translator(second).translate_all()
    assert after != before


def test_a_proxy_that_a_change_does_not_reach_is_the_same_object() -> None:
    first = snapshot(shop())
    context = MeshContext(mesh(first), {})
    before = translated(context, first)
    second = snapshot(shop(virtual_node__m__b={**NODE, **listening("http", 81)}), before=first)
    after = translated(context.for_mesh(mesh(second)), second)
    same = {str(it) for it in after if after[it] is before[it]}
    assert same == {"virtual-node/m/c"}
    untouched = before[key("virtual-gateway/m/g")].clusters["cds_egress_m_c_http_80"]
    assert after[key("virtual-gateway/m/g")].clusters["cds_egress_m_c_http_80"] is untouched


def test_a_value_can_be_read_without_a_result() -> None:
    assert MeshContext(mesh(snapshot(shop())), {}).node("absent") is None


def test_a_part_is_kept_as_long_as_a_result_uses_it() -> None:
    built: list[int] = []

    def port_of(context: MeshContext, losses: list[Loss]) -> int:
        node = context.node("b")
        assert node is not None
        return context.share(losses, part, node.spec["listeners"][0]["portMapping"]["port"])

    def part(_context: MeshContext, port: int, _losses: list[Loss]) -> int:
        built.append(port)
        return port

    plain = mesh(snapshot(shop()))
    other = mesh(snapshot(shop(virtual_node__m__b={**NODE, **listening("http", 81)})))
    drained = mesh(snapshot(shop(virtual_node__m__b={**NODE, "backends": []})))
    context = MeshContext(plain, {})
    for number, next_mesh in enumerate((plain, drained, other, plain)):
        context = context.for_mesh(next_mesh)
        assert context.share([], port_of) == (81 if number == 2 else 80)
    assert built == [80, 81, 80]


def test_a_node_that_does_not_exist_has_no_proxy() -> None:
    context = MeshContext(mesh(snapshot(shop())), {})
    with pytest.raises(KeyError):
        translate_proxy(context, key("virtual-node/m/absent"))


@pytest.mark.unmeasured
@given(st.lists(random_snapshots(), min_size=2, max_size=3), st.data())
@settings(max_examples=CHANGES, suppress_health_check=SLOW)
def test_any_changes_lead_to_the_translation_of_the_last_snapshot(
    snapshots: list[Snapshot], data: st.DataObject
) -> None:
    current = snapshots[0]
    context = MeshContext(mesh(current), {})
    for other in snapshots[1:]:
        translated(context, current)
        changed = data.draw(st.sets(st.sampled_from([*current.specs]), min_size=1, max_size=2))
        rows = {**current.specs, **{it: other.specs[it] for it in changed}}
        current = Snapshot.from_rows(rows.items(), current.instances, current)
        context = context.for_mesh(mesh(current))
        assert translated(context, current) == Translator(current).translate_all()
