"""Snapshots, names of proxies, and the speed of a large mesh."""

import time
from collections.abc import Callable

import pytest
from builders import key
from envoy.meshes import INSTANCES, Specs, dns, listening, route_spec, shop, to_router

from reconciler.core.errors import UsageError
from reconciler.envoy import names
from reconciler.envoy.instances import parse_instances
from reconciler.envoy.snapshot import Instance, Snapshot
from reconciler.envoy.translate import Translator, all_losses, translate


def snapshot(previous: Snapshot | None = None) -> Snapshot:
    return Snapshot.from_rows([(key(it), spec) for it, spec in shop().items()], INSTANCES, previous)


def test_equal_specs_are_shared_and_the_revision_follows_the_content() -> None:
    first = snapshot()
    second = snapshot(first)
    assert all(first.specs[it] is second.specs[it] for it in first.specs)
    assert first.revision == second.revision
    other = Snapshot.from_rows(first.specs.items())
    assert other.revision != first.revision


def test_a_resource_without_a_spec_is_one_with_an_empty_spec() -> None:
    assert Snapshot.from_rows([(key("virtual-node/m/a"), None)]).specs == {
        key("virtual-node/m/a"): {}
    }


def test_a_mesh_of_another_account_is_translated_without_its_own_spec() -> None:
    guest = key("virtual-node/m@111122223333/a")
    config = translate(Snapshot.from_rows([(guest, {**listening("http", 80), **dns("a")})]), guest)
    assert "lds_ingress_0.0.0.0_15000" in config.listeners
    assert all_losses({guest: config}) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mesh/m/virtualNode/a", "virtual-node/m/a"),
        ("arn:aws:appmesh:eu-west-1:123456789012:mesh/m/virtualGateway/g", "virtual-gateway/m/g"),
        ("mesh/m@111122223333/virtualNode/a", "virtual-node/m@111122223333/a"),
    ],
)
def test_the_id_of_a_proxy_is_that_of_app_mesh(text: str, found: str) -> None:
    assert names.parse_node_id(text) == key(found)
    assert text.endswith(names.node_id(key(found)))


@pytest.mark.parametrize(
    "text", ["", "mesh/m/route/a", "mesh//virtualNode/a", "mesh/m/virtualNode"]
)
def test_another_text_is_no_id(text: str) -> None:
    assert names.parse_node_id(text) is None


def test_nodes_of_cloud_map_name_the_instances_that_they_use() -> None:
    cloud_map: Specs = {"awsCloudMap": {"namespaceName": "prod", "serviceName": "pay"}}
    specs: Specs = {"a": {"serviceDiscovery": cloud_map}, "b": {"serviceDiscovery": cloud_map}}
    rows = [
        (key(f"virtual-node/m/{name}"), spec) for name, spec in {**specs, "c": dns("c")}.items()
    ]
    (query,) = Snapshot.from_rows(rows).cloud_map_queries
    assert query[:2] == ("prod", "pay")


def test_instances_are_read_from_yaml() -> None:
    text = b"""
- {namespace: shop, service: a, instances: [{ipv4: 10.0.0.1, attributes: {stage: v1}}]}
- {namespace: shop, service: a, instances: [{ipv6: 'fd00::1'}]}
"""
    assert parse_instances("f", text) == {
        ("shop", "a"): (Instance("10.0.0.1", "", {"stage": "v1"}), Instance("", "fd00::1"))
    }
    assert parse_instances("f", b"") == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[", "reading f: it is not YAML: "),
        (b"[{service: a, instances: []}]", "reading f: /0/namespace: Field required"),
        (
            b"[{namespace: n, service: a, instances: [{ipv4: x}]}]",
            "reading f: /0/instances/0/ipv4: ",
        ),
    ],
)
def test_an_invalid_file_of_instances_is_one_line(text: bytes, problem: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_instances("f", text)
    assert str(raised.value).startswith(problem)
    assert "\n" not in str(raised.value)


@pytest.mark.unmeasured
def test_a_large_mesh_is_translated_fast(record_property: Callable[[str, object], None]) -> None:
    rows: Specs = {"mesh/m": {}}
    services = [f"s{number}.local" for number in range(100)]
    backends = [{"virtualService": {"virtualServiceName": it}} for it in services]
    for number, service in enumerate(services):
        rows[f"virtual-node/m/n{number}"] = {
            **listening("http", 80), **dns(f"n{number}"), "backends": backends,
        }  # fmt: skip
        rows[f"virtual-router/m/r{number}"] = listening("http", 80)
        rows[f"route/m/r{number}/all"] = route_spec("http", f"n{number}")
        rows[f"virtual-service/m/{service}"] = to_router(f"r{number}")
    large = Snapshot.from_rows((key(it), spec) for it, spec in rows.items())
    assert large.meshes
    started = time.process_time()
    Translator(large).translate(large.proxies[0])
    one = time.process_time() - started
    started = time.process_time()
    assert len(Translator(large).translate_all()) == 100
    everything = time.process_time() - started
    record_property("figure", f"envoy: 1 proxy {one * 1000:.0f} ms, 100 proxies {everything:.2f} s")
